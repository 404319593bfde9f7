"""`python -m ml VERB`: each verb is `ml.VERB.cli:main(argv)`, imported only when asked for."""

from __future__ import annotations

import importlib
import sys

VERBS = {
    "packs": "list, verify, import, pull and select model packs",
    "evaluate": "verification, detection, quality and liveness on your data",
    "calibrate": "turn comparisons into a score-to-FMR curve",
    "bench": "measure each stage against its peers and the machine's limit",
    "train": "fine-tune a recogniser",
}


def main(argv: list[str]) -> int:
    if not argv or argv[0] not in VERBS:
        print(_usage(), file=sys.stderr if argv and argv[0] not in ("-h", "--help") else sys.stdout)
        return 0 if argv and argv[0] in ("-h", "--help") else 2
    return int(importlib.import_module(f"ml.{argv[0]}.cli").main(argv[1:]) or 0)


def _usage() -> str:
    lines = [f"  {verb:<10} {what}" for verb, what in VERBS.items()]
    return "\n".join(["usage: python -m ml VERB ...", "", *lines])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
