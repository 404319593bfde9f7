"""What exactly is hashed: the canonical JSON of an event, from the columns as PostgreSQL prints them."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any

from kyc.audit.canonical import SAFE, canonical
from kyc.audit.merkle import Hash, leaf_hash

VERSION = 1  # of the event's form; a verifier needs no other versions to check hashes

# Selects what `event_of` takes, in its order. Times and digests as text, so that no client library rounds them.
COLUMNS = """
    e.id, e.tenant_id, e.actor, e.action, e.object_type, e.object_id,
    encode(e.before, 'hex'), encode(e.after, 'hex'), e.changes::text, e.detail::text, e.request_id, e.txid::text,
    to_char(e.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
"""
WIDTH = 13


def event_of(row: Sequence[Any]) -> dict[str, Any]:
    """The event as JSON knows it. `tenant_id`, `before` and `after` may be null; txid is a string of digits."""
    id_, tenant, actor, action, kind, object_id, before, after, changes, detail, request, txid, at = row
    return {
        "v": VERSION,
        "id": id_,
        "tenant_id": tenant,
        "actor": actor,
        "action": action,
        "object_type": kind,
        "object_id": object_id,
        "before": before,
        "after": after,
        "changes": _jsonb(changes),
        "detail": _jsonb(detail),
        "request_id": request,
        "txid": txid,
        "at": at,
    }


def leaf_of(row: Sequence[Any]) -> bytes:
    return canonical(event_of(row))


def hash_of_row(row: Sequence[Any]) -> Hash:
    return leaf_hash(leaf_of(row))


def _jsonb(text: str) -> Any:
    return {} if text == "{}" else _decoder.decode(text)


def _integer(digits: str) -> int | str:
    value = int(digits) if len(digits) < 20 else SAFE + 1
    return value if -SAFE <= value <= SAFE else digits


def _number(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits


# jsonb keeps numbers that no double holds; as digits in a string they stay exact, and can never stop the sealer.
_decoder = json.JSONDecoder(parse_int=_integer, parse_float=_number)
