"""Reviewers sign in, see only their own bank's cases, and decide; the database still wants two for an override."""

import math

import pytest
from django.test import Client

from kyc.core import clock
from kyc.core.scope import Scope, acting
from kyc.portal import services
from tests.flows.test_a_case import Case
from tests.support.seeing import a_face, a_recogniser
from tests.support.worlds import a_bank, unique

pytestmark = pytest.mark.usefixtures("committed_db")


def signed_in(bank, role="reviewer") -> Client:
    name = unique("person")
    with acting(Scope(None, "test")):
        password = services.add_member(tenant=bank.tenant, username=name, role=role, now=clock.now())
    client = Client()
    answer = client.post("/portal/sign-in", {"username": name, "password": password})
    assert (answer.status_code, answer["Location"]) == (302, "/portal/")
    return client


@pytest.fixture
def case(committed_db):
    a_recogniser()
    made = Case().open()
    assert made.sees(selfie=a_face(math.acos(0.85)), id_portrait=a_face())["state"] == "in_review"
    return made


def test_who_is_not_signed_in_is_asked_to(case):
    for path in ("/portal/", f"/portal/cases/{case.id}", f"/portal/pictures/{case.now['selfie']}"):
        answer = Client().get(path)
        assert answer.status_code == 302 and answer["Location"].startswith("/portal/sign-in")


def test_a_wrong_password_is_refused_without_saying_which_was_wrong():
    answer = Client().post("/portal/sign-in", {"username": "nobody", "password": "nothing"})
    assert answer.status_code == 200 and b"The name or the password is wrong" in answer.content


def test_a_reviewer_sees_the_case_its_checks_and_its_pictures(case):
    client = signed_in(case.bank)
    assert case.id.encode() in client.get("/portal/").content
    page = client.get(f"/portal/cases/{case.id}").content.decode()
    assert "match_uncertain" in page and "0.850" in page
    picture = client.get(f"/portal/pictures/{case.now['selfie']}")
    assert picture.content[:2] == b"\xff\xd8" and picture["Cache-Control"] == "no-store"


def test_another_banks_reviewer_sees_nothing_of_it(case):
    stranger = signed_in(a_bank())
    assert case.id.encode() not in stranger.get("/portal/").content
    assert stranger.get(f"/portal/cases/{case.id}").status_code == 404
    assert stranger.get(f"/portal/pictures/{case.now['selfie']}").status_code == 404


def test_a_reviewer_declines(case):
    answer = signed_in(case.bank).post(f"/portal/cases/{case.id}", {"do": "declined", "reason": "different_person"})
    assert answer.status_code == 302 and case.now["state"] == "declined"


def test_an_override_takes_two_people(case):
    first, second = signed_in(case.bank), signed_in(case.bank)
    path = f"/portal/cases/{case.id}"
    first.post(path, {"do": "approved", "reason": "same_person"})
    assert case.now["state"] == "in_review"
    proposal = first.get(path).context["proposal"].pk
    assert first.post(path, {"do": "confirm", "proposal": proposal}).status_code == 409
    assert second.post(path, {"do": "confirm", "proposal": proposal}).status_code == 302
    assert case.now["state"] == "approved"


@pytest.mark.parametrize("role", ["viewer", "auditor"])
def test_who_may_only_read_cannot_decide(case, role):
    client = signed_in(case.bank, role)
    assert b"<h2>Decide</h2>" not in client.get(f"/portal/cases/{case.id}").content
    assert client.post(f"/portal/cases/{case.id}", {"do": "declined", "reason": "other"}).status_code == 404
    assert case.now["state"] == "in_review"


def test_a_decision_without_a_reason_is_refused_and_nothing_changes(case):
    answer = signed_in(case.bank).post(f"/portal/cases/{case.id}", {"do": "declined"})
    assert answer.status_code == 409 and case.now["state"] == "in_review"
