"""Photographs with a known identity: a folder or a zip with one folder per person."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from ml.evaluate.errors import EvaluationError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


@dataclass(frozen=True)
class Gallery:
    """`names` are paths inside the source (Person/Person_0001.jpg), sorted; `label` their identity."""

    source: Path
    names: tuple[str, ...]
    people: tuple[str, ...]
    label: NDArray[np.int32]  # (len(names),) index into `people`

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> bytes:
        return next(self.read_many([index]))

    def read_many(self, indices: list[int]) -> Iterator[bytes]:
        """The encoded files, one after the other; the zip is opened once."""
        if self.source.is_dir():
            yield from ((self.source / self.names[i]).read_bytes() for i in indices)
            return
        with zipfile.ZipFile(self.source) as archive:
            yield from (archive.read(self.names[i]) for i in indices)

    def fingerprint(self) -> str:
        """SHA-256 over names and file contents: which photographs a report speaks of."""
        digest = hashlib.sha256()
        for name, data in zip(self.names, self.read_many(list(range(len(self)))), strict=True):
            digest.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
        return digest.hexdigest()

    def only(self, keep: list[int]) -> Gallery:
        """The same source with fewer photographs; identities are numbered anew."""
        return _gallery(self.source, [self.names[i] for i in keep])


def open_gallery(source: Path) -> Gallery:
    """Raises EvaluationError when there is no photograph inside a person's folder."""
    if not source.exists():
        raise EvaluationError(f"{source} does not exist; give a folder or a zip with one folder per person")
    names = _names_in_folder(source) if source.is_dir() else _names_in_zip(source)
    if not names:
        raise EvaluationError(
            f"{source} holds no photograph in a folder per person (Person/file.jpg; {', '.join(sorted(SUFFIXES))})"
        )
    return _gallery(source, sorted(names))


def person_of(name: str) -> str:
    return PurePosixPath(name).parent.name


def _gallery(source: Path, names: list[str]) -> Gallery:
    people = sorted({person_of(name) for name in names})
    number = {person: i for i, person in enumerate(people)}
    label = np.array([number[person_of(name)] for name in names], np.int32)
    return Gallery(source=source, names=tuple(names), people=tuple(people), label=label)


def _is_photograph(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix.lower() in SUFFIXES and bool(path.parent.name)


def _names_in_folder(folder: Path) -> list[str]:
    files = (str(p.relative_to(folder).as_posix()) for p in folder.rglob("*") if p.is_file())
    return [name for name in files if _is_photograph(name)]


def _names_in_zip(archive: Path) -> list[str]:
    try:
        with zipfile.ZipFile(archive) as opened:
            return [name for name in opened.namelist() if _is_photograph(name)]
    except zipfile.BadZipFile as broken:
        raise EvaluationError(f"{archive} is neither a folder nor a zip") from broken
