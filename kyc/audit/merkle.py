"""The Merkle tree of RFC 6962 section 2 and RFC 9162 section 2.1: hashes, proofs and their checks.

Everything is said in *complete subtrees*: the subtree (level, index) covers the leaves
[index * 2**level, (index + 1) * 2**level). A log, any range of it and every proof are a short list of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

Hash = bytes  # 32 bytes, SHA-256
Place = tuple[int, int]  # (level, index) of a complete subtree; level 0 is a leaf
Read = Callable[[int, int], Hash]

EMPTY = sha256(b"").digest()  # the root of a log without leaves (RFC 6962, 2.1)


class BadProof(ValueError):
    """The proof does not lead from what it starts with to the root it claims."""


def leaf_hash(leaf: bytes) -> Hash:
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: Hash, right: Hash) -> Hash:
    return sha256(b"\x01" + left + right).digest()  # the prefixes keep a node from posing as a leaf


@dataclass(slots=True)
class Frontier:
    """The right edge of a growing tree: the complete subtrees of `size` leaves, largest first."""

    size: int = 0
    nodes: list[tuple[int, Hash]] = field(default_factory=list)  # (level, hash)

    @classmethod
    def of(cls, size: int, hashes: Sequence[Hash]) -> Frontier:
        """From the hashes at `subtrees(0, size)`, in that order."""
        places = subtrees(0, size)
        if len(places) != len(hashes):
            raise BadProof(f"a tree of {size} leaves has {len(places)} subtrees, not {len(hashes)}")
        return cls(size, [(level, h) for (level, _), h in zip(places, hashes, strict=True)])

    def push(self, hash_: Hash, level: int = 0) -> list[tuple[int, int, Hash]]:
        """Append a leaf or larger complete subtree. Returns the parents completed: (level, index, hash)."""
        if self.size & ((1 << level) - 1):
            raise BadProof(f"no subtree of level {level} begins at leaf {self.size}")
        self.size += 1 << level
        completed = []
        nodes = self.nodes
        while nodes and nodes[-1][0] == level:
            hash_ = sha256(b"\x01" + nodes.pop()[1] + hash_).digest()
            level += 1
            completed.append((level, (self.size >> level) - 1, hash_))
        nodes.append((level, hash_))
        return completed

    def root(self) -> Hash:
        return fold([h for _, h in self.nodes])


def root(leaf_hashes: Iterable[Hash]) -> Hash:
    """MTH of RFC 6962 section 2.1, over leaf hashes."""
    frontier = Frontier()
    for h in leaf_hashes:
        frontier.push(h)
    return frontier.root()


def fold(hashes: Sequence[Hash]) -> Hash:
    """The root over adjacent subtrees, largest first: the right ones combine first."""
    if not hashes:
        return EMPTY
    total = hashes[-1]
    for left in reversed(hashes[:-1]):
        total = node_hash(left, total)
    return total


def subtrees(start: int, end: int, *, largest: int = 63) -> list[Place]:
    """The fewest complete subtrees, of level `largest` at most, that cover the leaves [start, end)."""
    places = []
    while start < end:
        level = min(largest, (end - start).bit_length() - 1)
        if start:
            level = min(level, (start & -start).bit_length() - 1)  # a subtree begins at a multiple of its size
        places.append((level, start >> level))
        start += 1 << level
    return places


Range = tuple[int, int]  # leaves [start, end)


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """PATH(m, D[n]) of RFC 6962 section 2.1.1 as ranges of leaves, from the leaf upwards."""
    if not 0 <= index < size:
        raise BadProof(f"there is no leaf {index} in a tree of {size}")
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency_ranges(old: int, new: int) -> list[Range]:
    """PROOF(m, D[n]) of RFC 6962 section 2.1.2 as ranges of leaves. Empty when old is 0 or equals new."""
    if not 0 <= old <= new:
        raise BadProof(f"a tree of {new} leaves does not extend one of {old}")
    if old in (0, new):
        return []
    path, start, end = [], 0, new
    while end != old:
        middle = start + _split(end - start)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    if start:  # SUBPROOF's `b`: the old tree's own root is known to the verifier and not repeated
        path.append((start, end))
    return path[::-1]


def places_of(ranges: Iterable[Range]) -> list[Place]:
    """Every subtree that `prove` will read, to fetch them at once."""
    return [place for start, end in ranges for place in subtrees(start, end)]


def prove(ranges: Iterable[Range], read: Read) -> list[Hash]:
    """The hashes of a proof, one per range, given a reader of complete subtrees."""
    return [fold([read(*place) for place in subtrees(start, end)]) for start, end in ranges]


def verify_inclusion(*, leaf: Hash, index: int, size: int, proof: Sequence[Hash], root: Hash) -> None:
    """RFC 9162 section 2.1.3.2. Raises BadProof unless `leaf` is number `index` under this root."""
    ranges = inclusion_ranges(index, size)
    _check_lengths(ranges, proof)
    total = leaf
    for (start, _), sibling in zip(ranges, proof, strict=True):
        total = node_hash(sibling, total) if start < index else node_hash(total, sibling)
    if total != root:
        raise BadProof(f"leaf {index} does not lead to the root of the tree of {size}")


def verify_consistency(*, old: int, old_root: Hash, new: int, new_root: Hash, proof: Sequence[Hash]) -> None:
    """RFC 9162 section 2.1.4.2. Raises BadProof unless the new tree begins with all of the old one."""
    ranges = consistency_ranges(old, new)
    _check_lengths(ranges, proof)
    if old == new and old_root != new_root:
        raise BadProof(f"two different roots for the tree of {old}")
    if old == 0 and old_root != EMPTY:
        raise BadProof("the root of an empty log is SHA-256 of nothing")
    if not ranges:
        return
    # The proof's ranges left of `old` make the old tree; all of them make the new one.
    known = list(zip(ranges, proof, strict=True))
    if ranges[0][1] != old:  # the old tree is a complete subtree, left out because its root is known
        known.insert(0, ((0, old), old_root))
    (_, before), *rest = known
    after = before
    for (start, _), sibling in rest:
        if start < old:
            before = node_hash(sibling, before)
            after = node_hash(sibling, after)
        else:
            after = node_hash(after, sibling)
    if before != old_root:
        raise BadProof(f"the new tree does not begin with the old tree of {old}")
    if after != new_root:
        raise BadProof(f"the proof does not lead to the root of the tree of {new}")


def _split(n: int) -> int:
    """The largest power of two smaller than n (n > 1): where RFC 6962 divides a tree."""
    return 1 << (n - 1).bit_length() - 1


def _check_lengths(ranges: Sequence[Range], proof: Sequence[Hash]) -> None:
    if len(proof) != len(ranges):
        raise BadProof(f"the proof has {len(proof)} hashes; {len(ranges)} are needed")
    if any(len(h) != 32 for h in proof):
        raise BadProof("a hash in the proof is not 32 bytes")
