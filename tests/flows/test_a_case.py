"""A case from upload to consequence, with the worker's findings made by hand: every way it can go."""

import io
import math

import pytest
from PIL import Image

from kyc.applicants import services as applicants
from kyc.core import clock
from kyc.core.scope import acting_as_system, atomic
from kyc.faces.models import Template
from kyc.outbox import relay
from kyc.outbox import services as outbox
from kyc.outbox.errors import LostClaim
from kyc.outbox.models import Job
from kyc.verifications.models import Check, Decision, Verification
from kyc.webhooks.models import Event
from tests.support.http import Api
from tests.support.seeing import a_face, a_recogniser, the_worker_sees
from tests.support.worlds import a_bank, an_applicant, within

pytestmark = pytest.mark.usefixtures("committed_db")
_shade = iter(range(10_000))


@pytest.fixture(autouse=True)
def _recogniser(committed_db):
    a_recogniser()


def a_photo() -> bytes:
    """A valid photograph, each unlike the others."""
    n = next(_shade)
    image = Image.linear_gradient("L").resize((200, 240)).convert("RGB")
    image.paste((n * 37 % 256, n * 91 % 256, n * 53 % 256), (n % 90, n * 7 % 130, n % 90 + 90, n * 7 % 130 + 90))
    image = image.rotate(n * 17 % 360)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90)
    return out.getvalue()


class Case:
    """One applicant of a fresh bank, and their open verification."""

    def __init__(self, kind="document_selfie", bank=None, applicant=None):
        self.bank = bank or a_bank()
        self.api = Api(self.bank)
        self.applicant = applicant or an_applicant(self.bank).pk
        self.kind = kind
        self.id = None

    def media(self, *kinds):
        return {kind: self.api.upload(self.applicant, kind, a_photo())["id"] for kind in kinds}

    def open(self, *kinds, status=202):
        images = self.media(*(kinds or (("selfie", "id_portrait") if self.kind == "document_selfie" else ("selfie",))))
        made = self.api.post("/verifications", {"applicant": self.applicant, "kind": self.kind, **images}, status)
        self.id = made.get("id")
        return self

    def sees(self, **portraits):
        the_worker_sees(self.id, **portraits)
        return self.now

    @property
    def now(self):
        return self.api.get(f"/verifications/{self.id}")


def decided(angle=0.1, **changes):
    case = Case().open()
    return case, case.sees(selfie=a_face(angle, **changes), id_portrait=a_face())


def test_the_same_person_is_approved_and_enrolled():
    case, now = decided()
    assert now["state"] == "approved"
    assert [c["name"] for c in now["checks"]] == [
        "consent", "quality.selfie", "quality.id_portrait", "injection", "liveness", "match", "duplicates",
    ]  # fmt: skip
    match = next(c for c in now["checks"] if c["name"] == "match")
    assert match["score"] == pytest.approx(math.cos(0.1))
    assert match["fmr"] <= 1e-3 and match["threshold_id"].startswith("match.fmr=0.001@mdl_")
    with within(case.bank):
        assert Template.objects.get(removed_at=None).applicant_id == case.applicant


def test_another_person_is_declined_and_not_enrolled():
    case, now = decided(angle=1.2)
    assert now["state"] == "declined"
    assert now["reasons"][0]["code"] == "face_mismatch"
    with within(case.bank):
        assert not Template.objects.exists()


def test_a_score_between_the_thresholds_goes_to_a_person():
    assert decided(angle=math.acos(0.85))[1]["state"] == "in_review"


def test_several_faces_are_asked_for_again_and_a_better_picture_is_approved():
    case, now = decided(quality=a_face().quality | {"largest_other_face": (0.9, "1")})
    assert now["state"] == "resubmission_requested"
    assert "alone" in now["reasons"][0]["applicant_message"]
    case.api.post(f"/verifications/{case.id}/submit", case.media("selfie"), 202)
    assert case.sees(selfie=a_face(0.1), id_portrait=a_face())["state"] == "approved"
    assert len(case.now["decisions"]) == 2


