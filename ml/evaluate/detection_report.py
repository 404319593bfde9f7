"""A detection run as a report."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ml.evaluate.detection import NEAR, Outcome, Truth
from ml.evaluate.harder import CASES
from ml.evaluate.plots import CYCLE, drawing
from ml.evaluate.report import Headline, Report, Section, Table, percent, span

BUSY = 0.1  # share of the machine in others' hands from which milliseconds mislead


def report(
    outcomes: Sequence[Outcome],
    *,
    truth: Truth,
    title: str,
    subject: str,
    about: tuple[tuple[str, str], ...],
    busy: float,
) -> Report:
    """`busy`: share of the machine that other processes used meanwhile, 0..1."""
    names = list(dict.fromkeys(o.detector for o in outcomes))
    sections = [_picture(outcomes, names)] + [_table([o for o in outcomes if o.detector == name]) for name in names]
    return Report(
        kind="detection",
        title=title,
        subject=subject,
        about=about,
        headlines=tuple(h for name in names for h in _headlines(outcomes, name)),
        sections=tuple(sections),
        limits=tuple(_limits(truth, busy)),
        result={
            "outcomes": list(outcomes),
            "photographs": len(truth.images),
            "left_out": truth.left_out,
            "truth": truth.source,
        },
    )


def _headlines(outcomes: Sequence[Outcome], name: str) -> list[Headline]:
    mine = [o for o in outcomes if o.detector == name]
    plain, whole = mine[0], sum(o.photographs for o in mine)
    return [
        Headline(
            f"{name}: found, untouched",
            percent(plain.recall, 1),
            f"95 %: {span(plain.recall_interval.low, plain.recall_interval.high, 1)}",
        ),
        Headline(
            f"{name}: found, all cases",
            percent(sum(o.found for o in mine) / whole, 1),
            f"{whole:,} pictures; subject first in {percent(sum(o.first for o in mine) / whole, 1)}",
        ),
        Headline(f"{name}: ms", f"{plain.milliseconds:.1f}", "median per photograph, one at a time"),
    ]


def _picture(outcomes: Sequence[Outcome], names: list[str]) -> Section:
    cases = list(dict.fromkeys(o.case for o in outcomes))
    high = 0.8 / len(names)
    with drawing(7.6, 0.8 + 0.36 * len(cases) * max(1, len(names) * 0.6)) as (axes, out):
        for i, name in enumerate(names):
            values = [o.recall * 100 for o in outcomes if o.detector == name]
            at = np.arange(len(cases))[::-1] + 0.4 - high * (i + 0.5)
            axes.barh(at, values, height=high * 0.92, color=CYCLE[i], label=name)
            for y, value in zip(at, values, strict=True):
                axes.text(value + 0.7, y, f"{value:.0f}", va="center", fontsize=8)
        axes.set_yticks(np.arange(len(cases))[::-1], cases)
        axes.set(xlabel="Subject found (%)", xlim=(0, 106))
        axes.grid(axis="y", visible=False)
        axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1))
    return Section("Subject found", svg=out[0], on_card=False)


def _table(mine: Sequence[Outcome]) -> Section:
    about = {case.name: case.about for case in CASES}
    rows = tuple(
        (
            o.case,
            about.get(o.case, ""),
            percent(o.recall, 1),
            span(o.recall_interval.low, o.recall_interval.high, 1),
            percent(o.first / o.photographs, 1),
            f"{o.extra:.2f}",
            percent(o.error, 1),
            percent(o.error_high, 1),
            f"{o.milliseconds:.1f}",
        )
        for o in mine
    )
    return Section(
        mine[0].detector,
        f"Found: mean landmark distance below {NEAR:.0%} of the distance of the eyes. "
        "First: the engine would take it as the subject. Error: median and 95th percentile of those found.",
        table=Table(("Case", "What", "Found", "95 %", "First", "Extra faces", "Error", "95th", "ms"), rows),
    )


def _limits(truth: Truth, busy: float) -> list[str]:
    said = [
        f"Landmark errors are distances to the {truth.source} on the untouched photographs, not to marks made by "
        "people: they show stability, not truth.",
        "The cases are made from easy photographs by computer; real bad photographs fail in more ways.",
    ]
    if truth.left_out:
        said.append(
            f"{truth.left_out} photographs have no agreed reference and are left out, which flatters the "
            "figures: they may be the hardest."
        )
    if busy > BUSY:
        said.append(
            f"Other processes used {busy:.0%} of the machine meanwhile: the milliseconds are too high. "
            "`python -m ml bench --clock cpu` gives ratios that hold."
        )
    return said
