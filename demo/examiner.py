"""The examiner's part: export the bank's audit log, verify it offline, then change one byte and verify again."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from kyc.localstack.service import ROOT, Service


@dataclass(frozen=True, slots=True)
class Examined:
    sentences: tuple[str, ...]
    transcript: str
    as_expected: bool


def examine(service: Service, tenant: str, out: Path) -> Examined:
    """What `vouch-verify` says of the bank's own log, and of a copy in which one byte is different."""
    out.mkdir(parents=True, exist_ok=True)
    export, altered, key = out / "audit.jsonl", out / "audit-altered.jsonl", out / "audit.pub"
    service.manage("audit", "seal", cross_tenant=True)
    key.write_text(service.manage("audit", "key", cross_tenant=True))
    service.manage("audit", "export", tenant, "--out", str(export), cross_tenant=True)
    altered.write_bytes(with_one_byte_changed(export.read_bytes()))
    checkpoints = service.home / "worm"
    honest, forged = (verify(path, key, checkpoints) for path in (export, altered))
    events = sum(1 for line in export.open() if b'"event"' in line.encode())
    return Examined(
        sentences=(
            f"The audit log of this bank ({events} events) was exported and verified offline against its signed"
            f" checkpoint: {'nothing was changed.' if honest.returncode == 0 else 'IT DOES NOT VERIFY.'}",
            f"In a copy one byte was changed: {told(forged.stdout)}",
        ),
        transcript=f"$ vouch-verify audit.jsonl --key audit.pub\n{honest.stdout}{honest.stderr}\n"
        f"$ vouch-verify audit-altered.jsonl --key audit.pub\n{forged.stdout}{forged.stderr}",
        as_expected=honest.returncode == 0 and forged.returncode != 0,
    )


def with_one_byte_changed(export: bytes) -> bytes:
    """The first approval becomes something else, by one letter."""
    return export.replace(b'"approved"', b'"approvee"', 1)


def verify(export: Path, key: Path, checkpoints: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kyc.audit.verify", str(export), "--key", str(key)]
    if checkpoints.is_dir():
        command += ["--checkpoint", str(checkpoints)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def told(transcript: str) -> str:
    """The line that names the event."""
    lines = [line.strip() for line in transcript.splitlines() if "event" in line.lower()]
    return next(
        (line for line in lines if "changed" in line or "differ" in line or "hash" in line), " ".join(lines[-1:])
    )
