"""The model card: one Markdown file per pack, one section per kind of evaluation.

Each run replaces its own section between markers and leaves the rest, hand-written text included.
"""

from __future__ import annotations

import re
from pathlib import Path

from ml.evaluate.report import Report, Section, Table

ORDER = ("about", "verification", "calibration", "quality", "detection", "liveness")


def update_card(report: Report, path: Path, *, head: str) -> None:
    """Creates the card with `head` (Markdown) above the section where there is none yet."""
    text = path.read_text() if path.exists() else ""
    text = _replaced(_replaced(text, "about", head), report.kind, _section_text(report))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _marked(name: str, body: str) -> str:
    return f"<!-- {name}: written by `python -m ml`, replaced on each run -->\n{body.strip()}\n<!-- /{name} -->"


def _replaced(text: str, name: str, body: str) -> str:
    """The section in its old place, or after those that come before it in ORDER."""
    if old := _section_of(text, name):
        return text[: old.start()] + _marked(name, body) + text[old.end() :]
    before = [found.end() for earlier in ORDER[: ORDER.index(name)] if (found := _section_of(text, earlier))]
    at = max(before, default=0)
    parts = (text[:at].rstrip(), _marked(name, body), text[at:].strip())
    return "\n\n".join(part for part in parts if part) + "\n"


def _section_of(text: str, name: str) -> re.Match[str] | None:
    return re.search(rf"<!-- {name}: .*?<!-- /{name} -->", text, re.DOTALL)


def _section_text(report: Report) -> str:
    parts = [f"## {report.title}", _headlines(report)]
    if report.limits:
        parts.append("What this data cannot show:\n\n" + "\n".join(f"- {line}" for line in report.limits))
    parts += [_section(section) for section in report.sections if section.on_card]
    parts.append("\n".join(f"- {label}: {_code(label, value)}" for label, value in report.about))
    return "\n\n".join(part for part in parts if part)


def _headlines(report: Report) -> str:
    rows = tuple((h.label, h.value, h.note) for h in report.headlines)
    return table(Table(("", "", ""), rows))


def _section(section: Section) -> str:
    if not section.text and not section.table:
        return ""
    parts = [f"### {section.title}", section.text, table(section.table) if section.table else ""]
    return "\n\n".join(part for part in parts if part)


def table(content: Table) -> str:
    lines = ["| " + " | ".join(content.columns) + " |", "|" + " --- |" * len(content.columns)]
    return "\n".join(
        lines + ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in content.rows]
    )


def _code(label: str, value: str) -> str:
    return f"`{value}`" if label in ("command", "weights SHA-256", "data SHA-256") else value
