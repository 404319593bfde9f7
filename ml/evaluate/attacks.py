"""Presentation attack detection rates, ISO/IEC 30107-3.

APCER: attack presentations of one PAI species taken for bona fide (the worst species is the
headline, never the mean). BPCER: bona fide presentations taken for attacks. IAPAR: attack
presentations that pass liveness *and* match the person they imitate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.evaluate.intervals import Interval, clopper_pearson, upper_limit

IAPAR_LIMIT = 0.07  # NIST SP 800-63A-4
IBETA_ATTACKS = 150  # presentations per species in iBeta's level 1, which asks for none to pass
ENOUGH_SUBJECTS = 15  # FIDO Biometric Requirements v2: subjects in a PAD evaluation


@dataclass(frozen=True)
class Presentation:
    species: str  # "bona fide", or the PAI species ("print", "replay", ...)
    subject: str  # the person shown
    live: float | None  # the PAD score, 0..1; None: refused before scoring
    matched: bool | None = None  # against the imitated person's reference; None: no reference given

    @property
    def bona_fide(self) -> bool:
        return self.species == "bona fide"


@dataclass(frozen=True)
class AttackRate:
    name: str
    errors: int
    presentations: int
    subjects: int
    rate: float
    interval: Interval  # 95 %, exact; presentations taken as independent, which flatters
    by_subject: Interval  # 95 %, exact, each subject one trial: the careful reading


@dataclass(frozen=True)
class PadResult:
    threshold: float
    apcer: tuple[AttackRate, ...]  # one per species
    bpcer: AttackRate | None
    iapar: tuple[AttackRate, ...]  # empty where no reference was given
    refused_bona_fide: int
    refused_attacks: int
    cannot_show: tuple[str, ...]  # sentences


def rates(presentations: Sequence[Presentation], *, threshold: float) -> PadResult:
    """A presentation passes when `live >= threshold`. A refused one does not pass (and counts as
    a BPCER error when bona fide): the caller sees no approval either way."""
    attacks = [p for p in presentations if not p.bona_fide]
    people = [p for p in presentations if p.bona_fide]
    species = sorted({p.species for p in attacks})
    apcer = tuple(
        _rate(f"APCER {name}", [p for p in attacks if p.species == name], lambda p: _passes(p, threshold))
        for name in species
    )
    with_reference = [p for p in attacks if p.matched is not None]
    iapar = tuple(
        _rate(
            f"IAPAR {name}",
            [p for p in with_reference if p.species == name],
            lambda p: _passes(p, threshold) and bool(p.matched),
        )
        for name in species
        if any(p.species == name for p in with_reference)
    )
    bpcer = _rate("BPCER", people, lambda p: not _passes(p, threshold)) if people else None
    return PadResult(
        threshold=threshold,
        apcer=apcer,
        bpcer=bpcer,
        iapar=iapar,
        refused_bona_fide=sum(p.live is None for p in people),
        refused_attacks=sum(p.live is None for p in attacks),
        cannot_show=tuple(_limits(apcer, bpcer, iapar)),
    )


def _passes(presentation: Presentation, threshold: float) -> bool:
    return presentation.live is not None and presentation.live >= threshold


def _rate(name: str, presentations: list[Presentation], wrong) -> AttackRate:
    errors = sum(map(wrong, presentations))
    subjects = sorted({p.subject for p in presentations})
    hit = sum(any(wrong(p) for p in presentations if p.subject == s) for s in subjects)
    return AttackRate(
        name=name,
        errors=errors,
        presentations=len(presentations),
        subjects=len(subjects),
        rate=errors / len(presentations),
        interval=clopper_pearson(errors, len(presentations)),
        by_subject=clopper_pearson(hit, len(subjects)),
    )


def _limits(apcer: Sequence[AttackRate], bpcer: AttackRate | None, iapar: Sequence[AttackRate]) -> list[str]:
    said = []
    for one in [*apcer, *([bpcer] if bpcer else [])]:
        if one.subjects < ENOUGH_SUBJECTS:
            said.append(
                f"{one.name}: {one.presentations} presentations of {one.subjects} subjects. Nothing can be "
                f"concluded about people in general; even without a single error the true rate could be "
                f"{upper_limit(0, one.subjects):.0%} (at least {ENOUGH_SUBJECTS} subjects are needed)."
            )
        elif one is not bpcer and one.presentations < IBETA_ATTACKS:
            said.append(f"{one.name}: {one.presentations} attacks; a laboratory test uses {IBETA_ATTACKS} per species.")
    if len(apcer) < 6:
        said.append(
            f"{len(apcer)} PAI species were tried; iBeta's level 1 uses six. Species that are not in the set "
            "(masks, 3D heads, injected video) are not covered by any figure here."
        )
    if not iapar:
        said.append("IAPAR was not measured: the set names no reference photograph for the imitated person.")
    elif any(one.interval.high > IAPAR_LIMIT for one in iapar):
        trials = int(np.ceil(3 / IAPAR_LIMIT))
        said.append(
            f"IAPAR below {IAPAR_LIMIT:.0%} (NIST SP 800-63A-4) is not shown; with no error at all it takes "
            f"about {trials} independent attacks per species."
        )
    if bpcer is None:
        said.append("BPCER was not measured: the set has no bona fide presentation.")
    return said
