"""The judge against rendered sessions: how many of each species were tried, and how many passed.

    python -m ml.liveness.active.trial --photos DIR [--sessions N] [--seed S] [--out FILE.json]

What this is not: an ISO/IEC 30107-3 evaluation. Nobody sat before a camera and no artefact was made; the sessions are
renders of photographs (`ml.liveness.synthetic`), so the bona fide rate says nothing about people, and an attack
species here is a means to see that the signal meant for it works. A puppet rendered from a photograph, lit as a face is
lit, *is* our bona fide render and passes: injected video must be kept out elsewhere.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from ml.decode import Bare
from ml.detect import build_detector
from ml.embed import Recogniser
from ml.engine import open_roles
from ml.evaluate.intervals import clopper_pearson
from ml.liveness.active import draw
from ml.liveness.active.judge import judge
from ml.liveness.active.observe import Observer
from ml.liveness.active.types import Known, Transcript, Verdict
from ml.liveness.synthetic import casting, species
from ml.liveness.synthetic.film import Film
from ml.liveness.synthetic.portrait import Portrait
from ml.packs import default_root, from_environment
from ml.runtime import load

BONA_FIDE = "rendered person (bona fide stand-in)"
SAME_FACE = 0.90  # cosine of the default recogniser; renders of one photograph score .95 and more, other people below
NOTE = (
    "Rendered sessions, no presentations: not an ISO/IEC 30107-3 evaluation; the bona fide rate says nothing about "
    "people. Intervals are exact (Clopper and Pearson), 95 %, sessions taken as independent."
)


@dataclass(frozen=True)
class Outcome:
    species: str
    portrait: str
    seed: int
    result: str
    reasons: tuple[str, ...]
    frames: int
    observe_ms_per_frame: float
    verdict_ms: float  # from the last observation to the verdict


@dataclass(frozen=True)
class Row:
    species: str
    tried: int
    passed: int
    low: float  # 95 % limits of the pass rate
    high: float
    reasons: dict[str, int]  # of those that did not pass, how often each was given


def transcript_of(film: Film, case: species.Case, observer: Observer) -> Transcript:
    frames = observer.observe(film.frames)
    return Transcript(
        challenge=case.challenge,
        frames=tuple(frames),
        asked=film.asked,
        beats=film.beats,
        camera=film.camera,
        known=Known(sha256=film.known_sha256, phash=film.known_phash),
    )


def sessions(portraits: Mapping[str, Portrait], each: int, seed: int) -> Iterator[tuple[str, species.Case]]:
    """`each` cases in turn over the portraits; the stranger is somebody else of them."""
    names, rng = list(portraits), np.random.default_rng(seed)
    for number in range(each):
        name = names[number % len(names)]
        other = names[(number + 1 + int(rng.integers(len(names) - 1))) % len(names)]
        challenge = draw.draw(draw.seed(f"trial {seed} {number}", b"trial"))
        stranger = portraits[other if other != name else names[(number + 1) % len(names)]]
        yield name, species.Case(portraits[name], stranger, challenge, seed * 10_000 + number)


def run(
    observer: Observer,
    portraits: Mapping[str, Portrait],
    *,
    each: int,
    seed: int,
    kinds: Mapping[str, Callable[[species.Case], Film]] | None = None,
    tell: Callable[[Outcome], None] = lambda outcome: None,
) -> list[Outcome]:
    kinds = kinds or {BONA_FIDE: species.BONA_FIDE, **species.ATTACKS}
    outcomes = []
    for name, case in sessions(portraits, each, seed):
        for kind, make in kinds.items():
            outcomes.append(_one(observer, kind, name, case, make(case)))
            tell(outcomes[-1])
    return outcomes


def _one(observer: Observer, kind: str, name: str, case: species.Case, film: Film) -> Outcome:
    start = time.perf_counter()
    transcript = transcript_of(film, case, observer)
    seen = time.perf_counter()
    verdict: Verdict = judge(transcript, same_face=SAME_FACE)
    done = time.perf_counter()
    return Outcome(
        species=kind,
        portrait=name,
        seed=case.seed,
        result=verdict.result,
        reasons=verdict.reasons,
        frames=len(film.frames),
        observe_ms_per_frame=1000 * (seen - start) / len(film.frames),
        verdict_ms=1000 * (done - seen),
    )


def rows(outcomes: Sequence[Outcome]) -> list[Row]:
    kinds = dict.fromkeys(outcome.species for outcome in outcomes)
    return [_row(kind, [o for o in outcomes if o.species == kind]) for kind in kinds]


def _row(kind: str, some: Sequence[Outcome]) -> Row:
    passed = sum(o.result == "pass" for o in some)
    interval = clopper_pearson(passed, len(some))
    reasons = [reason for o in some if o.result != "pass" for reason in o.reasons]
    counted = {reason: reasons.count(reason) for reason in sorted(set(reasons), key=reasons.count, reverse=True)}
    return Row(species=kind, tried=len(some), passed=passed, low=interval.low, high=interval.high, reasons=counted)


def table(some: Sequence[Row]) -> str:
    lines = [f"{'species':<40} {'tried':>5} {'passed':>6}  95 % interval    most frequent reason"]
    for row in some:
        reason = next(iter(row.reasons.items()), ("", 0))
        lines.append(
            f"{row.species:<40} {row.tried:>5} {row.passed:>6}  {row.low:6.1%} ..{row.high:6.1%}  "
            f"{reason[0]}{f' ({reason[1]})' if reason[1] else ''}"
        )
    return "\n".join(lines)


def report(outcomes: Sequence[Outcome], seed: int) -> dict[str, object]:
    verdicts = [o.verdict_ms for o in outcomes]
    return {
        "note": NOTE,
        "seed": seed,
        "species": [asdict(row) for row in rows(outcomes)],
        "verdict_ms": {
            "median": float(np.median(verdicts)),
            "p95": float(np.quantile(verdicts, 0.95)),
            "max": max(verdicts),
        },
        "observe_ms_per_frame": float(np.median([o.observe_ms_per_frame for o in outcomes])),
        "outcomes": [asdict(outcome) for outcome in outcomes],
    }


def observer_from_packs(root: Path, *, threads: int | None = None) -> tuple[Observer, casting.Detector]:
    """The packs in use under `root`; decodes in this process, for files we made ourselves."""
    packs = open_roles(root, from_environment())
    detector = build_detector(packs["detector"][0], device="cpu", runtime="auto", precision="fp32", threads=threads)
    recogniser = packs["recogniser"][0]
    network = load(recogniser, device="cpu", runtime="auto", precision="fp32", threads=threads)
    return Observer(decoder=Bare(), detector=detector, recogniser=Recogniser(recogniser, network)), detector


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m ml.liveness.active.trial", description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=Path, nargs="+", required=True, help="folders of photographs, one face each")
    parser.add_argument("--sessions", type=int, default=20, help="of each species")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="where the JSON goes")
    args = parser.parse_args(argv)
    observer, detector = observer_from_packs(default_root())
    files = [
        path
        for folder in args.photos
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp")
    ]
    portraits = casting.cast(files, detector)
    if len(portraits) < 2:
        parser.error("two photographs with exactly one clear face are needed")
    outcomes = run(
        observer,
        portraits,
        each=args.sessions,
        seed=args.seed,
        tell=lambda o: print(f"{o.seed} {o.species}: {o.result} {' '.join(o.reasons)}", flush=True),
    )
    result = report(outcomes, args.seed)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\n{table(rows(outcomes))}\n\n{NOTE}\nverdict after the last frame: {result['verdict_ms']} ms")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
