"""What a comparison answers: a score, and for a search how much of the gallery it really covers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Similarity:
    """The probe against one reference."""

    score: float  # cosine, -1..1
    reference: str  # "media:<id>" or "template:<id>"


@dataclass(frozen=True, slots=True)
class Hit:
    applicant_id: str
    template_id: str
    score: float  # cosine
    listed: str = ""  # name of the list the template is on; empty: an applicant's template


@dataclass(frozen=True, slots=True)
class Search:
    hits: tuple[Hit, ...] = ()
    searched: int = 0  # templates compared
    of: int = 0  # templates there are
    exact: bool = True
    recall: float | None = None  # measured, when not exact
