"""A PAD set: folders by species, or an index that also names subjects and references.

Folders: `live/` (also bona_fide, real) holds bona fide presentations, every other folder is one PAI
species by its path. Index: a CSV `file,species,subject,reference` beside the photographs; species
"bona fide" or the attack's name, `reference` a photograph of the person imitated (for IAPAR).
"""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from ml.evaluate.errors import EvaluationError
from ml.evaluate.gallery import SUFFIXES

BONA_FIDE = "bona fide"
LIVE_FOLDERS = {"live", "bona_fide", "bonafide", "bona fide", "real"}
INDEX = "index.csv"


@dataclass(frozen=True)
class Shown:
    path: Path
    species: str
    subject: str
    reference: Path | None = None


def read_presentations(source: Path) -> list[Shown]:
    """`source`: a folder, or an index.csv. Raises EvaluationError."""
    index = source if source.suffix == ".csv" else source / INDEX
    shown = _indexed(index) if index.is_file() else _foldered(source)
    if not shown:
        raise EvaluationError(f"{source} holds no presentation: folders live/ and one per attack species, or {INDEX}")
    return shown


def _foldered(source: Path) -> list[Shown]:
    if not source.is_dir():
        raise EvaluationError(f"{source} is no folder")
    files = sorted(p for p in source.rglob("*") if p.suffix.lower() in SUFFIXES)
    return [Shown(path, _species(path.relative_to(source).parent), _subject(path)) for path in files]


def _species(folder: Path) -> str:
    return BONA_FIDE if folder.parts and folder.parts[0].lower() in LIVE_FOLDERS else folder.as_posix()


def _subject(path: Path) -> str:
    """Nobody said who it is: files numbered alike count as one subject, which errs on the careful side."""
    return re.sub(r"[\d_\- ]+$", "", path.stem) or path.stem


def _indexed(index: Path) -> list[Shown]:
    with index.open(newline="") as file:
        rows = list(csv.DictReader(file))
    missing = {"file", "species", "subject"} - set(rows[0] if rows else ())
    if missing:
        raise EvaluationError(f"{index} lacks the columns {', '.join(sorted(missing))}")
    return [
        Shown(
            index.parent / row["file"],
            row["species"],
            row["subject"],
            index.parent / row["reference"] if row.get("reference") else None,
        )
        for row in rows
    ]
