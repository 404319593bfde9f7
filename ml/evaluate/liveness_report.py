"""A PAD run as a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ml.evaluate import plots
from ml.evaluate.attacks import IAPAR_LIMIT, AttackRate, PadResult
from ml.evaluate.liveness import Judged
from ml.evaluate.report import Headline, Report, Section, Table, percent, span


def report(
    found: PadResult, judged: Sequence[Judged], *, title: str, subject: str, about: tuple[tuple[str, str], ...]
) -> Report:
    sections = [_rates(found), _scores(found, judged)]
    refusals = Counter(one.refused for one in judged if one.refused)
    if refusals:
        rows = tuple((str(reason), str(count)) for reason, count in refusals.most_common())
        sections.append(
            Section(
                "Refused before scoring",
                "Not scored, so nobody passes; a refused bona fide presentation counts as an error.",
                table=Table(("Reason", "Presentations"), rows),
            )
        )
    return Report(
        kind="liveness",
        title=title,
        subject=subject,
        about=about,
        headlines=tuple(_headlines(found)),
        sections=tuple(sections),
        limits=found.cannot_show,
        result={"rates": found},
    )


def _headlines(found: PadResult) -> list[Headline]:
    heads = []
    if found.apcer:
        worst = max(found.apcer, key=lambda r: r.rate)
        heads.append(Headline("Worst APCER", percent(worst.rate, 1), _note(worst), tone="plain"))
    if found.bpcer:
        heads.append(Headline("BPCER", percent(found.bpcer.rate, 1), _note(found.bpcer)))
    if found.iapar:
        worst = max(found.iapar, key=lambda r: r.rate)
        heads.append(Headline("Worst IAPAR", percent(worst.rate, 1), _note(worst)))
    heads.append(
        Headline(
            "Refused",
            f"{found.refused_bona_fide} + {found.refused_attacks}",
            "bona fide + attack presentations unfit for the models",
        )
    )
    return heads


def _note(rate: AttackRate) -> str:
    return (
        f"{rate.name}: {rate.errors} of {rate.presentations}, {rate.subjects} subjects; 95 %: "
        f"{span(rate.interval.low, rate.interval.high, 0)}"
    )


def _all(found: PadResult) -> list[AttackRate]:
    return [*found.apcer, *([found.bpcer] if found.bpcer else []), *found.iapar]


def _rates(found: PadResult) -> Section:
    text = (
        "APCER: attacks of one species that pass. BPCER: honest presentations that do not. IAPAR: attacks that "
        "pass and match. Intervals are exact (Clopper-Pearson, 95 %); “by subject” counts each person once, "
        "which is "
        "the careful reading of several presentations by one person."
    )
    rows = tuple(
        (
            r.name,
            f"{r.errors} / {r.presentations}",
            str(r.subjects),
            percent(r.rate, 1),
            span(r.interval.low, r.interval.high, 1),
            span(r.by_subject.low, r.by_subject.high, 1),
        )
        for r in _all(found)
    )
    drawn = [(r.name, r.rate, r.by_subject.low, r.by_subject.high) for r in _all(found)]
    svg = plots.intervals(
        drawn, label="Rate (%), 95 % by subject", limit=IAPAR_LIMIT if found.iapar else None, limit_name="IAPAR limit"
    )
    return Section(
        "Error rates", text, svg=svg, table=Table(("", "Errors", "Subjects", "Rate", "95 %", "95 % by subject"), rows)
    )


def _scores(found: PadResult, judged: Sequence[Judged]) -> Section:
    species = sorted({one.presentation.species for one in judged}, key=lambda s: (s != "bona fide", s))
    groups = [
        (
            name,
            [
                one.presentation.live
                for one in judged
                if one.presentation.species == name and one.presentation.live is not None
            ],
        )
        for name in species
    ]
    return Section(
        "Every score", svg=plots.strips(groups, threshold=found.threshold, label="PAD score (1 = live)"), on_card=False
    )
