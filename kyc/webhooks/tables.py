"""The tables of docs/webhooks.md, from what the code does: `python -m kyc.webhooks.tables` rewrites them there."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

from kyc.webhooks.catalogue import CATALOGUE
from kyc.webhooks.policy import BACKOFF, JITTER
from kyc.webhooks.states import MOVES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "webhooks.md"
BLOCK = r"(<!-- table: {name} -->\n).*?(<!-- end -->)"


def events() -> str:
    rows = [f"| `{name}` | {meaning} |" for name, meaning in CATALOGUE.items()]
    return "\n".join(["| Event | Sent when |", "|---|---|", *rows])


def retries() -> str:
    rows, earliest, latest = ["| 1 | at once | 0 s |"], timedelta(), timedelta()
    for number, wait in enumerate(BACKOFF, start=2):
        earliest, latest = earliest + wait * (1 - JITTER), latest + wait
        rows.append(f"| {number} | {in_words(wait)} | {in_words(earliest)} to {in_words(latest)} |")
    return "\n".join(["| Attempt | Waits at most | After the first one |", "|---|---|---|", *rows])


def states() -> str:
    lines = [f"    {was} --> {to}" for was, moves in MOVES.items() for to in moves if to != was]
    ends = [f"    {state} --> [*]" for state, moves in MOVES.items() if not moves]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> pending", *lines, *ends, "```"])


def in_words(time: timedelta) -> str:
    """Two units at most: "23 h 43 min", "2 min", "8 s"."""
    seconds = round(time.total_seconds())
    parts = [(seconds // 3600, "h"), (seconds // 60 % 60, "min"), (seconds % 60, "s")]
    return " ".join(f"{amount} {unit}" for amount, unit in [p for p in parts if p[0]][:2]) or "0 s"


def filled(page: str) -> str:
    for name, table in (("events", events()), ("retries", retries()), ("states", states())):
        page = re.sub(BLOCK.format(name=name), rf"\1{table}\n\2", page, flags=re.DOTALL)
    return page


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text()))
