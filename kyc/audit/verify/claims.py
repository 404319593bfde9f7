"""What a range export claims: which hash stands at which index. Nothing here is believed yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kyc.audit.format import BLOCK, Header, hash_of
from kyc.audit.merkle import BadProof, Frontier, Hash, fold, subtrees


@dataclass(frozen=True, slots=True)
class Claims:
    first: int
    end: int
    tree_size: int
    left: list[Hash]
    right: list[Hash]
    blocks: list[Hash]
    leaves: dict[int, Hash] | Sequence[Hash]  # by index; a list (from `first`) when nothing is missing
    missing: list[tuple[int, int]]  # [start, end) of indices that no line has
    duplicated: list[int]
    beyond: list[int]  # indices outside the range that the header announces
    displaced: list[int]  # indices whose line stands after a later one's

    @classmethod
    def of(cls, header: Header, indices: list[int], leaves: list[Hash], blocks: list[Hash]) -> Claims:
        first, end = header.first, header.end
        sides = [hash_of(h) for h in header.left], [hash_of(h) for h in header.right]
        if indices == list(range(first, end)):
            return cls(first, end, header.tree_size, *sides, blocks, leaves, [], [], [], [])
        placed: dict[int, Hash] = {}
        duplicated, beyond, displaced, highest = [], [], [], -1
        for index, leaf in zip(indices, leaves, strict=True):
            if not first <= index < end:
                beyond.append(index)
                continue
            if index in placed:
                duplicated.append(index)
                continue
            if index < highest:
                displaced.append(index)
            highest = max(highest, index)
            placed[index] = leaf
        missing = _gaps(first, end, sorted(placed))
        whole = placed if missing else [placed[i] for i in range(first, end)]
        return cls(first, end, header.tree_size, *sides, blocks, whole, missing, duplicated, beyond, displaced)

    @property
    def complete(self) -> bool:
        return not self.missing

    @property
    def orderly(self) -> bool:
        """Every event once, at its line, and nothing else."""
        return not (self.missing or self.duplicated or self.beyond or self.displaced)

    def at(self, index: int) -> Hash | None:
        if isinstance(self.leaves, dict):
            return self.leaves.get(index)
        offset = index - self.first
        return self.leaves[offset] if 0 <= offset < len(self.leaves) else None

    def roots(self, sizes: set[int]) -> dict[int, Hash]:
        """The roots that the leaves give: of the prefixes in `sizes` that they reach, and of the whole tree."""
        if isinstance(self.leaves, dict):  # something is missing
            return {}
        roots: dict[int, Hash] = {}
        try:
            frontier = Frontier.of(self.first, self.left)
            wanted = sizes if self.first == 0 else set()
            if 0 in wanted:
                roots[0] = frontier.root()
            for size, leaf in enumerate(self.leaves, start=self.first + 1):
                frontier.push(leaf)
                if size in wanted:
                    roots[size] = frontier.root()
            for (level, _), h in zip(subtrees(self.end, self.tree_size), self.right, strict=True):
                frontier.push(h, level)
        except (BadProof, ValueError):  # the sides do not fit the range
            return {}
        roots[self.tree_size] = frontier.root()
        return roots

    def blocks_lead_to(self, root: Hash) -> bool:
        """Do the sides and the blocks, without any event, give this root? Then the blocks are the log's."""
        try:
            frontier = Frontier.of(self.first, self.left)
            for (level, _), h in zip(self.places(), self.blocks, strict=True):
                frontier.push(h, level)
            for (level, _), h in zip(subtrees(self.end, self.tree_size), self.right, strict=True):
                frontier.push(h, level)
        except (BadProof, ValueError):
            return False
        return frontier.root() == root

    def places(self) -> list[tuple[int, int]]:
        return subtrees(self.first, self.end, largest=BLOCK)

    def hash_of(self, start: int, end: int, *, shift: int = 0) -> Hash | None:
        """The hash over the claimed leaves [start, end), read `shift` places further on; None if one is missing."""
        found = [self.at(i + shift) for i in range(start, end)]
        return None if None in found else root_of([h for h in found if h])


def root_of(leaves: Sequence[Hash]) -> Hash:
    frontier = Frontier()
    for leaf in leaves:
        frontier.push(leaf)
    return fold([h for _, h in frontier.nodes])


def _gaps(first: int, end: int, present: list[int]) -> list[tuple[int, int]]:
    gaps, expected = [], first
    for index in [*present, end]:
        if index > expected:
            gaps.append((expected, index))
        expected = index + 1
    return gaps
