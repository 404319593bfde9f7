"""The export as JSON lines: a header, one line per event, a trailer.

    {"checkpoint": "<signed note>", "kind": "range", "log": "tnt_...", "tree_size": 1000, ...}
    {"event":{...},"index":0,"leaf":"<64 hex>"}                          kind "range": consecutive events
    {"event":{...},"index":7,"leaf":"<64 hex>","proof":["<64 hex>",...]} kind "proofs": a selection
    {"blocks":["<64 hex>",...],"count":1000,"end":true}

`event` is the canonical JSON (RFC 8785) that was hashed, byte for byte; `leaf` is the hash that the log holds.
In a range, `left` and `right` are the subtrees before and after it: with them the lines give the log's root.
`blocks` are the log's subtrees of 16 events (smaller at the edges): they tell *where* an export departs from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from kyc.audit.canonical import NotCanonical, canonical, strict_loads
from kyc.audit.merkle import Hash

VERSION = 1
BLOCK = 4  # level: 16 events; one hash per block adds under a hundredth to an export
_ID = re.compile(rb',"id":(\d{1,18}),"object_id":')

LINE = re.compile(
    rb'\{"event":(\{.*\}|null),"index":(0|[1-9]\d{0,15}),"leaf":"([0-9a-f]{64})"'
    rb'(?:,"proof":\[((?:"[0-9a-f]{64}"(?:,"[0-9a-f]{64}")*)?)\])?\}'
)


class BadExport(ValueError):
    """The file is not an export that this program understands."""


@dataclass(frozen=True, slots=True)
class Header:
    log: str
    kind: Literal["range", "proofs"]
    tree_size: int  # events in the log that the checkpoint speaks of
    checkpoint: str  # signed note
    first: int = 0  # range: index of its first event
    end: int = 0  # range: one past its last
    left: tuple[str, ...] = ()  # hex, subtrees of [0, first)
    right: tuple[str, ...] = ()  # hex, subtrees of [end, tree_size)
    selection: dict[str, Any] = field(default_factory=dict)  # what was asked for, in words
    consistency: dict[str, list[str]] = field(default_factory=dict)  # older size -> proof (hex)
    vouch_export: int = VERSION

    def line(self) -> bytes:
        return canonical({k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}) + b"\n"


@dataclass(frozen=True, slots=True)
class Entry:
    """One event line. `event` is None where the log has a leaf but the store no longer has the event."""

    event: bytes | None
    index: int
    leaf: Hash
    proof: tuple[Hash, ...] | None = None
    exact: bool = True  # written as we write it; otherwise somebody reformatted it

    @property
    def event_id(self) -> int | None:
        """The event's own number, as far as it can be read: for messages, never for a verdict."""
        match = _ID.search(self.event or b"")
        return int(match[1]) if match else None

    def line(self) -> bytes:
        body = b'{"event":%b,"index":%d,"leaf":"%b"' % (
            self.event or b"null", self.index, self.leaf.hex().encode()
        )  # fmt: skip
        if self.proof is None:
            return body + b"}\n"
        return body + b',"proof":[%b]}\n' % b",".join(b'"%b"' % h.hex().encode() for h in self.proof)


def trailer_line(*, count: int, blocks: Iterable[Hash]) -> bytes:
    return canonical({"blocks": [h.hex() for h in blocks], "count": count, "end": True}) + b"\n"


def parse_header(line: bytes) -> Header:
    try:
        value = strict_loads(line)
        if value["vouch_export"] != VERSION:
            raise BadExport(f"an export of version {value['vouch_export']!r}; this program reads {VERSION}")
        header = Header(**{**value, "left": tuple(value["left"]), "right": tuple(value["right"])})
        _check_header(header)
    except BadExport:
        raise
    except (NotCanonical, KeyError, TypeError, ValueError) as e:
        raise BadExport("the first line is not the header of an export") from e
    return header


def parse_entry(line: bytes) -> Entry | None:
    """None when the line is no event line at all."""
    match = LINE.fullmatch(line.rstrip(b"\r\n"))
    if match is None:
        return _parse_reformatted(line)
    event, index, leaf, proof = match.groups()
    hashes = None if proof is None else tuple(bytes.fromhex(p.strip('"')) for p in proof.decode().split(",") if p)
    return Entry(None if event == b"null" else event, int(index), bytes.fromhex(leaf.decode()), hashes)


def parse_trailer(line: bytes) -> tuple[int, list[Hash]] | None:
    """(count, blocks), or None when the line is not a trailer."""
    if not line.startswith(b'{"blocks":'):
        return None
    try:
        value = strict_loads(line)
        return int(value["count"]), [hash_of(h) for h in value["blocks"]]
    except (NotCanonical, KeyError, TypeError, ValueError):
        return None


def hash_of(text: str) -> Hash:
    raw = bytes.fromhex(text)
    if len(raw) != 32:
        raise ValueError("a hash has 32 bytes")
    return raw


def _check_header(h: Header) -> None:
    numbers = (h.tree_size, h.first, h.end)
    if any(type(n) is not int or n < 0 for n in numbers) or not h.first <= h.end <= h.tree_size:
        raise BadExport("the header's range does not lie within its tree")
    if h.kind not in ("range", "proofs") or not isinstance(h.checkpoint, str) or not isinstance(h.log, str):
        raise BadExport("the header is incomplete")
    for text in (*h.left, *h.right):
        hash_of(text)


def _parse_reformatted(line: bytes) -> Entry | None:
    """The same event pretty-printed or re-ordered by another tool still says the same; duplicate names do not."""
    try:
        value = strict_loads(line)
        event, proof = value["event"], value.get("proof")
        return Entry(
            None if event is None else canonical(event),
            int(value["index"]),
            hash_of(value["leaf"]),
            None if proof is None else tuple(hash_of(h) for h in proof),
            exact=False,
        )
    except (NotCanonical, KeyError, TypeError, ValueError, AttributeError):
        return None
