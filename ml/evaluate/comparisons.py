"""Every comparison of a set of templates, kept in the memory of a small machine.

All genuine scores are kept. Of the impostor scores, which grow with the square of the set, a
histogram is kept of all and the loud end ("tail") exactly, with the people behind each score:
everything below the tail is far from any operating point, and the people are needed to say how
sure a rate is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

BINS = 40_000  # 5e-5 of cosine each: finer than float32 noise between two BLAS builds matters
BLOCK = 1024  # rows at a time: 1024 x 100,000 float32 is 0.4 GB, the largest set we aim at
TAIL_FRACTION = 0.03  # three times the largest FMR we report (1e-2), so replicates stay inside
TAIL_MOST = 4_000_000  # 12 bytes each: 48 MB
SAMPLE = 1_000_000  # pairs drawn to place the tail's edge: 3 % of it to +-0.02 points

Progress = Callable[[int, int], None]  # (done, total) in comparisons


@dataclass(frozen=True)
class Comparisons:
    """Genuine and impostor scores of one set. Scores are cosines, -1..1; higher is more alike.

    `label[t]` is the identity of template t. Pairs name templates, not identities.
    """

    label: NDArray[np.int32]  # (N,) template -> identity 0..identities-1
    genuine: NDArray[np.float32]  # (G,) scores
    genuine_pair: NDArray[np.int32]  # (G, 2)
    tail: NDArray[np.float32]  # (T,) the highest impostor scores, descending
    tail_pair: NDArray[np.int32]  # (T, 2)
    impostor_total: int  # comparisons made, the tail and the rest
    histogram: NDArray[np.int64]  # (BINS,) of all impostor scores over -1..1
    tail_edge: float  # each impostor score >= this is in the tail
    crossed: bool  # every template with every other (else: a given list)

    @property
    def identities(self) -> int:
        return int(self.label.max()) + 1 if len(self.label) else 0

    @property
    def templates(self) -> int:
        return len(self.label)

    def images_of(self) -> NDArray[np.int64]:
        """Templates per identity, (identities,)."""
        return np.bincount(self.label, minlength=self.identities)

    def genuine_identity(self) -> NDArray[np.int32]:
        return self.label[self.genuine_pair[:, 0]]

    def tail_identities(self) -> NDArray[np.int32]:
        """(T, 2) the two people behind each tail score."""
        return self.label[self.tail_pair]


def all_pairs(
    embeddings: NDArray[np.float32], label: NDArray[np.int32], *, block: int = BLOCK, progress: Progress | None = None
) -> Comparisons:
    """Compare each template with each other once.

    `embeddings` is (N, D), rows of unit length. Needs about 12 * block * N bytes.
    """
    total = _impostor_total(label)
    edge = _tail_edge(embeddings, label, fraction=min(TAIL_FRACTION, TAIL_MOST / max(total, 1)))
    histogram = np.zeros(BINS, np.int64)
    genuine, loud = _Kept(), _Kept()
    done, everything = 0, len(label) * (len(label) - 1) // 2
    for top in range(0, len(label), block):
        scores = embeddings[top : top + block] @ embeddings[top:].T  # (B, N - top)
        rows, columns = scores.shape
        apart = np.arange(columns)[None, :] > np.arange(rows)[:, None]  # each pair once, never itself
        same = label[top : top + rows, None] == label[None, top:]
        genuine.take(scores, same & apart, top)
        impostor = apart & ~same
        loud.take(scores, impostor & (scores >= edge), top)
        histogram += _binned(scores[impostor])
        done += int(apart.sum())
        if progress:
            progress(done, everything)
    return _assembled(label, genuine, loud, histogram=histogram, total=total, edge=edge, crossed=True)


def listed_pairs(
    embeddings: NDArray[np.float32], label: NDArray[np.int32], pairs: Sequence[tuple[int, int]]
) -> Comparisons:
    """Compare only the given pairs of templates (a protocol's list)."""
    pair = np.asarray(pairs, np.int32).reshape(-1, 2)
    scores = np.einsum("nd,nd->n", embeddings[pair[:, 0]], embeddings[pair[:, 1]]).astype(np.float32)
    same = label[pair[:, 0]] == label[pair[:, 1]]
    genuine, loud = _Kept(), _Kept()
    genuine.add(scores[same], pair[same])
    loud.add(scores[~same], pair[~same])
    return _assembled(
        label, genuine, loud, histogram=_binned(scores[~same]), total=int((~same).sum()), edge=-np.inf, crossed=False
    )


def among(comparisons: Comparisons, people: NDArray[np.bool_]) -> Comparisons:
    """The comparisons within some of the people; valid inside the tail only (no histogram is kept)."""
    kept = people[comparisons.label]
    template = np.cumsum(kept) - 1
    identity = np.cumsum(people) - 1
    mine = kept[comparisons.genuine_pair].all(1)
    ours = kept[comparisons.tail_pair].all(1)
    label = identity[comparisons.label[kept]].astype(np.int32)
    return replace(
        comparisons,
        label=label,
        genuine=comparisons.genuine[mine],
        genuine_pair=template[comparisons.genuine_pair[mine]].astype(np.int32),
        tail=comparisons.tail[ours],
        tail_pair=template[comparisons.tail_pair[ours]].astype(np.int32),
        impostor_total=_impostor_total(label) if comparisons.crossed else int(ours.sum()),
        histogram=np.zeros(BINS, np.int64),
    )


class _Kept:
    """Scores set aside block by block."""

    def __init__(self) -> None:
        self.scores: list[NDArray[np.float32]] = []
        self.pairs: list[NDArray[np.int32]] = []

    def take(self, scores: NDArray[np.float32], where: NDArray[np.bool_], top: int) -> None:
        row, column = np.nonzero(where)
        self.add(scores[row, column], np.stack([row, column], 1).astype(np.int32) + top)

    def add(self, scores: NDArray[np.float32], pairs: NDArray[np.int32]) -> None:
        self.scores.append(scores)
        self.pairs.append(pairs)

    def sorted(self, *, descending: bool) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        scores = np.concatenate(self.scores) if self.scores else np.zeros(0, np.float32)
        pairs = np.concatenate(self.pairs) if self.pairs else np.zeros((0, 2), np.int32)
        order = np.argsort(-scores if descending else scores, kind="stable")
        return scores[order], pairs[order]


def _assembled(
    label: NDArray[np.int32],
    genuine: _Kept,
    loud: _Kept,
    *,
    histogram: NDArray[np.int64],
    total: int,
    edge: float,
    crossed: bool,
) -> Comparisons:
    genuine_scores, genuine_pairs = genuine.sorted(descending=False)
    tail, tail_pairs = loud.sorted(descending=True)
    return Comparisons(
        label=label,
        genuine=genuine_scores,
        genuine_pair=genuine_pairs,
        tail=tail,
        tail_pair=tail_pairs,
        impostor_total=total,
        histogram=histogram,
        tail_edge=edge,
        crossed=crossed,
    )


def _impostor_total(label: NDArray[np.int32]) -> int:
    images = np.bincount(label).astype(np.int64) if len(label) else np.zeros(0, np.int64)
    return int((len(label) ** 2 - (images**2).sum()) // 2)


def _tail_edge(embeddings: NDArray[np.float32], label: NDArray[np.int32], *, fraction: float) -> float:
    """The score that about `fraction` of the impostor comparisons reach, from a fixed sample."""
    rng = np.random.default_rng(0)  # places a buffer's edge only: no result depends on it
    if len(label) ** 2 <= SAMPLE:
        return -np.inf
    a, b = rng.integers(0, len(label), (2, SAMPLE))
    keep = label[a] != label[b]
    scores = np.concatenate(
        [
            np.einsum("nd,nd->n", embeddings[x], embeddings[y])
            for x, y in zip(np.array_split(a[keep], 20), np.array_split(b[keep], 20), strict=True)
        ]
    )
    return float(np.quantile(scores, 1 - fraction))


def _binned(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    index = ((scores + np.float32(1)) * np.float32(BINS / 2)).astype(np.int32)
    return np.bincount(np.clip(index, 0, BINS - 1), minlength=BINS)
