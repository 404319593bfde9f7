"""A log in memory, exported by the same writer that the server uses."""

from __future__ import annotations

from collections.abc import Sequence

from kyc.audit.canonical import canonical
from kyc.audit.checkpoint import Checkpoint, origin_of, sign
from kyc.audit.format import BLOCK, Entry, Header, trailer_line
from kyc.audit.merkle import Hash, consistency_ranges, inclusion_ranges, leaf_hash, prove, root, subtrees
from kyc.audit.note import Signer

SIGNER = Signer("bank.example/audit", b"\x01" * 32)
THIEF = Signer("bank.example/audit", b"\x02" * 32)
LOG = "tnt_00000000000000000000000000"


def an_event(number: int, **other) -> bytes:
    event = {
        "v": 1, "id": number + 100, "tenant_id": LOG, "actor": "key:key_1", "action": "applicants_applicant.update",
        "object_type": "applicants_applicant", "object_id": f"app_{number}", "before": "00" * 32, "after": "11" * 32,
        "changes": {"state": ["a", "b"]}, "detail": {}, "request_id": f"req_{number}", "txid": "7",
        "at": "2026-11-23T21:00:00.000000Z",
    }  # fmt: skip
    return canonical({**event, **other})


def events(count: int) -> list[bytes]:
    return [an_event(i) for i in range(count)]


def hashes_of(several: Sequence[bytes]) -> list[Hash]:
    return [leaf_hash(event) for event in several]


def a_checkpoint(several: Sequence[bytes], *, signer: Signer = SIGNER, log: str = LOG) -> str:
    statement = Checkpoint(origin_of(signer.name, log), len(several), root(hashes_of(several)), "2026-11-23T21:01:00Z")
    return sign(statement, signer)


def reader(leaves: Sequence[Hash]):
    return lambda level, index: root(leaves[index << level : (index + 1) << level])


def a_range(several: Sequence[bytes], first: int = 0, end: int | None = None, **header) -> list[bytes]:
    """The export of [first, end) as lines."""
    leaves, end = hashes_of(several), len(several) if end is None else end
    read = reader(leaves)

    def over(start, stop, **how):
        return [read(*place) for place in subtrees(start, stop, **how)]

    head = Header(
        LOG, "range", len(several), a_checkpoint(several), first, end,
        left=tuple(h.hex() for h in over(0, first)), right=tuple(h.hex() for h in over(end, len(several))), **header,
    )  # fmt: skip
    body = [Entry(several[i], i, leaves[i]).line() for i in range(first, end)]
    return [head.line(), *body, trailer_line(count=end - first, blocks=over(first, end, largest=BLOCK))]


def a_selection(several: Sequence[bytes], chosen: Sequence[int]) -> list[bytes]:
    leaves = hashes_of(several)
    head = Header(LOG, "proofs", len(several), a_checkpoint(several))
    body = [
        Entry(several[i], i, leaves[i], tuple(prove(inclusion_ranges(i, len(leaves)), reader(leaves)))).line()
        for i in chosen
    ]
    return [head.line(), *body, trailer_line(count=len(body), blocks=())]


def a_consistency(several: Sequence[bytes], old: int) -> dict:
    proof = prove(consistency_ranges(old, len(several)), reader(hashes_of(several)))
    return {"log": LOG, "old_size": old, "new_size": len(several), "proof": [h.hex() for h in proof]}
