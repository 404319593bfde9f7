"""Made-up people: unit vectors around a centre each, so that the truth about scores is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ml.evaluate.comparisons import Comparisons, all_pairs
from ml.evaluate.gallery import Gallery
from ml.evaluate.templates import Enrolment


def templates(
    people: int, *, images: int = 3, noise: float = 0.5, alike: float = 0.0, dimensions: int = 32, seed: int = 0
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """`alike`: some people lean towards one common face, which makes impostor comparisons depend on people."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(people, dimensions))
    centres[:, 0] += rng.gamma(1.0, alike, people) if alike else 0.0
    label = np.repeat(np.arange(people), images).astype(np.int32)
    found = centres[label] + noise * rng.normal(size=(len(label), dimensions))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32), label


def comparisons(people: int, **options: float) -> Comparisons:
    return all_pairs(*templates(people, **options))  # type: ignore[arg-type]


def enrolment(people: int, **options: float) -> Enrolment:
    embeddings, label = templates(people, **options)  # type: ignore[arg-type]
    names = tuple(f"P{who:04d}/P{who:04d}_{i:04d}.jpg" for i, who in enumerate(label))
    gallery = Gallery(source=Path("nowhere"), names=names, people=tuple(sorted({n[:5] for n in names})), label=label)
    return Enrolment(gallery=gallery, embeddings=embeddings, quality=((),) * len(label), offered=len(label))
