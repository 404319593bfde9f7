"""CSV and HTML: for people, and safe to open whatever an event contains."""

from __future__ import annotations

import csv
import io

import pytest

from kyc.audit.format import Entry
from kyc.audit.merkle import leaf_hash
from kyc.audit.page import render
from kyc.audit.sheet import FIELDS, as_csv
from kyc.audit.verify.export import verify
from tests.audit.worlds import SIGNER, a_checkpoint, a_range, an_event, events


def sheet(lines) -> list[dict]:
    return list(csv.DictReader(io.StringIO(b"".join(as_csv(lines)).decode())))


def test_a_sheet_has_a_row_per_event():
    rows = sheet(a_range(events(5)))
    assert tuple(rows[0]) == FIELDS
    assert [row["index"] for row in rows] == list("01234") and rows[2]["object_id"] == "app_2"
    assert rows[0]["changes"] == '{"state": ["a", "b"]}'


def test_no_cell_is_a_formula():
    [row] = sheet(a_range([an_event(0, request_id='=HYPERLINK("http://evil")', actor="@cmd")]))
    assert row["request_id"].startswith("'=") and row["actor"].startswith("'@")


def test_a_page_shows_who_did_what_and_is_complete_in_itself():
    page = b"".join(render(a_range(events(3)))).decode()
    assert page.count("<tr>") == 4 and "key:key_<wbr>1" in page and "2026-11-23 21:00:00" in page
    assert "<script" not in page and "http://" not in page and "https://" not in page
    assert "default-src 'none'" in page


def test_a_page_says_what_the_verifier_said():
    lines = a_range(events(3))
    lines[2] = lines[2].replace(b"app_1", b"app_9")
    report = verify(lines, verifiers=[SIGNER.verifier], checkpoints=[a_checkpoint(events(3))])
    page = b"".join(render(lines, report=report)).decode()
    assert "Not verified" in page and "Event 1 (id 101)" in page
    assert page.count('<tr class="wrong">') == 1


@pytest.mark.parametrize("where", ["actor", "action", "object_id", "request_id"])
def test_an_event_cannot_put_markup_on_the_page(where):
    page = b"".join(render(a_range([an_event(0, **{where: "<img src=x onerror=alert(1)>"})]))).decode()
    assert "<img" not in page


def test_a_tampered_export_can_still_be_looked_at():
    broken = Entry(b'{"actor":"x","changes":[],"detail":7', 0, leaf_hash(b"")).line()
    odd = Entry(b'{"actor":["x"],"changes":[1],"detail":"d","at":5}', 1, leaf_hash(b"")).line()
    gone = Entry(None, 2, leaf_hash(b"")).line()
    lines = a_range(events(3))
    page = b"".join(render([lines[0], broken, odd, gone])).decode()
    assert "deleted from the store" in page
    assert b"".join(as_csv([lines[0], odd, gone]))