def test_after_the_last_attempt_the_case_is_declined():
    case = Case().open()
    for attempt in range(3):
        if attempt:
            case.api.post(f"/verifications/{case.id}/submit", case.media("selfie"), 202)
        now = case.sees(selfie=a_face(box=None, faces=0, embedding=None), id_portrait=a_face())
    assert now["state"] == "declined"
    assert [r["code"] for r in now["reasons"]] == ["no_face", "submissions_used_up"]
    case.api.post(f"/verifications/{case.id}/submit", case.media("selfie"), 409)


def test_the_first_face_under_another_name_is_found():
    case, _ = decided()
    again = Case("enrolment", bank=case.bank).open()
    now = again.sees(selfie=a_face(0.12))
    assert now["state"] == "in_review" and now["reasons"][0]["code"] == "duplicate_face"
    hit = next(c for c in now["checks"] if c["name"] == "duplicates")["detail"]["hits"][0]
    assert hit["applicant"] == case.applicant


def test_another_banks_gallery_is_never_searched():
    decided()
    stranger = Case("enrolment").open()
    assert stranger.sees(selfie=a_face(0.1))["state"] == "approved"


def test_the_enrolled_person_signs_in_and_another_does_not():
    case, _ = decided()
    for angle, state in ((0.15, "approved"), (1.3, "declined")):
        later = Case("authentication", bank=case.bank, applicant=case.applicant).open()
        assert later.sees(selfie=a_face(angle))["state"] == state


def test_who_is_not_enrolled_cannot_sign_in():
    case = Case("authentication")
    made = case.open(status=409)
    assert made.id is None


def test_without_consent_nothing_is_processed():
    bank = a_bank()
    case = Case(bank=bank, applicant=an_applicant(bank, consenting=False).pk)
    images = case.media("selfie", "id_portrait")
    body = {"applicant": case.applicant, "kind": "document_selfie", **images}
    assert case.api.post("/verifications", body, 409)["code"] == "consent_missing"
    with within(bank):
        assert not Verification.objects.exists() and not Job.objects.filter(kind="verify").exists(), (
            "nothing half-written"
        )


def test_consent_withdrawn_before_the_decision_stops_it():
    case = Case().open()
    with within(case.bank):
        consent = applicants.queries.standing_consent(case.applicant, "biometric_verification")
        applicants.withdraw(applicant_id=case.applicant, consent_id=consent.pk, now=clock.now())
    now = case.sees(selfie=a_face(), id_portrait=a_face())
    assert now["state"] == "declined" and now["reasons"][0]["code"] == "consent_withdrawn"


def test_media_of_another_applicant_or_kind_is_refused_by_name():
    case = Case()
    other = Case(bank=case.bank)
    own, foreign = case.media("selfie", "id_portrait"), other.media("selfie")
    body = {"applicant": case.applicant, "kind": "document_selfie", "id_portrait": own["id_portrait"]}
    said = case.api.post("/verifications", {**body, "selfie": foreign["selfie"]}, 422)
    assert said["code"] == "wrong_media" and "selfie" in said["fields"]
    assert case.api.post("/verifications", {**body, "selfie": own["id_portrait"]}, 422)["code"] == "wrong_media"


def test_a_canceled_case_is_left_alone_by_its_late_worker():
    case = Case().open()
    with acting_as_system("test"):
        job = Job.objects.get(subject_id=case.id)
        claim = outbox.claim(job_id=job.pk, worker="w", now=clock.now())
    fresh = Case(bank=case.bank, applicant=case.applicant)
    assert fresh.api.post(f"/verifications/{case.id}/cancel", {}, 409)["code"] == "illegal_move"
    assert claim is not None


def test_a_case_waiting_for_input_can_be_canceled_and_takes_no_more():
    case = Case()
    made = case.api.post("/verifications", {"applicant": case.applicant, "kind": "document_selfie"}, 201)
    assert made["state"] == "awaiting_input"
    assert case.api.post(f"/verifications/{made['id']}/cancel", {}, 200)["state"] == "canceled"
    case.api.post(f"/verifications/{made['id']}/submit", case.media("selfie", "id_portrait"), 409)


