"""`python -m ml calibrate DATA --pack NAME`: what each score means, with its upper limit."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from ml.errors import EngineError
from ml.evaluate.cli import SEED, add_output, add_recogniser, now
from ml.evaluate.errors import EvaluationError

SHIPPED = Path(__file__).resolve().parents[1] / "packs" / "manifests"


def main(argv: list[str]) -> int:
    """Exit code 0 done, 2 could not be done (or an FMR was asked for that the data does not support)."""
    arguments = _parser().parse_args(argv)
    console = Console()
    try:
        return _calibrate(arguments, ["calibrate", *argv], console)
    except (EvaluationError, EngineError) as error:
        print(f"calibrate: {error}", file=sys.stderr)
        return 2


def _calibrate(arguments: argparse.Namespace, command: list[str], console: Console) -> int:
    # imported late: torch and matplotlib take seconds, --help should not
    from ml.calibrate import curve, report
    from ml.evaluate.comparisons import all_pairs
    from ml.evaluate.context import about
    from ml.evaluate.engines import recogniser_pack
    from ml.evaluate.runs import bar, enrolled, finish, opened

    gallery = opened(arguments.data, limit=arguments.limit)
    pack = recogniser_pack(arguments.pack)
    enrolment, way = enrolled(pack, gallery, arguments, console)
    with bar(console, "comparing") as advance:
        comparisons = all_pairs(enrolment.embeddings, enrolment.gallery.label, progress=advance)
    found = curve.measure(
        comparisons,
        dataset=arguments.dataset or gallery.source.name,
        weights_sha256=pack.ref.sha256,
        about={"way": way, "data_sha256": gallery.fingerprint(), "made": f"{now():%Y-%m-%d}"},
    )
    shift = _shift(arguments, pack, console) if arguments.frames else None
    finish(
        report.report(
            found,
            title=arguments.title or f"{pack.manifest.name}: what a score means",
            subject=pack.manifest.name,
            shift=shift,
            about=about(verb=command, models=[pack.ref], gallery=gallery, way=way, seed=arguments.seed, now=now()),
        ),
        pack,
        arguments,
        console,
    )
    _keep(found, pack, arguments, console)
    if arguments.fmr is not None:
        console.print(f"FMR {arguments.fmr:.1e}: score {found.score_for(arguments.fmr):.4f} (cosine)")
    return 0


def _shift(arguments, pack, console):
    from ml.calibrate.shift import measure_shift
    from ml.evaluate.engines import engine, from_chips
    from ml.evaluate.gallery import open_gallery
    from ml.evaluate.runs import bar
    from ml.evaluate.templates import FromFrames, ThroughChips, enrol

    options = {"device": arguments.device, "runtime": arguments.runtime}
    frames, driven = open_gallery(arguments.frames), engine(pack, **options)
    with bar(console, "both ways") as advance:
        whole = enrol(frames, FromFrames(driven), progress=advance)
        cut = enrol(frames, ThroughChips(driven, from_chips(pack, **options)), progress=advance)
    return measure_shift(cut, whole, seed=arguments.seed)


def _keep(found, pack, arguments, console) -> None:
    """Into the pack (default), and where asked for, beside the ready manifests that ship."""
    from ml.packs import default_root, from_environment
    from ml.packs.build import attach_calibration

    data = (json.dumps(found.as_json(), indent=1) + "\n").encode()
    if arguments.ship:
        path = SHIPPED / f"{pack.manifest.name}.calibration.json"
        path.write_bytes(data)
        console.print(f"shipped: {path}", highlight=False, soft_wrap=True)
    if arguments.no_attach:
        return
    attach_calibration(pack.manifest.name, data, root=default_root(), allowed_licences=from_environment())
    console.print(f"{pack.manifest.name}: calibration attached to the pack")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml calibrate", description=__doc__)
    parser.add_argument("data", type=Path, help="a folder or zip with one folder per person")
    parser.add_argument("--dataset", help="how the calibration names the data; default: the file's name")
    parser.add_argument("--frames", type=Path, help="whole photographs, to measure the shift between them and chips")
    parser.add_argument("--fmr", type=float, help="also print the score for this FMR, or refuse")
    parser.add_argument("--no-attach", action="store_true", help="leave the installed pack as it is")
    parser.add_argument("--ship", action="store_true", help="write it beside the ready manifests of this checkout")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--runtime", default="auto", choices=("auto", "torch", "onnx"))
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--title", help="headline of the report")
    add_recogniser(parser)
    add_output(parser)
    return parser
