"""Pair lists: LFW's View 2 file, or one pair of paths per line.

LFW (Huang et al. 2007): a header "folds  pairs-per-kind", then in each fold that many
"name n1 n2" lines (genuine) and as many "name1 n1 name2 n2" lines (impostor).
The plain form is CSV or whitespace: `path_a path_b`, optionally a third column with the fold.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ml.evaluate.errors import EvaluationError
from ml.evaluate.gallery import Gallery, person_of


@dataclass(frozen=True)
class PairList:
    pairs: tuple[tuple[int, int], ...]  # indices into the gallery's names
    fold: tuple[int, ...]  # 0-based, one per pair
    missing: int  # pairs left out because the gallery lacks a photograph

    @property
    def folds(self) -> int:
        return max(self.fold, default=-1) + 1


def read_pairs(path: Path, gallery: Gallery) -> PairList:
    lines = [line.replace(",", " ").split() for line in path.read_text().splitlines() if line.strip()]
    if not lines:
        raise EvaluationError(f"{path} is empty")
    wanted = _lfw(lines) if _is_lfw(lines[0]) else _plain(lines, path)
    return _found(wanted, gallery)


def _is_lfw(first: list[str]) -> bool:
    return len(first) <= 2 and all(word.isdigit() for word in first)


def _lfw(lines: list[list[str]]) -> list[tuple[str, str, int]]:
    folds, per_kind = (int(lines[0][0]), int(lines[0][1])) if len(lines[0]) == 2 else (1, int(lines[0][0]))
    body = lines[1:]
    if len(body) != folds * per_kind * 2:
        raise EvaluationError(f"the header promises {folds} x 2 x {per_kind} pairs, the file has {len(body)}")
    return [(*_lfw_pair(words), row // (2 * per_kind)) for row, words in enumerate(body)]


def _lfw_pair(words: list[str]) -> tuple[str, str]:
    if len(words) == 3:
        return _lfw_name(words[0], words[1]), _lfw_name(words[0], words[2])
    if len(words) == 4:
        return _lfw_name(words[0], words[1]), _lfw_name(words[2], words[3])
    raise EvaluationError(f"not an LFW pair: {' '.join(words)}")


def _lfw_name(person: str, number: str) -> str:
    return f"{person}/{person}_{int(number):04d}"


def _plain(lines: list[list[str]], path: Path) -> list[tuple[str, str, int]]:
    if any(len(words) not in (2, 3) for words in lines):
        raise EvaluationError(f"{path}: each line needs two paths and at most a fold number")
    return [(words[0], words[1], int(words[2]) if len(words) == 3 else 0) for words in lines]


def _found(wanted: list[tuple[str, str, int]], gallery: Gallery) -> PairList:
    index = _index(gallery)
    known = [
        (index[_stem(a)], index[_stem(b)], fold) for a, b, fold in wanted if _stem(a) in index and _stem(b) in index
    ]
    if not known:
        raise EvaluationError(
            f"no pair of the list is in {gallery.source}; its first photograph is "
            f"{gallery.names[0]}, the list's first is {wanted[0][0]}"
        )
    return PairList(
        pairs=tuple((a, b) for a, b, _ in known), fold=tuple(f for _, _, f in known), missing=len(wanted) - len(known)
    )


def _index(gallery: Gallery) -> dict[str, int]:
    """By person and file stem: the archive may have a top folder or another suffix."""
    return {f"{person_of(name)}/{Path(name).stem}": i for i, name in enumerate(gallery.names)}


def _stem(path: str) -> str:
    return (
        f"{person_of(path)}/{Path(path).stem}"
        if Path(path).suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"}
        else f"{person_of(path)}/{Path(path).name}"
    )
