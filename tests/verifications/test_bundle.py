"""The evidence of a real case, packed, carried away, verified and decided again."""

from __future__ import annotations

import dataclasses
import io
import json
import math
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from kyc.audit import bundle, keys
from kyc.audit.verify.bundle import verify_bundle
from kyc.audit.verify.findings import Exit
from kyc.core import clock
from kyc.evidence import services as evidence
from kyc.verifications.bundle import EVENTS
from kyc.verifications.observations import Pad
from kyc.verifications.replay import replay
from tests.audit.logs import verifiers
from tests.flows.test_a_case import Case
from tests.support.seeing import a_face, a_recogniser
from tests.support.worlds import within

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(autouse=True)
def _recogniser(committed_db):
    a_recogniser()


def packed(case: Case, path: Path) -> bundle.Bundle:
    call_command("bundle", case.id, out=path, stdout=io.StringIO())
    with path.open("rb") as file:
        return bundle.read(file, verifiers=verifiers())


def case_with(selfie, id_portrait=None) -> Case:
    case = Case().open()
    case.sees(selfie=selfie, id_portrait=id_portrait or a_face())
    return case


def doctored(found: bundle.Bundle, name: str, change) -> bundle.Bundle:
    """As if somebody with the key had signed another story."""
    value = found.json(name)
    change(value)
    return dataclasses.replace(found, files=found.files | {name: json.dumps(value).encode()})


def test_a_bundle_holds_the_case_and_what_judged_it(tmp_path):
    case = case_with(a_face(0.1))
    found = packed(case, tmp_path / "case.tar")
    assert found.json("verification.json")["state"] == "approved"
    assert [c["name"] for c in found.json("checks.json")][-2:] == ["match", "duplicates"]
    assert found.files["images/selfie.jpg"].startswith(b"\xff\xd8")
    [model] = found.json("models.json")
    assert found.json(f"calibration/{model['sha256'][:16]}.json")["impostor_comparisons"] == 1_000_000
    assert found.json("policies.json")[found.json("decisions.json")[0]["policy_id"]]["rules"]["match"]["fmr"] == 1e-3
    told = found.json("timeline.json")
    moves = [e["changes"]["state"] for e in told if e["object_id"] == case.id and "state" in e["changes"]]
    assert [after for _, after in moves] == ["created", "awaiting_input", "processing", "approved"]


def test_a_bundle_verifies_offline_down_to_each_event(tmp_path):
    packed(case_with(a_face(0.1)), tmp_path / "case.tar")
    report = verify_bundle(tmp_path / "case.tar", verifiers=verifiers())
    assert report.exit == Exit.VERIFIED and report.events >= 10


def test_packing_is_noted_as_reading_the_images(tmp_path):
    case = case_with(a_face(0.1))
    packed(case, tmp_path / "first.tar")
    again = packed(case, tmp_path / "second.tar")
    reads = [e for e in again.json("timeline.json") if e["action"] == "media.read"]
    assert {"evidence_bundle"} <= {e["detail"]["purpose"] for e in reads}


def test_a_shredded_image_is_named_as_such(tmp_path):
    case = case_with(a_face(0.1))
    media = case.api.get(f"/verifications/{case.id}")["selfie"]
    with within(case.bank):
        evidence.shred(media_id=media, now=clock.now())
    found = packed(case, tmp_path / "case.tar")
    assert "images/selfie.jpg" not in found.files and "images/id_portrait.jpg" in found.files
    assert found.json("verification.json")["images"]["selfie"] == f"{media}: media_shredded"


@pytest.mark.parametrize(
    ("selfie", "state"),
    [
        (a_face(0.1), "approved"),
        (a_face(1.2), "declined"),
        (a_face(0.55), "in_review"),
        (a_face(0.1, faces=0, box=None, embedding=None), "resubmission_requested"),
        (a_face(0.1, problem="image_unreadable", box=None), "resubmission_requested"),
        (a_face(0.1, quality={}), "resubmission_requested"),
        (a_face(0.1, pad=(Pad("b" * 64, 0.9),), pad_fused=0.9), "approved"),
        (a_face(0.1, pad=(Pad("b" * 64, 0.1),), pad_fused=0.1), "declined"),
        (a_face(0.1, pad=(Pad("b" * 64, math.nan),), pad_fused=math.nan), None),
        (a_face(0.1, recogniser_sha256="c" * 64), "in_review"),
    ],
)
def test_every_kind_of_decision_is_made_again(tmp_path, selfie, state):
    found = packed(case := case_with(selfie), tmp_path / "case.tar")
    assert state in (None, case.now["state"])
    [decision] = replay(found)
    assert decision.differences == () and not decision.skipped


def test_a_duplicate_is_found_again(tmp_path):
    first = case_with(a_face(0.1))
    second = Case(bank=first.bank).open()
    second.sees(selfie=a_face(0.1), id_portrait=a_face())
    found = packed(second, tmp_path / "case.tar")
    assert second.now["state"] == "in_review" and replay(found)[0].differences == ()


def test_another_policy_would_have_decided_otherwise_and_the_replay_says_so(tmp_path):
    found = packed(case_with(a_face(0.3)), tmp_path / "case.tar")

    def stricter(policies):
        for policy in policies.values():
            policy["rules"]["match"] = {"fmr": 1e-5, "review_fmr": 1e-5}

    [decision] = replay(doctored(found, "policies.json", stricter))
    assert {"match.result", "match.threshold", "decision.outcome"} <= {d.what for d in decision.differences}


def test_a_result_that_its_score_does_not_earn_is_seen(tmp_path):
    found = packed(case_with(a_face(1.2)), tmp_path / "case.tar")

    def whitewash(checks):
        for check in checks:
            if check["name"] == "match":
                check |= {"result": "pass", "reasons": []}

    [decision] = replay(doctored(found, "checks.json", whitewash))
    assert {d.what for d in decision.differences} == {"match.result", "match.reasons"}


def test_the_command_tells_it_in_words(tmp_path, capsys):
    packed(case_with(a_face(0.1)), tmp_path / "case.tar")
    call_command("replay", tmp_path / "case.tar")
    assert "decision 1: approved by policy: the same again" in capsys.readouterr().out


def test_the_command_refuses_an_archive_that_was_changed(tmp_path):
    path = tmp_path / "case.tar"
    packed(case_with(a_face(0.1)), path)
    path.write_bytes(path.read_bytes().replace(b'"approved"', b'"declined"', 1))
    with pytest.raises(CommandError, match="changed after"):
        call_command("replay", path)


def test_a_bundle_names_no_person(tmp_path):
    found = packed(case_with(a_face(0.1)), tmp_path / "case.tar")
    assert b"external_reference" not in b"".join(v for k, v in found.files.items() if not k.startswith("images/"))
    assert EVENTS in found.files and keys.signer(Path(settings.AUDIT_KEYS)).verifier == found.signed_by
