"""One function per kind of evaluation: read, measure, report, publish. Called by `ml.evaluate.cli`."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ml.bench import machine
from ml.calibrate.curve import from_json
from ml.engine import open_roles
from ml.evaluate import attacks, detection_report, liveness_report, quality_report, verification_report
from ml.evaluate.card import update_card
from ml.evaluate.card_head import card_head
from ml.evaluate.cli import now
from ml.evaluate.comparisons import Comparisons, all_pairs
from ml.evaluate.context import CARDS, about, output_directory
from ml.evaluate.detection import agreed, judge
from ml.evaluate.engines import decode_own, detector, embedder, engine, named_pack, recogniser_pack
from ml.evaluate.errors import EvaluationError
from ml.evaluate.gallery import Gallery, open_gallery
from ml.evaluate.groups import gate_failed, read_groups
from ml.evaluate.intervals import support
from ml.evaluate.liveness import Judged
from ml.evaluate.liveness import judge as judge_attacks
from ml.evaluate.pairs import read_pairs
from ml.evaluate.poorer import MadePoorer
from ml.evaluate.presentations import read_presentations
from ml.evaluate.publish import publish, show
from ml.evaluate.quality import judge as judge_quality
from ml.evaluate.rates import threshold_at
from ml.evaluate.report import Report, small
from ml.evaluate.templates import Enrolment, enrol
from ml.evaluate.verification import verify
from ml.liveness import fusion
from ml.packs import Pack, default_root, from_environment
from ml.quality import recommended

Advance = Callable[[int, int], None]


def verification(arguments: Namespace, command: Sequence[str], console: Console) -> int:
    gallery = opened(arguments.data, limit=arguments.limit)
    pack = recogniser_pack(arguments.pack)
    enrolment, way = enrolled(pack, gallery, arguments, console)
    kept = enrolment.gallery
    with bar(console, "comparing") as advance:
        found = verify(
            enrolment,
            pairs=read_pairs(arguments.pairs, kept) if arguments.pairs else None,
            crossed=not arguments.pairs_only,
            groups=read_groups(arguments.groups, kept) if arguments.groups else None,
            seed=arguments.seed,
            replicates=arguments.replicates,
            progress=advance,
        )
    report = verification_report.report(
        found,
        enrolment,
        title=arguments.title or f"{pack.manifest.name}: verification on {gallery.source.name}",
        subject=pack.manifest.name,
        about=about(verb=command, models=[pack.ref], gallery=gallery, way=way, seed=arguments.seed, now=now()),
    )
    finish(report, pack, arguments, console)
    return 1 if gate_failed(list(found.groups)) else 0


def detection(arguments: Namespace, command: Sequence[str], console: Console) -> int:
    gallery = opened(arguments.data, limit=arguments.limit)
    names = arguments.detectors or [open_roles(default_root(), from_environment())["detector"][0].manifest.name]
    packs = [named_pack(name) for name in names]
    detectors = {
        pack.manifest.name: detector(pack, device=arguments.device, runtime=arguments.runtime) for pack in packs
    }
    images = [decode_own(data).pixels for data in gallery.read_many(list(range(len(gallery))))]
    truth = agreed(images, detectors)
    mark = machine.watch()
    with bar(console, "detecting") as advance:
        outcomes = judge(truth, detectors, seed=arguments.seed, progress=advance)
    title = arguments.title or f"Detection on {gallery.source.name}"
    run = about(
        verb=command, models=[pack.ref for pack in packs], gallery=gallery, way="frames", seed=arguments.seed, now=now()
    )
    made = partial(detection_report.report, truth=truth, busy=machine.others(mark), about=run)
    finish(made(outcomes, title=f"{title}: {', '.join(names)}", subject=names[0]), packs[0], arguments, console)
    for pack in packs[1:] if not arguments.card else ():  # the page compares them all, each card speaks of its own
        name = pack.manifest.name
        if card := card_path(name, arguments):
            update_card(
                made([one for one in outcomes if one.detector == name], title=title, subject=name),
                card,
                head=card_head(pack),
            )
    return 0


def quality(arguments: Namespace, command: Sequence[str], console: Console) -> int:
    gallery = opened(arguments.data, limit=arguments.limit)
    pack = recogniser_pack(arguments.pack)
    made = embedder(
        pack,
        gallery,
        arguments.input,
        wants=("detect", "quality", "embed"),
        device=arguments.device,
        runtime=arguments.runtime,
    )
    if arguments.made_poorer:
        made = MadePoorer(made, seed=arguments.seed)
    with bar(console, "enrolling") as advance:
        enrolment = enrol(gallery, made, progress=advance)
    comparisons = all_pairs(enrolment.embeddings, enrolment.gallery.label)
    threshold, name = _operating_point(pack, comparisons, arguments.fmr)
    found = judge_quality(enrolment, comparisons, threshold=threshold, recommended=recommended()["measures"])
    report = quality_report.report(
        found,
        enrolment,
        threshold_name=name,
        subject=pack.manifest.name,
        title=arguments.title or f"{pack.manifest.name}: quality on {gallery.source.name}",
        about=about(verb=command, models=made.models, gallery=gallery, way=made.way, seed=arguments.seed, now=now()),
    )
    finish(report, pack, arguments, console)
    return 0


def _operating_point(pack: Pack, comparisons: Comparisons, target: float) -> tuple[float, str]:
    """The pack's own threshold where it has a calibration; otherwise this set's, if it carries the FMR."""
    body = pack.calibration()
    if body is not None:
        return from_json(body).score_for(target), f"FMR {small(target)} (the pack's calibration)"
    carried = support(comparisons)
    if not carried.carries(target):
        raise EvaluationError(carried.refusal(target))
    return threshold_at(comparisons, target), f"FMR {small(target)} (of this set)"


def liveness(arguments: Namespace, command: Sequence[str], console: Console) -> int:
    shown = read_presentations(arguments.data)
    pack = recogniser_pack(None)
    pads = open_roles(default_root(), from_environment())["pad"]
    if not pads:
        raise EvaluationError("no PAD pack is in use: python -m ml packs use NAME")
    driven = engine(pack, device=arguments.device, runtime=arguments.runtime)
    body = pack.calibration()
    with bar(console, "judging") as advance:
        judged = judge_attacks(
            shown, driven, progress=advance, match_threshold=from_json(body).score_for(arguments.fmr) if body else None
        )
    if arguments.fit:
        _fit(judged, console)
    found = attacks.rates([one.presentation for one in judged], threshold=arguments.threshold)
    report = liveness_report.report(
        found,
        judged,
        subject=pads[0].manifest.name,
        title=arguments.title
        or f"{' + '.join(p.manifest.name for p in pads)}: presentation attack detection on {arguments.data.name}",
        about=about(
            verb=command,
            models=[p.ref for p in pads],
            gallery=None,
            way=f"{len(shown)} presentations",
            seed=None,
            now=now(),
        ),
    )
    finish(report, pads[0], arguments, console)
    return 0


def _fit(judged: Sequence[Judged], console: Console) -> None:
    """The fusion rule from this set, beside the packs: the engine takes it up at its next start."""
    scored = [one for one in judged if one.scores]
    try:
        rule = fusion.fit([one.scores for one in scored], [one.presentation.bona_fide for one in scored])
    except ValueError as error:
        raise EvaluationError(str(error)) from error
    console.print(
        f"fusion rule: {fusion.write(rule, root=default_root())}; the figures below are from before it, and "
        "judging it takes other presentations than these"
    )


def opened(data: Path, *, limit: int | None = None) -> Gallery:
    gallery = open_gallery(data)
    if limit is None:
        return gallery
    return gallery.only([i for i in range(len(gallery)) if gallery.label[i] < limit])


def enrolled(pack: Pack, gallery: Gallery, arguments: Namespace, console: Console) -> tuple[Enrolment, str]:
    made = embedder(pack, gallery, arguments.input, device=arguments.device, runtime=arguments.runtime)
    with bar(console, "enrolling") as advance:
        return enrol(gallery, made, progress=advance), made.way


def finish(report: Report, pack: Pack, arguments: Namespace, console: Console) -> None:
    directory = arguments.out or output_directory(report.kind, report.subject, now=now())
    card = card_path(report.subject, arguments)
    publish(report, directory, card=card, head=card_head(pack))
    show(report, directory, console, card=card)


def card_path(subject: str, arguments: Namespace) -> Path | None:
    """Installed without its checkout, Vouch has no docs/ to write to."""
    if arguments.no_card:
        return None
    if arguments.card:
        return Path(arguments.card)
    return CARDS / f"{subject}.md" if CARDS.parent.is_dir() else None


@contextmanager
def bar(console: Console, what: str) -> Iterator[Advance]:
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)
