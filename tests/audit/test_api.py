"""The log over HTTP: what a tenant's auditor reads, and that the answers verify on the auditor's own machine."""

from __future__ import annotations

import json

import pytest
from django.test import Client

from kyc.audit.checkpoint import open_checkpoint
from kyc.audit.merkle import verify_consistency, verify_inclusion
from kyc.audit.verify.export import verify
from kyc.audit.verify.findings import Exit
from tests.audit.logs import note_events, seal, verifiers
from tests.support.worlds import World, a_bank

pytestmark = pytest.mark.usefixtures("committed_db")


class Auditor:
    def __init__(self, world: World):
        self.log, self.client = world.tenant.pk, Client(headers=world.headers)

    def get(self, path: str, status: int = 200, **query):
        answer = self.client.get(f"/v1/audit/{path}", query)
        assert answer.status_code == status, answer.content
        return answer

    def json(self, path: str, **query) -> dict:
        return self.get(path, **query).json()

    def export(self, **query) -> bytes:
        return b"".join(self.get("export", **query).streaming_content)


@pytest.fixture
def auditor() -> Auditor:
    world = a_bank()
    note_events(world.tenant.pk, 20)
    seal()
    return Auditor(world)


def checkpoint(auditor):
    [newest, *_] = auditor.json("checkpoints")["data"]
    return open_checkpoint(newest["note"], verifiers())[0]


def test_events_are_listed_newest_first_with_their_place_in_the_log(auditor):
    page = auditor.json("events", limit=5)
    assert len(page["data"]) == 5 and page["next"]
    first, second, *_ = page["data"]
    assert first["index"] == second["index"] + 1 and first["object"] == {"type": "media", "id": "med_20"}


def test_events_can_be_chosen_by_object_actor_action_and_time(auditor):
    [one] = auditor.json("events", object_id="med_7")["data"]
    assert one["actor"] == "user:clerk" and one["action"] == "media.read"
    assert auditor.json("events", actor="user:nobody")["data"] == []
    assert auditor.json("events", action="media.read", until=one["at"], limit=200)["data"][0]["object"]["id"] == "med_6"
    assert auditor.json("events", since="2999-01-01T00:00:00Z")["data"] == []


def test_an_event_not_yet_sealed_says_so(auditor):
    note_events(auditor.log, 1)
    assert auditor.json("events")["data"][0]["index"] is None


def test_an_inclusion_proof_verifies_against_the_signed_checkpoint(auditor):
    signed = checkpoint(auditor)
    event = auditor.json("events", object_id="med_7")["data"][0]
    proof = auditor.json("proofs/inclusion", event=event["id"])
    assert proof == auditor.json("proofs/inclusion", index=event["index"])
    verify_inclusion(
        leaf=bytes.fromhex(proof["leaf"]), index=event["index"], size=signed.size, root=signed.root,
        proof=[bytes.fromhex(h) for h in proof["proof"]],
    )  # fmt: skip


def test_a_consistency_proof_relates_two_checkpoints(auditor):
    old = checkpoint(auditor)
    note_events(auditor.log, 7)
    seal()
    new = checkpoint(auditor)
    found = auditor.json("proofs/consistency", old_size=old.size)
    assert (found["old_size"], found["new_size"]) == (old.size, new.size)
    proof = [bytes.fromhex(h) for h in found["proof"]]
    verify_consistency(old=old.size, old_root=old.root, new=new.size, new_root=new.root, proof=proof)


@pytest.mark.parametrize(
    "query", [{}, {"object_id": "med_7"}, {"since": "2020-01-01T00:00:00Z"}, {"actor": "user:clerk"}]
)
def test_an_export_verifies_on_the_auditors_machine(auditor, query):
    kept = auditor.json("checkpoints")["data"][0]["note"]
    lines = auditor.export(**query).splitlines(keepends=True)
    report = verify(lines, verifiers=verifiers(), checkpoints=[kept])
    assert report.exit == Exit.VERIFIED and report.events >= 1
    if "object_id" in query:
        assert report.events == 1


def test_an_export_shows_that_it_continues_a_checkpoint_kept_earlier(auditor):
    kept = auditor.json("checkpoints")["data"][0]
    note_events(auditor.log, 9)
    seal()
    lines = auditor.export(object_id="med_7", against=kept["tree_size"]).splitlines(keepends=True)
    assert verify(lines, verifiers=verifiers(), checkpoints=[kept["note"]]).exit == Exit.VERIFIED


def test_an_export_is_also_a_sheet_and_a_page(auditor):
    assert auditor.export(form="csv").startswith(b"index,at,actor")
    assert b"<!doctype html>" in auditor.export(form="html")
    answer = auditor.get("export", form="html")
    assert answer["Content-Disposition"].startswith("attachment") and answer["Content-Type"].startswith("text/html")


def test_exporting_is_itself_an_event(auditor):
    auditor.export(object_id="med_7")
    [event] = auditor.json("events", action="audit_log.exported")["data"]
    assert event["detail"] == {"form": "jsonl", "object_id": "med_7"} and event["actor"].startswith("key:")


def test_a_tenant_gets_its_own_log_and_proofs_only(auditor):
    other = Auditor(a_bank())
    event = auditor.json("events", object_id="med_7")["data"][0]
    seal()
    other.get("proofs/inclusion", status=404, event=event["id"])
    exported = other.export()
    assert auditor.log.encode() not in exported and json.loads(exported.splitlines()[0])["log"] == other.log
    assert all(e["object"]["id"] != "med_7" for e in other.json("events")["data"])


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("proofs/inclusion", {}, 422),
        ("proofs/inclusion", {"event": 1, "index": 1}, 422),
        ("proofs/inclusion", {"index": 10**6}, 404),
        ("proofs/inclusion", {"index": 0, "tree_size": 10**9}, 404),
        ("proofs/inclusion", {"index": -1}, 422),
        ("proofs/inclusion", {"index": 10**30}, 422),
        ("proofs/inclusion", {"event": 10**15}, 404),
        ("proofs/consistency", {}, 422),
        ("proofs/consistency", {"old_size": 0}, 422),
        ("proofs/consistency", {"old_size": 9, "new_size": 3}, 422),
        ("proofs/consistency", {"old_size": 10**9}, 422),
        ("export", {"form": "pdf"}, 422),
        ("export", {"since": "yesterday"}, 422),
        ("export", {"unknown": "x"}, 422),
        ("export", {"actor": "a\0b"}, 422),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_code(auditor, path, query, status):
    answer = auditor.get(path, status=status, **query)
    assert answer["Content-Type"] == "application/problem+json" and answer.json()["code"]


def test_a_log_without_a_checkpoint_says_what_to_do():
    answer = Auditor(a_bank()).get("export", status=404)
    assert "sealer" in answer.json()["next_step"]


def test_a_key_without_the_scope_reads_nothing(auditor):
    assert Client().get("/v1/audit/events").status_code == 401
