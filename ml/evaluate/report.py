"""What an evaluation found, before it becomes JSON, a page or a model card."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

Tone = Literal["plain", "good", "bad"]


@dataclass(frozen=True)
class Headline:
    label: str
    value: str
    note: str = ""
    tone: Tone = "plain"


@dataclass(frozen=True)
class Table:
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    tones: tuple[Tone, ...] = ()  # one per row, or none


@dataclass(frozen=True)
class PhotoPair:
    left: bytes  # JPEG
    right: bytes
    caption: str
    score: str


@dataclass(frozen=True)
class Section:
    title: str
    text: str = ""
    svg: str = ""
    table: Table | None = None
    pairs: tuple[PhotoPair, ...] = ()  # stay on the page, never in the repository
    on_card: bool = True  # whether the model card repeats text and table


@dataclass(frozen=True)
class Report:
    kind: Literal["verification", "detection", "quality", "liveness", "calibration"]
    title: str
    subject: str  # the pack: decides the model card
    about: tuple[tuple[str, str], ...]  # label, value: data, seed, command, versions
    headlines: tuple[Headline, ...]
    sections: tuple[Section, ...]
    limits: tuple[str, ...]  # what the data cannot show
    result: dict[str, Any] = field(default_factory=dict)  # the figures, for machines


def write_json(report: Report, path: Path) -> None:
    body = {
        "kind": report.kind,
        "title": report.title,
        "subject": report.subject,
        "about": dict(report.about),
        "limits": list(report.limits),
        "result": report.result,
    }
    path.write_text(json.dumps(plain(body), indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def plain(value: Any) -> Any:
    """Only what JSON knows; NaN and infinity become null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, np.ndarray)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def percent(value: float, digits: int = 2) -> str:
    return "–" if math.isnan(value) else f"{value * 100:.{digits}f} %"


def span(low: float, high: float, digits: int = 2) -> str:
    return f"{low * 100:.{digits}f} – {high * 100:.{digits}f} %"


def small(rate: float) -> str:
    """1e-04 the way people write it."""
    if rate == 0:
        return "0"
    mantissa, exponent = f"{rate:.1e}".split("e")
    power = f"e{int(exponent)}"
    return f"{mantissa.removesuffix('.0')}{power}"
