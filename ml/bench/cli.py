"""`python -m ml bench`: every stage here and now, beside its peers and the machine's limit."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console

from ml.errors import EngineError


def main(argv: list[str]) -> int:
    """Exit code 0 measured (aims missed are reported, not failed), 2 could not be measured."""
    arguments = _parser().parse_args(argv)
    from ml.bench import runs  # torch takes seconds to import, --help should not

    try:
        return runs.bench(arguments, ["bench", *argv], Console())
    except EngineError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="about a minute: batches 1 and 8, the packs in use, no peers"
    )
    parser.add_argument(
        "--clock",
        choices=("wall", "cpu"),
        default="wall",
        help="cpu: processor time on one thread, for ratios on a machine that others use too",
    )
    parser.add_argument("--seconds", type=float, help="per subject; default 2, with --quick 0.3")
    parser.add_argument("--packs", nargs="+", metavar="PACK", help="networks to measure; default: all installed")
    parser.add_argument("--photos", type=Path, help="folder of JPEG portraits, one face each")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--out", type=Path, help="JSON file; default bench/<time>.json in the state directory")
    return parser
