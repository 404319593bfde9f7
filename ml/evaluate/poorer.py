"""Photographs made poorer at random, so that refusing the poor ones has something to refuse."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image as Pil
from PIL import ImageFilter

from ml.evaluate.templates import Embedder, Template
from ml.types import ModelRef, Pixels

LEFT_ALONE = 0.4  # share of photographs that stay as they are: comparisons then mix good with poor


@dataclass
class MadePoorer:
    """Wraps another way in; what happens to a photograph depends on the seed and its place alone."""

    inner: Embedder
    seed: int
    way: str = field(init=False)
    _place: int = 0

    def __post_init__(self) -> None:
        self.way = f"{self.inner.way}, made poorer"

    @property
    def models(self) -> tuple[ModelRef, ...]:
        return self.inner.models

    def __call__(self, batch: Sequence[bytes]) -> list[Template | str]:
        poorer = [spoil(data, np.random.default_rng((self.seed, self._place + i))) for i, data in enumerate(batch)]
        self._place += len(batch)
        return self.inner(poorer)


def spoil(data: bytes, rng: np.random.Generator) -> bytes:
    """One or two of: blur, too dark, too bright, fewer pixels, strong compression. PNG unless compressed."""
    if rng.random() < LEFT_ALONE:
        return data
    pixels = np.asarray(Pil.open(io.BytesIO(data)).convert("RGB"))
    chosen = rng.choice(5, size=int(rng.integers(1, 3)), replace=False)
    for kind in chosen:
        pixels = (_blur, _dim, _overexpose, _coarsen, _noise)[kind](pixels, rng)
    buffer = io.BytesIO()
    if rng.random() < 0.5:
        Pil.fromarray(pixels).save(buffer, "JPEG", quality=int(rng.integers(5, 60)))
    else:
        Pil.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _blur(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    radius = rng.uniform(0.5, 4.0) * pixels.shape[0] / 250  # px; LFW frames have a side of 250
    return np.asarray(Pil.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)))


def _dim(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return (pixels * rng.uniform(0.04, 0.5)).astype(np.uint8)


def _overexpose(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return (pixels.astype(np.float32) * rng.uniform(1.5, 4.0)).clip(0, 255).astype(np.uint8)


def _coarsen(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Fewer pixels, then the old size again, as a zoomed preview looks."""
    height, width = pixels.shape[:2]
    factor = rng.uniform(0.15, 0.6)
    small = Pil.fromarray(pixels).resize((max(8, int(width * factor)), max(8, int(height * factor))))
    return np.asarray(small.resize((width, height), Pil.Resampling.BICUBIC))


def _noise(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    return (pixels + rng.normal(0, rng.uniform(5, 40), pixels.shape)).clip(0, 255).astype(np.uint8)
