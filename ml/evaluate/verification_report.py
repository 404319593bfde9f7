"""A verification's figures as a report."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import PurePosixPath

import numpy as np

from ml.evaluate import plots
from ml.evaluate.groups import GATE, GroupRate, Rate, gate_failed
from ml.evaluate.rates import curve
from ml.evaluate.report import Headline, PhotoPair, Report, Section, Table, Tone, percent, small, span
from ml.evaluate.templates import Enrolment
from ml.evaluate.verification import GROUP_TARGET, OperatingPoint, Verification, point_at

SHOWN = 12  # pairs per kind: two screens
FNMR_LIMIT = 0.01  # NIST SP 800-63A-4: FNMR 1 % or better at FMR 1e-4 or better
MARKED = (1e-2, 1e-4, 1e-6)  # more lines than these hide the curve
MOSTLY_ONE = 0.25  # share of one person above which the genuine figures speak of that person


def report(
    found: Verification, enrolment: Enrolment, *, title: str, subject: str, about: tuple[tuple[str, str], ...]
) -> Report:
    return Report(
        kind="verification",
        title=title,
        subject=subject,
        about=about,
        headlines=tuple(_headlines(found, enrolment)),
        sections=tuple(_sections(found, enrolment)),
        limits=tuple(_limits(found, enrolment)),
        result=_result(found, enrolment),
    )


def _headlines(found: Verification, enrolment: Enrolment) -> list[Headline]:
    heads = []
    if found.folds:
        mean, deviation = found.folds.mean * 100, found.folds.deviation * 100
        note = f"{len(found.folds.folds)} folds, {found.fold_pairs:,} pairs; mean ± deviation of folds"
        heads.append(Headline("Accuracy, pair list", f"{mean:.2f} ± {deviation:.2f} %", note))
    heads += [_headline(point_at(found.points, target)) for target in (1e-3, 1e-4)]
    heads.append(Headline("Equal error rate", percent(found.eer), f"at cosine {found.eer_threshold:.3f}"))
    heads.append(
        Headline(
            "Failure to enrol",
            percent(enrolment.failure_to_enrol),
            f"{len(enrolment.failed):,} of {enrolment.offered:,} photographs",
        )
    )
    return heads


def _headline(point: OperatingPoint) -> Headline:
    label = f"FNMR at FMR {small(point.target)}"
    if point.fnmr is None or point.fnmr_interval is None:
        return Headline(label, "not stated", "the data does not support this FMR", tone="bad")
    tone: Tone = "plain"
    if point.target == 1e-4:
        tone = "good" if point.fnmr_interval.high <= FNMR_LIMIT else "bad" if point.fnmr > FNMR_LIMIT else "plain"
    return Headline(
        label,
        percent(point.fnmr),
        f"95 %: {span(point.fnmr_interval.low, point.fnmr_interval.high)}; cosine ≥ {point.threshold:.3f}",
        tone=tone,
    )


def _sections(found: Verification, enrolment: Enrolment) -> list[Section]:
    sections = [_operating_points(found), _det(found), _scores(found)]
    if found.groups:
        sections += _groups(found)
    if enrolment.failed:
        sections.append(_failures(enrolment))
    return sections + _pictures(found, enrolment)


def _operating_points(found: Verification) -> Section:
    made = found.comparisons
    text = (
        f"{len(made.genuine):,} genuine and {made.impostor_total:,} impostor comparisons of "
        f"{made.identities:,} people. A comparison matches when its score reaches the threshold. Intervals draw "
        "the people anew (bootstrap, 95 %), so a person with many photographs weighs as one person. "
        "“FMR at most” is the one-sided 95 % limit at that threshold: what decisions may rely on."
    )
    rows = tuple(_row(point) for point in found.points)
    columns = ("FMR", "Threshold (cosine)", "95 %", "FNMR", "95 %", "TAR", "FMR at most")
    return Section("Operating points", text, table=Table(columns, rows))


def _row(point: OperatingPoint) -> tuple[str, ...]:
    if point.fnmr is None or point.threshold is None or not point.fnmr_interval or not point.threshold_interval:
        return small(point.target), "not stated", "", "", "", "", ""  # the reason stands under "cannot show"
    at = point.threshold_interval
    return (
        small(point.target),
        f"{point.threshold:.4f}",
        f"{at.low:.4f} – {at.high:.4f}",
        percent(point.fnmr),
        span(point.fnmr_interval.low, point.fnmr_interval.high),
        percent(1 - point.fnmr),
        small(point.fmr_upper or 1.0),
    )


def _det(found: Verification) -> Section:
    line = curve(found.comparisons)
    points = [(p.target, p.fnmr) for p in found.points if p.fnmr is not None]
    return Section(
        "Detection error trade-off",
        svg=plots.det(
            [("all comparisons", line.fmr, line.fnmr)], band=found.band, floor=found.support.floor, points=points
        ),
        on_card=False,
    )


def _scores(found: Verification) -> Section:
    marks = [
        (f"FMR {small(p.target)}", p.threshold) for p in found.points if p.threshold is not None and p.target in MARKED
    ]
    return Section(
        "Score distributions",
        on_card=False,
        svg=plots.scores(found.comparisons.genuine, found.comparisons.histogram, thresholds=marks),
    )


def _groups(found: Verification) -> list[Section]:
    over = gate_failed(list(found.groups))
    text = (
        f"At the whole set's threshold for FMR {small(GROUP_TARGET)}; impostors are two people of the same group. "
        f"The gate: no group more than {GATE - 1:.0%} above the best. “Not shown” means that the interval of the "
        "ratio covers the gate, so these data cannot decide it.\n"
        + (
            f"Gate FAILED for {', '.join(f'{r.attribute}={r.group}' for r in over)}."
            if over
            else "No group is shown to be over the gate."
        )
    )
    misses = [(row, row.fnmr, row.genuine) for row in found.groups]
    matches = [(row, row.fmr, row.impostor) for row in found.groups]
    return [
        Section("False non-matches by group", text, table=_group_table("FNMR", misses)),
        Section("False matches by group", "As above.", table=_group_table("FMR", matches)),
    ]


def _group_table(name: str, rows: list[tuple[GroupRate, Rate, int]]) -> Table:
    columns = ("Attribute", "Group", "People", "Comparisons", name, "95 %", "Ratio to best", "Gate")
    tones: tuple[Tone, ...] = tuple("bad" if rate.verdict == "worse" else "plain" for _, rate, _ in rows)
    return Table(
        columns,
        tuple((row.attribute, row.group, f"{row.people:,}", f"{count:,}", *_rate(rate)) for row, rate, count in rows),
        tones,
    )


def _rate(rate: Rate) -> tuple[str, str, str, str]:
    if rate.ratio is None:
        ratio = "–"
    elif rate.ratio_interval is None:
        ratio = "best"
    else:
        ratio = f"{rate.ratio:.2f} ({rate.ratio_interval.low:.2f} – {rate.ratio_interval.high:.2f})"
    value = percent(rate.value, 3) if rate.trials else "–"
    return value, span(rate.interval.low, rate.interval.high, 3), ratio, rate.verdict


def _failures(enrolment: Enrolment) -> Section:
    rows = tuple((reason, f"{count:,}") for reason, count in sorted(enrolment.failures.items()))
    return Section(
        "Failure to enrol",
        "Photographs that gave no template; they are in no other figure.",
        table=Table(("Reason", "Photographs"), rows),
    )


def _pictures(found: Verification, enrolment: Enrolment) -> list[Section]:
    made, gallery = found.comparisons, enrolment.gallery
    wanted = {int(t) for t in np.concatenate([made.genuine_pair[:SHOWN].ravel(), made.tail_pair[:SHOWN].ravel()])}
    data = dict(zip(sorted(wanted), gallery.read_many(sorted(wanted)), strict=True))

    def pair(templates: np.ndarray, score: float) -> PhotoPair:
        a, b = int(templates[0]), int(templates[1])
        return PhotoPair(data[a], data[b], f"{_stem(gallery.names[a])} · {_stem(gallery.names[b])}", f"{score:.3f}")

    worst = tuple(pair(p, float(s)) for p, s in zip(made.genuine_pair[:SHOWN], made.genuine, strict=False))
    closest = tuple(pair(p, float(s)) for p, s in zip(made.tail_pair[:SHOWN], made.tail, strict=False))
    return [
        Section(
            "Worst genuine pairs",
            "The same name, the lowest scores. Wrong labels show here first.",
            pairs=worst,
            on_card=False,
        ),
        Section(
            "Closest impostor pairs",
            "Different names, the highest scores: look-alikes, relatives, and one person under two names.",
            pairs=closest,
            on_card=False,
        ),
    ]


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _limits(found: Verification, enrolment: Enrolment) -> list[str]:
    said = sorted({p.refusal for p in found.points if p.refusal})
    person, share = found.largest_share
    if share > MOSTLY_ONE:
        said.append(
            f"{share:.0%} of the genuine comparisons are of one person ({person}): FNMR speaks mostly of "
            "that person, which is why its interval, drawn over people, is wide."
        )
    if found.missing_pairs:
        said.append(
            f"{found.missing_pairs:,} pairs of the list were left out: a photograph is missing or gave no template."
        )
    if not found.groups:
        said.append("No groups file was given: nothing is said about differences between groups of people.")
    return said


def _result(found: Verification, enrolment: Enrolment) -> dict[str, object]:
    made = found.comparisons
    return {
        "genuine": len(made.genuine),
        "impostor": made.impostor_total,
        "identities": made.identities,
        "support": asdict(found.support),
        "eer": found.eer,
        "eer_threshold": found.eer_threshold,
        "points": found.points,
        "folds": found.folds,
        "fold_pairs": found.fold_pairs,
        "failure_to_enrol": enrolment.failure_to_enrol,
        "failures": enrolment.failures,
        "largest_share": found.largest_share[1],
        "groups": found.groups,
        "det": {"fmr": found.band[0], "fnmr_low": found.band[1], "fnmr_high": found.band[2]},
    }
