"""`make faults`: ten minutes of kill -9 against a Vouch that banks are using, then a count of what was lost.

python -m tests.faults [--minutes 10] [--seed N] [--out var/faults]
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import time
from pathlib import Path

from rich.console import Console

from tests.faults.conductor import Conductor, Run
from tests.faults.count import Row, count
from tests.faults.plan import plan
from tests.faults.report import as_json, draw, show


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=None, help="repeat a run's plan")
    parser.add_argument("--banks", type=int, default=3, help="sandbox tenants; one live tenant is added")
    parser.add_argument("--pace", type=float, default=0.45, help="seconds between two acts of a bank")
    parser.add_argument("--out", type=Path, default=Path("var/faults"))
    asked = parser.parse_args()
    console = Console()
    seed = secrets.randbelow(1_000_000) if asked.seed is None else asked.seed
    faults = plan(seed=seed, seconds=asked.minutes * 60)
    console.print(f"seed {seed}: {len(faults)} faults in {asked.minutes:g} minutes (--seed {seed} repeats the plan)")
    began = time.monotonic()

    def say(line: str) -> None:
        console.print(f"[dim]{time.monotonic() - began:6.0f}[/] {line}", highlight=False)

    with Conductor(seed=seed, plan=faults, say=say, banks=asked.banks, pace=asked.pace) as conductor:
        run = conductor.run()
        rows = count(run)
        report(run, rows, seed, asked.out, console)
    return 1 if any(r.wrong for r in rows) else 0


def report(run: Run, rows: list[Row], seed: int, out: Path, console: Console) -> None:
    out.mkdir(parents=True, exist_ok=True)
    found = as_json(run, rows, seed)
    (out / "faults.json").write_text(json.dumps(found, indent=2))
    draw(run, found, out / "timeline.png")
    show(found, console)
    console.print(f"{out}/faults.json, {out}/timeline.png")


if __name__ == "__main__":
    sys.exit(main())
