"""The API as a state machine: what Hypothesis may send in any order, against the real views and PostgreSQL.

The model is what a careful client believes. After every step the server must agree: with the state of each case, with
every answer ever given, and with "one effect per key". A crash is an exception at a named crash point: the
connection breaks there, as it does for the client of a process that was killed.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.test import Client
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from kyc.core import clock, crash
from kyc.core.scope import acting_as_system, acting_for, atomic
from kyc.http import idempotency
from kyc.outbox import services as outbox
from kyc.outbox.models import Job
from kyc.verifications import results, reviews, services
from kyc.verifications.models import Decision, Verification
from kyc.webhooks.models import Event
from tests.flows.test_a_case import a_photo
from tests.support.http import Api
from tests.support.worlds import a_bank, an_applicant, unique, within

pytestmark = pytest.mark.usefixtures("committed_db")
OUTCOMES = ("approved", "declined", "in_review", "resubmission_requested", "error")


class Killed(BaseException):
    """What the crash point throws instead of a signal. No Exception: nothing may catch it and tidy up."""


@dataclass
class Believed:
    """One case as its bank sees it."""

    outcome: str
    id: str
    state: str
    submissions: int = 0
    events: int = 1  # awaiting_input
    late: list = field(default_factory=list)  # claims of workers that died or lost their lease


@dataclass
class Sent:
    path: str
    body: dict
    key: str
    status: int = 0
    content: bytes = b""


class Bank(RuleBasedStateMachine):
    cases = Bundle("cases")
    requests = Bundle("requests")

    def __init__(self):
        super().__init__()
        self.bank = a_bank("sandbox")
        self.applicant = an_applicant(self.bank).pk
        api = Api(self.bank)
        self.media = {k: api.upload(self.applicant, k, a_photo())["id"] for k in ("selfie", "id_portrait")}
        self.http = Client(headers=self.bank.headers, raise_request_exception=False)
        self.believed: list[Believed] = []

    # -- sending ----------------------------------------------------------------------------------------

    def send(self, sent: Sent, *, dying: bool = False):
        """The answer; with `dying` the process ends between effect and answer, and the client asks again."""
        if dying:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(crash, "point", _die)
                try:
                    self._post(sent)
                except Killed:
                    pass
        answer = self._post(sent)
        sent.status, sent.content = answer.status_code, answer.content
        return answer

    def _post(self, sent: Sent):
        return self.http.post(f"/v1{sent.path}", json.dumps(sent.body), content_type="application/json",
                              headers={"Idempotency-Key": sent.key})  # fmt: skip

    def _new(self, body: dict, path: str = "/verifications") -> Sent:
        return Sent(path, body, unique("model"))

    def _job(self, case: Believed) -> Job | None:
        with acting_as_system("model"):
            return Job.objects.filter(subject_id=case.id, state__in=["pending", "leased"]).first()

    # -- rules ------------------------------------------------------------------------------------------

    @rule(target=requests, outcome=st.sampled_from(OUTCOMES), whole=st.booleans(), dying=st.booleans())
    def create(self, outcome, whole, dying):
        body = {"applicant": self.applicant, "kind": "document_selfie", "sandbox_outcome": outcome}
        sent = self._new(body | (self.media if whole else {}))
        answer = self.send(sent, dying=dying)
        assert answer.status_code == (202 if whole else 201)
        state = "processing" if whole else "awaiting_input"
        self.believed.append(Believed(outcome, answer.json()["id"], state, int(whole), 2 if whole else 1))
        return sent

    @rule(sent=requests)
    def resend(self, sent):
        again = self._post(sent)
        assert (again.status_code, again.content) == (sent.status, sent.content)

    @rule(sent=requests)
    def mutate_the_body(self, sent):
        answer = self._post(Sent(sent.path, sent.body | {"policy": "other"}, sent.key))
        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")

    @rule(sent=requests)
    def race_a_twin_that_is_under_way(self, sent):
        """Another connection holds the key's lock, as a request does that has not committed."""
        fresh = self._new(sent.body)
        # the system login's connection: another session than the view's
        with acting_as_system("model"), acting_for(self.bank.tenant.pk, system=True), atomic():
            idempotency.reserve(fresh.key)
            answer = self._post(fresh)
        assert (answer.status_code, answer.json()["code"]) == (409, "request_in_flight")
        assert answer["Retry-After"]

    @precondition(lambda self: self.believed)
    @rule(target=requests, data=st.data(), dying=st.booleans())
    def submit(self, data, dying):
        case = data.draw(st.sampled_from(self.believed))
        sent = self._new(self.media, f"/verifications/{case.id}/submit")
        answer = self.send(sent, dying=dying)
        if case.state in ("awaiting_input", "resubmission_requested"):
            assert answer.status_code == 202
            case.events += 2 if case.state == "resubmission_requested" else 1
            case.state, case.submissions = "processing", case.submissions + 1
            return sent
        assert (answer.status_code, answer.json()["code"]) == (409, "illegal_move")
        return self._harmless(sent)

    @precondition(lambda self: self.believed)
    @rule(data=st.data(), dying=st.booleans())
    def cancel(self, data, dying):
        case = data.draw(st.sampled_from(self.believed))
        answer = self.send(self._new({}, f"/verifications/{case.id}/cancel"), dying=dying)
        if case.state == "awaiting_input":
            assert answer.status_code == 200
            case.state, case.events = "canceled", case.events + 1
        else:
            assert answer.status_code == 409

    @precondition(lambda self: any(b.state == "awaiting_input" for b in self.believed))
    @rule()
    def expire(self):
        with within(self.bank):
            services.expire_due(now=clock.now() + timedelta(days=365))
        for case in self.believed:
            if case.state == "awaiting_input":
                case.state, case.events = "expired", case.events + 1

    @precondition(lambda self: any(b.state == "processing" for b in self.believed))
    @rule(data=st.data(), fate=st.sampled_from(["done", "done", "dies", "lost", "breaks"]))
    def work(self, data, fate):
        """A worker takes the job: it finishes, dies, loses its lease and comes back late, or fails for good."""
        case = data.draw(st.sampled_from([b for b in self.believed if b.state == "processing"]))
        job = self._job(case)
        now = max(clock.now(), job.run_after)
        with acting_as_system("model"):
            claim = outbox.claim(job_id=job.pk, worker="w", now=now)
            assert claim is not None, (job.state, job.attempt)
            if fate in ("dies", "lost"):
                self._lease_ends(claim, case, late=fate == "lost")
            elif fate == "breaks":
                outbox.fail(claim, reason="it broke", retryable=False, now=now)
                case.state, case.events = "error", case.events + 1
            else:
                self._record(claim)
                case.state, case.events = case.outcome, case.events + 1

    def _lease_ends(self, claim, case: Believed, *, late: bool) -> None:
        if claim.attempt == outbox.MAX_ATTEMPTS:
            outbox.fail(claim, reason="it died three times", retryable=True, now=clock.now())
            case.state, case.events = "error", case.events + 1
        else:
            Job.objects.filter(pk=claim.job.pk).update(state="pending", lease_until=None, published_at=None)
        if late:
            case.late.append(claim)

    def _record(self, claim):
        with acting_for(self.bank.tenant.pk, actor=claim.actor):
            return results.record_script(claim=claim, now=clock.now())

    @precondition(lambda self: any(b.late for b in self.believed))
    @rule(data=st.data())
    def a_late_worker_writes(self, data):
        case = data.draw(st.sampled_from([b for b in self.believed if b.late]))
        with acting_as_system("model"), pytest.raises(outbox.LostClaim):
            self._record(case.late.pop())

    @precondition(lambda self: any(b.state == "error" for b in self.believed))
    @rule(data=st.data(), dying=st.booleans())
    def retry(self, data, dying):
        case = data.draw(st.sampled_from([b for b in self.believed if b.state == "error"]))
        quarantined = self._quarantined(case, payload__submission=case.submissions) is not None
        answer = self.send(self._new({}, f"/verifications/{case.id}/retry"), dying=dying)
        assert answer.status_code == (202 if quarantined else 409)
        if quarantined:
            case.state, case.events = "processing", case.events + 1

    @precondition(lambda self: any(b.state in ("error", "in_review") for b in self.believed))
    @rule(data=st.data())
    def release(self, data):
        """A quarantined job tries again; where a person took the case over, or newer pictures came, to no effect."""
        case = data.draw(st.sampled_from([b for b in self.believed if b.state in ("error", "in_review")]))
        job = self._quarantined(case)
        if job is None:
            return
        assert self.send(self._new({}, f"/quarantine/{job.pk}/release")).status_code == 200
        if case.state == "error" and job.payload["submission"] == case.submissions:
            case.state, case.events = "processing", case.events + 1
            return
        with acting_as_system("model"):
            self._record(outbox.claim(job_id=job.pk, worker="w", now=clock.now()))

    @precondition(lambda self: any(b.state == "in_review" for b in self.believed))
    @rule(data=st.data(), outcome=st.sampled_from(["approved", "declined", "resubmission_requested"]))
    def review(self, data, outcome):
        case = data.draw(st.sampled_from([b for b in self.believed if b.state == "in_review"]))
        with within(self.bank, actor="user:anna"):
            reviews.decide(verification_id=case.id, outcome=outcome, reason="same_person", now=clock.now())
        case.state, case.events = outcome, case.events + 1

    @precondition(lambda self: any(b.state in ("error", "approved") for b in self.believed))
    @rule(data=st.data())
    def give_to_a_person(self, data):
        case = data.draw(st.sampled_from([b for b in self.believed if b.state in ("error", "approved")]))
        taking = reviews.take_over if case.state == "error" else reviews.reopen
        case.events += 1 if case.state == "error" else 2
        with within(self.bank, actor="user:anna"):
            taking(verification_id=case.id, now=clock.now())
        case.state = "in_review"

    def _quarantined(self, case: Believed, **which) -> Job | None:
        with acting_as_system("model"):
            return Job.objects.filter(subject_id=case.id, state="quarantined", **which).last()

    def _harmless(self, sent: Sent) -> Sent:
        """A refused request is not stored: replaying it is not promised, so another stands for it in the bundle."""
        made = self._new({"applicant": self.applicant, "kind": "document_selfie", "sandbox_outcome": "approved"})
        answer = self.send(made)
        self.believed.append(Believed("approved", answer.json()["id"], "awaiting_input"))
        return made

    # -- what must hold after every step ------------------------------------------------------------------

    @invariant()
    def the_server_agrees(self):
        with within(self.bank):
            stored = {v.pk: (v.state, v.submission) for v in Verification.objects.all()}
            decisions = list(Decision.objects.filter(decided_by="policy").values_list("verification_id", "submission"))
            cases = Event.objects.filter(object_type="verification").order_by("object_id", "sequence")
            events = list(cases.values_list("object_id", "sequence", "status"))
            open_jobs = set(Job.objects.filter(kind="verify_scripted", state__in=["pending", "leased"])
                            .values_list("subject_id", flat=True))  # fmt: skip
        assert stored == {b.id: (b.state, b.submissions) for b in self.believed}, "one effect per key, no other"
        assert len(decisions) == len(set(decisions)), "one decision per submission"
        assert open_jobs == {b.id for b in self.believed if b.state == "processing"}, "accepted work has its job"
        for case in self.believed:
            told = [(n, status) for id_, n, status in events if id_ == case.id]
            assert [n for n, _ in told] == list(range(1, case.events + 1))
            assert told[-1][1] == case.state


def _written_by_anyone(claim, **changes) -> None:
    Job.objects.filter(pk=claim.job.pk).update(**changes)


def _die(name: str, subject: str = "") -> None:
    if name == "after_effect_before_response":
        raise Killed(name)


@pytest.mark.parametrize("broken", ["answers are not stored", "the fence is down"])
def test_the_model_notices_what_is_broken(broken, monkeypatch):
    if broken == "the fence is down":
        monkeypatch.setattr(outbox, "_still_ours", _written_by_anyone)
    else:
        monkeypatch.setattr(idempotency, "store", lambda *_, **__: None)
    hurried = settings(max_examples=60, stateful_step_count=20, deadline=None, phases=[Phase.generate], database=None,
                       derandomize=True, suppress_health_check=list(HealthCheck))  # fmt: skip
    with pytest.raises((Exception, pytest.fail.Exception)):  # whatever shape the disagreement takes
        run_state_machine_as_test(Bank, settings=hurried)


def test_whatever_a_bank_does_the_server_and_a_careful_client_agree():
    run_state_machine_as_test(
        Bank,
        settings=settings(max_examples=20, phases=[Phase.generate], stateful_step_count=20, deadline=None,
                          suppress_health_check=list(HealthCheck)),
    )  # fmt: skip
