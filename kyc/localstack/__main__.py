"""`python -m kyc.localstack start|stop|status|env|erase`: the embedded servers by hand."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

from kyc.localstack import Stack, StackError

HOME = Path(os.environ.get("VOUCH_HOME") or Path(__file__).parents[2] / "var")


def start(stack: Stack) -> int:
    stack.start(keep=True)
    return status(stack)


def stop(stack: Stack) -> int:
    stack.stop()
    return 0


def erase(stack: Stack) -> int:
    stack.erase()
    return 0


def status(stack: Stack) -> int:
    found = stack.status()
    for name, pid in found.items():
        print(f"{name:9} {f'runs, pid {pid}' if pid else 'does not run'}")
    return 0 if all(found.values()) else 3  # 3: "not running", as init scripts say it


def env(stack: Stack) -> int:
    """For `eval "$(python -m kyc.localstack env)"`."""
    for key, value in stack.urls.env().items():
        print(f"export {key}={shlex.quote(value)}")
    return 0


VERBS = {"start": start, "stop": stop, "status": status, "env": env, "erase": erase}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m kyc.localstack", description=__doc__)
    parser.add_argument("verb", choices=VERBS)
    parser.add_argument("--home", type=Path, default=HOME, help="state directory (default: $VOUCH_HOME or var/)")
    asked = parser.parse_args(argv)
    try:
        return VERBS[asked.verb](Stack(asked.home))
    except StackError as e:
        print(e, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
