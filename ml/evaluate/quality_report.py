"""A quality run as a report."""

from __future__ import annotations

from ml.evaluate import plots
from ml.evaluate.discard import FIRST_FIFTH
from ml.evaluate.quality import QualityResult
from ml.evaluate.report import Headline, Report, Section, Table, percent
from ml.evaluate.templates import Enrolment

DRAWN = 8  # curves: more cannot be told apart
FEW_ERRORS = 50  # failing genuine comparisons below which a curve is mostly luck


def report(
    found: QualityResult,
    enrolment: Enrolment,
    *,
    threshold_name: str,
    title: str,
    subject: str,
    about: tuple[tuple[str, str], ...],
) -> Report:
    best = found.curves[0] if found.curves else None
    everything = found.rules[-1] if found.rules else None
    heads = [
        Headline(
            "FNMR, nothing refused", percent(found.fnmr), f"{found.genuine:,} genuine comparisons at {threshold_name}"
        )
    ]
    if everything:
        heads.append(
            Headline(
                "FNMR, recommended rules",
                percent(everything.fnmr),
                f"{percent(everything.refused, 1)} of the photographs refused",
            )
        )
    if best:
        heads.append(
            Headline(
                "Most telling measure",
                best.measure.replace("_", " "),
                f"{best.gain:.0%} of what perfect foresight gains",
            )
        )
    heads.append(
        Headline(
            "Failure to enrol",
            percent(enrolment.failure_to_enrol),
            f"{len(enrolment.failed)} of {enrolment.offered} photographs",
        )
    )
    return Report(
        kind="quality",
        title=title,
        subject=subject,
        about=about,
        headlines=tuple(heads),
        sections=tuple(_sections(found, threshold_name)),
        limits=tuple(_limits(found)),
        result={
            "threshold": found.threshold,
            "fnmr": found.fnmr,
            "rules": found.rules,
            "curves": [
                {"measure": c.measure, "gain": c.gain, "discarded": c.discarded, "fnmr": c.fnmr, "measured": c.measured}
                for c in found.curves
            ],
        },
    )


def _sections(found: QualityResult, threshold_name: str) -> list[Section]:
    text = (
        f"A comparison is discarded when either photograph is among the poorest by that measure. Gain: how much of "
        f"the fall that perfect foresight would reach over the first {FIRST_FIFTH:.0%} is reached; 0 is chance, "
        "below 0 the measure refuses the wrong photographs."
    )
    lines = [(c.measure, c.discarded, c.fnmr, c.gain) for c in found.curves[:DRAWN]]
    rows = tuple(
        (c.measure, f"{c.gain:+.0%}", *(percent(float(c.fnmr[i])) for i in (0, 5, 10, 20)), f"{c.measured:,}")
        for c in found.curves
    )
    sections = [
        Section(
            "Error versus discard",
            text,
            svg=plots.discard(lines, threshold_name=threshold_name),
            table=Table(("Measure", "Gain", "FNMR", "at 5 %", "at 10 %", "at 20 %", "Measured"), rows),
        )
    ]
    if found.rules:
        rule_rows = tuple(
            (r.measure, r.rule, percent(r.refused, 1), percent(r.fnmr), f"{r.comparisons:,}") for r in found.rules
        )
        sections.append(
            Section(
                "The recommended rules",
                "Photographs that a rule refuses, and FNMR of the rest.",
                table=Table(
                    ("Measure", "Refused when", "Photographs refused", "FNMR of the rest", "Comparisons left"),
                    rule_rows,
                ),
            )
        )
    return sections


def _limits(found: QualityResult) -> list[str]:
    said = []
    failing = round(found.fnmr * found.genuine)
    if failing < FEW_ERRORS:
        said.append(f"Only {failing} genuine comparisons fail: the order of the measures is mostly luck.")
    if found.without_spread:
        said.append(
            "These measures have one value on all photographs here, so nothing can be said about them: "
            + ", ".join(found.without_spread)
            + "."
        )
    return said
