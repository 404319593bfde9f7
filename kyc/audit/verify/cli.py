"""`vouch-verify EXPORT --key audit.pub --checkpoint FILE`: is this export what was signed?

Exit status: 0 verified; 1 tampered with, the findings say where; 2 the files cannot be read as what they should be;
3 a checkpoint is not signed by the key; 4 undecided, a consistency proof is missing.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from kyc.audit.bundle import BadBundle, looks_like_bundle
from kyc.audit.canonical import NotCanonical, strict_loads
from kyc.audit.format import BadExport
from kyc.audit.note import BadNote, Verifier
from kyc.audit.page import render
from kyc.audit.verify import bundle as bundles
from kyc.audit.verify.export import verify
from kyc.audit.verify.findings import Exit, Report

VERDICTS = {
    Exit.VERIFIED: "VERIFIED",
    Exit.TAMPERED: "TAMPERED WITH",
    Exit.BAD_SIGNATURE: "NOT SIGNED BY A KNOWN KEY",
    Exit.UNDECIDED: "UNDECIDED",
}


def main(argv: list[str] | None = None) -> int:
    asked = _parser().parse_args(argv)
    started = time.monotonic()
    try:
        report = _run(asked)
        if asked.html:
            with asked.export.open("rb") as lines, asked.html.open("wb") as page:
                page.writelines(render(lines, report=report))
    except (BadExport, BadBundle, BadNote, NotCanonical, OSError) as e:
        print(f"cannot verify: {e}", file=sys.stderr)
        return Exit.UNUSABLE
    if asked.json:
        print(report.as_json())
    else:
        tell(report, sys.stdout, seconds=time.monotonic() - started)
    return report.exit


def tell(report: Report, out: IO[str], *, seconds: float | None = None) -> None:
    """The report for a person."""
    took = f" in {seconds:.1f} s" if seconds is not None else ""
    out.write(f"{VERDICTS[report.exit]}: {report.events} events of log {report.log}{took}\n")
    for sentence in report.checked:
        out.write(f"  ok    {sentence}\n")
    for finding in report.findings:
        out.write(f"  WRONG {finding.code}: {finding.message}\n")
    for sentence in report.notes:
        out.write(f"  note  {sentence}\n")


def read_keys(given: list[str]) -> list[Verifier]:
    """Keys as files (one per line) or as text."""
    keys = []
    for one in given:
        text = Path(one).read_text() if Path(one).is_file() else one
        keys += [Verifier.parse(line) for line in text.splitlines() if line.strip()]
    return keys


def read_checkpoints(given: list[Path]) -> Iterator[str]:
    """Checkpoints as files, or every `*.checkpoint` under a directory."""
    for path in given:
        files = sorted(path.rglob("*.checkpoint")) if path.is_dir() else [path]
        for file in files:
            yield file.read_text(encoding="utf-8")


def _run(asked: argparse.Namespace) -> Report:
    outside = {
        "checkpoints": list(read_checkpoints(asked.checkpoint)),
        "archive": list(read_checkpoints(asked.archive)),
        "consistency": [strict_loads(path.read_bytes()) for path in asked.consistency],
    }
    verifiers = read_keys(asked.key)
    if looks_like_bundle(asked.export):
        return bundles.verify_bundle(asked.export, verifiers=verifiers, **outside)
    with asked.export.open("rb") as lines:
        return verify(lines, verifiers=verifiers, **outside)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="vouch-verify", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("export", type=Path, help="an export (JSON lines) or an evidence bundle")
    parser.add_argument("--key", action="append", required=True, help="the public key: a file, or its text; repeatable")
    parser.add_argument("--checkpoint", type=Path, action="append", default=[],
                        help="a checkpoint that you kept: the export must reach it; repeatable")  # fmt: skip
    parser.add_argument("--archive", type=Path, action="append", default=[],
                        help="a directory of checkpoints; those newer than the export are only noted")  # fmt: skip
    parser.add_argument("--consistency", type=Path, action="append", default=[],
                        help="a consistency proof (JSON, as the API gives it); repeatable")  # fmt: skip
    parser.add_argument("--html", type=Path, help="also write the export as a page for reading, with the verdict")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
