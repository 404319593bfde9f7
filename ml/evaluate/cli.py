"""`python -m ml evaluate verification | detection | quality | liveness`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from ml.errors import EngineError
from ml.evaluate.errors import EvaluationError

SEED = 1


def main(argv: list[str]) -> int:
    """Exit code 0 done, 1 done but a gate failed, 2 could not be done."""
    arguments = _parser().parse_args(argv)
    console = Console()
    try:
        return _runner(arguments.kind)(arguments, ["evaluate", *argv], console)
    except (EvaluationError, EngineError) as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return 2


def _runner(kind: str) -> Callable[[argparse.Namespace, list[str], Console], int]:
    # imported only when asked for: torch and matplotlib take seconds
    from ml.evaluate import runs

    return {
        "verification": runs.verification,
        "detection": runs.detection,
        "quality": runs.quality,
        "liveness": runs.liveness,
    }[kind]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml evaluate", description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    verification = _kind(kinds, "verification", "one-to-one comparison: FNMR at FMR, DET, LFW folds, groups")
    verification.add_argument("--pairs", type=Path, help="LFW's pairs.txt, or lines of two paths and a fold")
    verification.add_argument("--pairs-only", action="store_true", help="compare only the listed pairs, not all")
    verification.add_argument("--groups", type=Path, help="CSV: identity,attribute,...; adds tables and the 25 %% gate")
    add_recogniser(verification)
    quality = _kind(kinds, "quality", "what refusing poor photographs buys: error-versus-discard curves")
    quality.add_argument(
        "--made-poorer",
        action="store_true",
        help="degrade the photographs first (blur, dark, small, JPEG), from the seed",
    )
    quality.add_argument("--fmr", type=float, default=1e-3, help="FMR of the threshold at which failures are counted")
    add_recogniser(quality)
    detection = _kind(kinds, "detection", "recall, landmark error and ms on photographs and harder versions of them")
    detection.add_argument("--detectors", nargs="+", default=[], metavar="PACK", help="default: the pack in use")
    detection.add_argument("--limit", type=int, help="only the photographs of the first N people")
    _kind(kinds, "liveness", "APCER per attack species, BPCER, IAPAR with exact intervals")
    liveness = kinds.choices["liveness"]
    liveness.add_argument("--threshold", type=float, default=0.5, help="pass at this score, 0..1")
    liveness.add_argument("--fmr", type=float, default=1e-3, help="FMR of the match that IAPAR asks for")
    liveness.add_argument("--fit", action="store_true", help="fit the rule that fuses several PAD packs on this set")
    return parser


def _kind(kinds: argparse._SubParsersAction[argparse.ArgumentParser], name: str, about: str) -> argparse.ArgumentParser:
    parser = kinds.add_parser(name, help=about, description=about)
    parser.add_argument("data", type=Path, help="a folder or zip, one folder per person (liveness: per species)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--runtime", default="auto", choices=("auto", "torch", "onnx"))
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--title", help="headline of the report")
    add_output(parser)
    return parser


def add_recogniser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--pack", help="recogniser to judge; default: the pack in use")
    parser.add_argument(
        "--input",
        choices=("auto", "frames", "chips"),
        default="auto",
        help="frames: photographs through the whole engine; chips: already aligned 112 x 112",
    )
    parser.add_argument("--limit", type=int, help="only the first N people (a quick look)")
    parser.add_argument("--replicates", type=int, default=1000, help="bootstrap replicates")


def add_output(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, help="directory for report.json and report.html")
    parser.add_argument("--card", type=Path, help="model card to update; default docs/models/<pack>.md in a checkout")
    parser.add_argument("--no-card", action="store_true")


def now() -> datetime:
    return datetime.now(UTC)