def test_a_late_worker_changes_nothing_one_decision_one_event():
    case = Case().open()
    later = clock.now() + outbox.LEASE * 2
    with acting_as_system("test"):
        job = Job.objects.get(subject_id=case.id)
        late = outbox.claim(job_id=job.pk, worker="late", now=clock.now())
        relay.reap(now=later)
        with atomic():
            Job.objects.filter(pk=job.pk).update(published_at=later)
        current = outbox.claim(job_id=job.pk, worker="current", now=later)
    from kyc.core.scope import acting_for
    from kyc.verifications import results

    faces = {"selfie": a_face(0.1), "id_portrait": a_face()}
    with acting_as_system("test"), acting_for(case.bank.tenant.pk, actor="job:x"):
        results.record(claim=current, portraits=faces, now=later)
        with pytest.raises(LostClaim):
            results.record(claim=late, portraits={**faces, "selfie": a_face(1.2)}, now=later)
    assert case.now["state"] == "approved", "the winner's decision stands"
    with within(case.bank):
        assert Decision.objects.filter(verification=case.id).count() == 1
        assert Check.objects.filter(verification=case.id, name="match").count() == 1
        assert Event.objects.filter(object_id=case.id, type="verification.approved").count() == 1


def test_a_quarantined_case_is_in_error_never_decided_and_can_go_on():
    case = Case().open()
    with acting_as_system("test"):
        job = Job.objects.get(subject_id=case.id)
        claim = outbox.claim(job_id=job.pk, worker="w", now=clock.now())
        outbox.fail(claim, reason="it broke", retryable=False, now=clock.now())
    now = case.now
    assert (now["state"], now["reasons"][0]["code"]) == ("error", "processing_failed")
    listed = case.api.get("/quarantine")["data"]
    assert [j["reason"] for j in listed] == ["it broke"]
    case.api.post(f"/quarantine/{listed[0]['id']}/release", {}, 200)
    assert case.now["state"] == "processing"
    assert case.sees(selfie=a_face(0.1), id_portrait=a_face())["state"] == "approved"


def test_exact_scores_need_their_scope():
    from kyc.tenants import services as tenants

    case, _ = decided()
    with within(case.bank):
        issued = tenants.issue_key(
            tenant=case.bank.tenant, name="coarse", scopes=["verifications:read"], now=clock.now()
        )
    coarse = Api(case.bank, Authorization=f"Bearer {issued.secret}").get(f"/verifications/{case.id}")
    match = next(c for c in coarse["checks"] if c["name"] == "match")
    assert match["score"] is match["fmr"] is match["threshold"] is None
    assert match["fmr_at_most"] in (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
    assert "one_in" not in match["detail"]


def test_the_events_of_a_case_are_numbered_without_a_gap():
    case, _ = decided()
    with within(case.bank):
        events = list(Event.objects.filter(object_id=case.id).order_by("sequence").values_list("sequence", "status"))
    assert events == [(1, "awaiting_input"), (2, "processing"), (3, "approved")]


def test_the_sandbox_follows_its_script_and_live_refuses_one():
    bank = a_bank("sandbox")
    for outcome in ("approved", "declined", "in_review", "resubmission_requested", "error"):
        case = Case(bank=bank)
        images = case.media("selfie", "id_portrait")
        body = {"applicant": case.applicant, "kind": "document_selfie", "sandbox_outcome": outcome, **images}
        case.id = case.api.post("/verifications", body, 202)["id"]
        with acting_as_system("test"):
            job = Job.objects.get(subject_id=case.id)
            assert (job.kind, job.queue) == ("verify_scripted", "io")
            claim = outbox.claim(job_id=job.pk, worker="w", now=clock.now())
            from kyc.core.scope import acting_for
            from kyc.verifications import results

            with acting_for(bank.tenant.pk, actor=claim.actor):
                results.record_script(claim=claim, now=clock.now())
        assert case.now["state"] == outcome
    live = Case()
    body = {"applicant": live.applicant, "kind": "document_selfie", "sandbox_outcome": "approved"}
    assert live.api.post("/verifications", body, 422)["code"] == "sandbox_only"
