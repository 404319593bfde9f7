"""An export as CSV, for a spreadsheet. It carries each leaf's hash; what is verified is the JSON lines."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator

from kyc.audit.format import parse_entry

FIELDS = (
    "index", "at", "actor", "action", "object_type", "object_id", "changes", "detail",
    "before", "after", "tenant_id", "request_id", "txid", "id", "leaf",
)  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # a cell that begins so is computed by spreadsheets (CWE-1236)


def as_csv(lines: Iterable[bytes]) -> Iterator[bytes]:
    """From the lines of an export."""
    yield _row(FIELDS)
    for line in lines:
        entry = parse_entry(line)
        if entry is None:
            continue  # header and trailer
        event = json.loads(entry.event or b"{}")
        event |= {"index": entry.index, "leaf": entry.leaf.hex()}
        yield _row([_cell(event.get(name)) for name in FIELDS])


def _cell(value: object) -> str:
    if value is None or value == {}:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True)
    return f"'{text}" if text.startswith(FORMULA) else text


def _row(cells: Iterable[str]) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(cells)  # RFC 4180
    return out.getvalue().encode()
