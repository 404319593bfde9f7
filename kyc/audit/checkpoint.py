"""A checkpoint: "at this time, this log had this many events under this root", signed.

Its text is that of C2SP tlog-checkpoint: origin, size, root in base64, and here one extension line, the time.
Whoever holds a checkpoint from outside the database can tell whether anything before it was changed since.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass

from kyc.audit import note
from kyc.audit.merkle import Hash

SIZE = re.compile(r"0|[1-9][0-9]{0,15}")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    origin: str  # key name, "/", log
    size: int  # events
    root: Hash
    at: str  # RFC 3339, UTC

    @property
    def log(self) -> str:
        return self.origin.rpartition("/")[2]

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\nat {self.at}\n"


def origin_of(signer_name: str, log: str) -> str:
    return f"{signer_name}/{log}"


def sign(checkpoint: Checkpoint, signer: note.Signer) -> str:
    return note.sign(checkpoint.text(), signer)


def open_checkpoint(signed: str, verifiers: Iterable[note.Verifier]) -> tuple[Checkpoint, note.Verifier]:
    """Raises note.BadNote when it is no checkpoint, note.BadSignature when nobody known has signed it.

    A key speaks only for logs under its own name: one log's checkpoint never passes for another's.
    """
    text, verifier = note.open_note(signed, verifiers)
    checkpoint = parse(text)
    if checkpoint.origin != origin_of(verifier.name, checkpoint.log):
        raise note.BadSignature(f"{verifier.name} signs for a log of another name: {checkpoint.origin}")
    return checkpoint, verifier


def parse(text: str) -> Checkpoint:
    """From the unsigned text; only the form that `Checkpoint.text` writes is accepted."""
    lines = text.split("\n")
    if len(lines) != 5 or lines[4] or not SIZE.fullmatch(lines[1]) or not lines[3].startswith("at "):
        raise note.BadNote("not a checkpoint of this log")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except (binascii.Error, ValueError) as e:
        raise note.BadNote("the root is not base64") from e
    at = lines[3].removeprefix("at ")
    if len(root) != 32 or not TIME.fullmatch(at) or "/" not in lines[0]:
        raise note.BadNote("not a checkpoint of this log")
    return Checkpoint(lines[0], int(lines[1]), root, at)
