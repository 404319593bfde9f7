"""Same key, same answer; another body, 409; a twin under way, 409 with Retry-After."""

import json
import threading

import pytest
from django.db import connections
from django.test import Client

from kyc.applicants.models import Applicant
from kyc.http.models import StoredResponse
from tests.support.worlds import a_bank, unique, within

pytestmark = pytest.mark.usefixtures("committed_db")


def post(bank, body, key, path="/v1/applicants"):
    return Client(headers=bank.headers | {"Idempotency-Key": key}).post(
        path, json.dumps(body), content_type="application/json"
    )


def test_the_same_request_again_gets_the_same_bytes_and_no_second_effect():
    bank, body, key = a_bank(), {"external_reference": "one"}, unique("key")
    first, second = post(bank, body, key), post(bank, body, key)
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert first["Location"] == second["Location"]
    assert second["Idempotent-Replayed"] == "true"
    with within(bank):
        assert Applicant.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "path"),
    [({"external_reference": "two"}, "/v1/applicants"), ({"external_reference": "one"}, "/v1/applicants?x=1")],
)
def test_another_body_or_path_under_the_key_is_refused_and_never_replayed(body, path):
    bank, key = a_bank(), unique("key")
    post(bank, {"external_reference": "one"}, key)
    answer = post(bank, body, key, path)
    assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_key_reused")
    with within(bank):
        assert Applicant.objects.count() == 1


def test_two_banks_may_use_the_same_key():
    key = unique("key")
    assert {post(a_bank(), {"external_reference": "one"}, key).status_code for _ in range(2)} == {201}


def test_an_error_has_written_nothing_and_may_be_tried_again():
    bank, key = a_bank(), unique("key")
    assert post(bank, {"external_reference": "no good!"}, key).status_code == 422
    with within(bank):
        assert not StoredResponse.objects.exists()
    assert post(bank, {"external_reference": "good"}, key).status_code == 201


@pytest.mark.parametrize("key", ["", " ", "a" * 256, "käse", "tab\there"])
def test_a_key_that_cannot_be_stored_is_refused(key):
    answer = post(a_bank(), {"external_reference": "one"}, key.encode().decode("latin-1"))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_idempotency_key")


def test_of_many_twins_at_once_one_acts_and_the_others_are_told_to_wait_or_get_its_answer():
    bank, key = a_bank(), unique("key")
    start, answers = threading.Barrier(6), []

    def send():
        start.wait()
        answers.append(post(bank, {"external_reference": "one"}, key))
        connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(6)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    done = [a for a in answers if a.status_code == 201]
    waiting = [a for a in answers if a.status_code == 409]
    assert done and len(done) + len(waiting) == 6
    assert len({a.content for a in done}) == 1
    assert all(a.json()["code"] == "request_in_flight" and a["Retry-After"] for a in waiting)
    with within(bank):
        assert Applicant.objects.count() == 1
