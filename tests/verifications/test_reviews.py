"""A person decides; two, where the policy asks, and the database holds them to it."""

import math
import threading

import pytest
from django.db import DatabaseError, connections

from kyc.core import clock
from kyc.core.errors import Conflict, Problem
from kyc.verifications import queries, reviews
from kyc.verifications.models import Decision, Proposal, Verification
from kyc.verifications.states import State
from tests.flows.test_a_case import Case
from tests.support.seeing import a_face, a_recogniser
from tests.support.worlds import within

pytestmark = pytest.mark.usefixtures("committed_db")
ANNA, BEN = "user:anna", "user:ben"


@pytest.fixture
def case(committed_db):
    a_recogniser()
    made = Case().open()
    assert made.sees(selfie=a_face(math.acos(0.85)), id_portrait=a_face())["state"] == "in_review"
    return made


def by(case, who, verb, **how):
    with within(case.bank, actor=who):
        return verb(**how, now=clock.now())


def test_a_decline_takes_one_person(case):
    by(case, ANNA, reviews.decide, verification_id=case.id, outcome="declined", reason="different_person", note="ears")
    now = case.now
    assert now["state"] == "declined"
    assert now["decisions"][-1]["decided_by"] == ANNA
    with within(case.bank):
        note = Decision.objects.get(verification=case.id, decided_by=ANNA).note
    assert b"ears" not in bytes(note), "a reviewer's words are sealed"


def test_an_approval_over_an_unsure_check_takes_a_second_person(case):
    proposal = by(case, ANNA, reviews.decide, verification_id=case.id, outcome="approved", reason="same_person")
    assert isinstance(proposal, Proposal) and case.now["state"] == "in_review"
    with pytest.raises(reviews.SamePerson):
        by(case, ANNA, reviews.confirm, proposal_id=proposal.pk)
    by(case, BEN, reviews.confirm, proposal_id=proposal.pk)
    assert case.now["state"] == "approved"
    with within(case.bank):
        last = Decision.objects.filter(verification=case.id).order_by("number").last()
    assert (last.decided_by, last.second_by) == (ANNA, BEN)


def test_a_refused_proposal_leaves_the_case_in_review(case):
    proposal = by(case, ANNA, reviews.decide, verification_id=case.id, outcome="approved", reason="same_person")
    by(case, BEN, reviews.refuse, proposal_id=proposal.pk)
    assert case.now["state"] == "in_review"
    by(case, BEN, reviews.decide, verification_id=case.id, outcome="declined", reason="different_person")
    assert case.now["state"] == "declined"


def approve_behind_the_codes_back(case, **more):
    row = queries.verification(case.id)
    Decision.objects.create(
        tenant_id=row.tenant_id, verification=row, number=9, submission=row.submission, outcome="approved",
        decided_by=ANNA, policy=row.policy, evidence={}, at=clock.now(), **more,
    )  # fmt: skip


def test_the_database_refuses_one_person_even_when_the_code_would_not(case):
    with pytest.raises(DatabaseError, match="two people"), within(case.bank, actor=ANNA):
        approve_behind_the_codes_back(case)


def test_the_database_refuses_the_same_person_as_the_second(case):
    with pytest.raises(DatabaseError, match="decision_four_eyes"), within(case.bank, actor=ANNA):
        approve_behind_the_codes_back(case, second_by=ANNA)


def test_a_decision_is_never_changed(case):
    with pytest.raises(DatabaseError, match="permission denied"), within(case.bank, actor=ANNA):
        Decision.objects.filter(verification=case.id).update(outcome="approved")


def test_who_claimed_a_case_is_alone_with_it_until_they_leave(case):
    by(case, ANNA, reviews.claim, verification_id=case.id)
    with pytest.raises(reviews.ClaimedByOther):
        by(case, BEN, reviews.claim, verification_id=case.id)
    with pytest.raises(reviews.ClaimedByOther):
        by(case, BEN, reviews.decide, verification_id=case.id, outcome="declined", reason="other")
    with within(case.bank, actor=ANNA):
        reviews.release(verification_id=case.id)
    by(case, BEN, reviews.claim, verification_id=case.id)


def test_a_claim_ends_by_itself(case):
    with within(case.bank, actor=ANNA):
        reviews.claim(verification_id=case.id, now=clock.now() - reviews.HOLD * 2)
    by(case, BEN, reviews.claim, verification_id=case.id)


def test_two_at_once_cannot_both_decide(case):
    start, outcomes = threading.Barrier(2), []

    def decide(who):
        start.wait()
        try:
            by(case, who, reviews.decide, verification_id=case.id, outcome="declined", reason="different_person")
            outcomes.append("decided")
        except Problem as e:
            outcomes.append(e.code)
        connections.close_all()

    threads = [threading.Thread(target=decide, args=(who,)) for who in (ANNA, BEN)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert sorted(outcomes) == ["decided", "illegal_move"]
    with within(case.bank):
        assert Decision.objects.filter(verification=case.id).exclude(decided_by="policy").count() == 1


def test_an_approval_can_be_looked_at_again():
    a_recogniser()
    case = Case().open()
    case.sees(selfie=a_face(0.1), id_portrait=a_face())
    by(case, ANNA, reviews.reopen, verification_id=case.id)
    assert case.now["state"] == "in_review"


def test_a_reason_that_is_not_on_the_list_is_refused(case):
    with pytest.raises(reviews.BadReason):
        by(case, ANNA, reviews.decide, verification_id=case.id, outcome="declined", reason="because")
    with within(case.bank):
        assert Verification.objects.get(pk=case.id).state == State.IN_REVIEW


def test_one_open_proposal_per_case(case):
    by(case, ANNA, reviews.decide, verification_id=case.id, outcome="approved", reason="same_person")
    with pytest.raises(Conflict):
        by(case, BEN, reviews.decide, verification_id=case.id, outcome="approved", reason="same_person")
