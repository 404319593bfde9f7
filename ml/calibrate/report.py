"""A calibration as a report: what each score means, and what is asked of the data too much."""

from __future__ import annotations

import numpy as np

from ml.calibrate.curve import Calibration
from ml.calibrate.shift import Shift
from ml.evaluate.plots import BLUE, INK, MUTED, drawing
from ml.evaluate.report import Headline, Report, Section, Table, percent, small

IDENTICAL = 0.9999  # cosine; float32 and a JPEG-free path leave nothing else
ASKED = (1e-2, 1e-3, 3e-4, 1e-4, 1e-5, 1e-6, 1e-7)


def report(
    found: Calibration, *, title: str, subject: str, about: tuple[tuple[str, str], ...], shift: Shift | None
) -> Report:
    sections = [_thresholds(found), _curve(found), _method(found)]
    if shift:
        sections.insert(2, _shift(shift))
    return Report(
        kind="calibration",
        title=title,
        subject=subject,
        about=about,
        headlines=tuple(_headlines(found)),
        sections=tuple(sections),
        limits=tuple(_limits(found, shift)),
        result={**found.as_json(), "shift": shift},
    )


def _headlines(found: Calibration) -> list[Headline]:
    heads = [Headline("Smallest FMR supported", small(found.floor), "upper 95 % limit; smaller ones are refused")]
    heads += [
        Headline(
            f"Score for FMR {small(target)}",
            f"{found.score_for(target):.4f}",
            "cosine at which the upper limit reaches it",
        )
        for target in (1e-3, 1e-4)
        if target >= found.floor
    ]
    heads.append(
        Headline(
            "Impostor comparisons",
            f"{found.impostor_comparisons / 1e6:.1f} M",
            f"of {found.identities:,} people; worth {found.effective_comparisons / 1e6:.1f} M "
            "independent ones at the highest scores",
        )
    )
    return heads


def _thresholds(found: Calibration) -> Section:
    rows = tuple(_row(found, target) for target in ASKED)
    return Section(
        "Thresholds",
        "Decisions use the upper limit: at the score below, the FMR is at most what was "
        "asked, with 95 % confidence, for people and photographs like these.",
        table=Table(("FMR asked", "Score (cosine)", "FMR measured there", "FNMR there"), rows),
    )


def _row(found: Calibration, target: float) -> tuple[str, str, str, str]:
    if target < found.floor:
        return small(target), "refused", "", ""
    score = found.score_for(target)
    scores = [p.score for p in found.points]
    rates = np.interp(score, scores, [np.log10(max(p.fmr, 1e-12)) for p in found.points])
    misses = np.interp(score, scores, [p.fnmr for p in found.points])
    return small(target), f"{score:.4f}", small(float(10**rates)), percent(float(misses))


def _curve(found: Calibration) -> Section:
    scores = np.array([p.score for p in found.points])
    seen = np.array([p.fmr for p in found.points])
    limit = np.array([p.fmr_upper for p in found.points])
    with drawing(7.2, 4.4) as (axes, out):
        axes.fill_between(scores, np.maximum(seen, found.floor / 10), limit, color=BLUE, alpha=0.15, linewidth=0)
        axes.plot(scores[seen > 0], seen[seen > 0], color=BLUE, linewidth=1.2, label="measured")
        axes.plot(scores, limit, color=INK, linewidth=1.8, label="upper limit (decisions)")
        axes.axhline(found.floor, color=MUTED, linewidth=0.9, linestyle=(0, (4, 3)))
        axes.text(
            scores[np.argmax(seen < 0.5)],
            found.floor,
            " floor: nothing smaller can be stated",
            fontsize=8,
            color=MUTED,
            va="bottom",
        )
        axes.set(
            yscale="log",
            xlabel="Score (cosine)",
            ylabel="False match rate",
            xlim=(scores[np.argmax(seen < 0.5)], scores[-1] + 0.01),
            ylim=(found.floor / 3, 1),
        )
        axes.legend(loc="upper right")
    return Section("Score to FMR", svg=out[0], on_card=False)


def _shift(shift: Shift) -> Section:
    low, high = shift.interval
    if shift.same_photograph > IDENTICAL:
        return Section(
            "Chips and whole photographs",
            f"None: {shift.photographs:,} photographs went both ways "
            f"and gave "
            "the same templates (this recogniser's own crop is the chip).",
        )
    better = (
        "conservative: whole photographs give lower impostor scores, so the FMR is at most what is stated"
        if high <= 0
        else "not distinguishable from none"
        if low <= 0
        else "OPTIMISTIC: whole photographs give higher impostor scores than the chips this was measured on"
    )
    text = (
        f"Measured on aligned chips; production sees whole photographs. {shift.photographs:,} photographs of "
        f"{shift.people} people went both ways. The 99th percentile of the impostor scores on whole photographs "
        f"is {shift.impostor_high:+.4f} away from that on chips (95 %: {low:+.4f} to {high:+.4f}): {better}."
    )
    rows = (
        ("Impostor scores, mean", f"{shift.impostor_mean:+.4f}"),
        ("Impostor scores, standard deviation", f"{shift.impostor_deviation:+.4f}"),
        ("Impostor scores, 99th percentile", f"{shift.impostor_high:+.4f}"),
        ("Genuine scores, mean", f"{shift.genuine_mean:+.4f}"),
        ("One photograph, both ways (median cosine)", f"{shift.same_photograph:.4f}"),
    )
    return Section("Chips and whole photographs", text, table=Table(("", "Frames minus chips"), rows))


def _method(found: Calibration) -> Section:
    return Section(
        "How sure",
        "Comparisons that share a person are not independent. At each score the variance of the "
        "false-match count is measured with comparisons that share a person allowed to agree "
        "(dyadic-robust), and exact binomial limits use the number of independent comparisons with "
        "that variance. Where almost "
        "everything matches, each person counts once.",
    )


def _limits(found: Calibration, shift: Shift | None) -> list[str]:
    said = [found.refusal(target) for target in ASKED if target < found.floor][:1]
    said.append(
        f"It holds for people and photographs like those of {found.dataset}. Other cameras, ages and origins "
        "move it: calibrate on your own."
    )
    if shift is None:
        said.append("The shift between aligned chips and whole photographs was not measured (--frames).")
    return said
