"""Whatever is wrong, the answer is a problem document with a stable code and a next step."""

from datetime import timedelta

import pytest
from django.test import Client

from kyc.core import clock
from kyc.tenants import services as tenants
from tests.support.worlds import a_bank, an_applicant, unique, within

pytestmark = pytest.mark.usefixtures("committed_db")


@pytest.fixture(scope="module")
def bank(django_db_blocker, stack_urls):
    with django_db_blocker.unblock():
        yield a_bank()


def call(bank, method, path, body=None, **headers):
    client = Client(headers=bank.headers | headers) if bank else Client(headers=headers)
    how = {"content_type": "application/json"}
    data = body if isinstance(body, str | bytes) or body is None else __import__("json").dumps(body)
    return getattr(client, method)(path, data, **how) if data is not None else getattr(client, method)(path)


def problem(answer, status, code):
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json"), answer.content
    said = answer.json()
    assert said["code"] == code
    assert said["detail"] and said["next_step"] and said["request_id"] == answer["X-Request-Id"]
    assert isinstance(said["retryable"], bool)
    return said


def test_no_key_is_told_how_to_send_one(bank):
    answer = call(None, "get", "/v1/applicants")
    problem(answer, 401, "unauthenticated")
    assert answer["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("credential", ["Bearer nonsense", "Bearer", "Bearer a b", "Basic YTpi", "bearer \xff"])
def test_a_wrong_credential_answers_like_none(bank, credential):
    problem(call(None, "get", "/v1/applicants", Authorization=credential), 401, "unauthenticated")


def test_an_expired_key_and_a_revoked_one_answer_like_none(bank):
    now = clock.now()
    with within(bank):
        expired = tenants.issue_key(
            tenant=bank.tenant, name="old", scopes=["applicants:read"], now=now, expires_at=now - timedelta(seconds=1)
        )
        revoked = tenants.issue_key(tenant=bank.tenant, name="gone", scopes=["applicants:read"], now=now)
        tenants.revoke_key(key_id=revoked.key.pk, now=now)
    for issued in (expired, revoked):
        answer = call(None, "get", "/v1/applicants", Authorization=f"Bearer {issued.secret}")
        problem(answer, 401, "unauthenticated")


def test_a_key_without_the_scope_is_told_which_it_lacks(bank):
    with within(bank):
        issued = tenants.issue_key(tenant=bank.tenant, name="small", scopes=["audit:read"], now=clock.now())
    answer = call(None, "get", "/v1/applicants", Authorization=f"Bearer {issued.secret}")
    assert "applicants:read" in problem(answer, 403, "missing_scope")["detail"]


def test_a_rotated_key_works_beside_its_successor_for_the_overlap(bank):
    with within(bank):
        old = tenants.issue_key(tenant=bank.tenant, name="turning", scopes=["applicants:read"], now=clock.now())
        new = tenants.rotate_key(key_id=old.key.pk, now=clock.now())
    for issued in (old, new):
        assert call(None, "get", "/v1/applicants", Authorization=f"Bearer {issued.secret}").status_code == 200


@pytest.mark.parametrize(
    "body", ["{", "[1]", '"text"', '{"a": NaN}', '{"a": 1, "a": 2}', b"\xff\xfe", '{"a": "\\u0000"}', "[" * 100_000]
)
def test_broken_json_is_named_as_such(bank, body):
    problem(call(bank, "post", "/v1/applicants", body), 400, "invalid_json")


def test_an_unknown_field_is_an_error_and_not_silence(bank):
    said = problem(
        call(bank, "post", "/v1/applicants", {"external_reference": unique("x"), "externl": 1}), 422, "invalid_input"
    )
    assert said["fields"] == {"externl": ["Unknown field."]}


def test_nested_fields_are_named_with_their_path(bank):
    body = {"external_reference": unique("x"), "personal": {"email": "nonsense", "nickname": "x"}}
    assert "personal.nickname" in problem(call(bank, "post", "/v1/applicants", body), 422, "invalid_input")["fields"]


def test_a_wrong_content_type_is_refused(bank):
    answer = Client(headers=bank.headers).post("/v1/applicants", "a=1", content_type="text/csv")
    problem(answer, 415, "unsupported_media_type")


def test_foreign_and_missing_answer_the_same(bank):
    stranger = an_applicant(a_bank())
    foreign = call(bank, "get", f"/v1/applicants/{stranger.pk}")
    missing = call(bank, "get", "/v1/applicants/app_00000000000000000000000000")
    a, b = problem(foreign, 404, "not_found"), problem(missing, 404, "not_found")
    assert {k: v for k, v in a.items() if k != "request_id"} == {k: v for k, v in b.items() if k != "request_id"}


def test_an_unknown_address_is_a_problem_too(bank):
    problem(call(bank, "get", "/v1/nothing"), 404, "not_found")


def test_a_method_that_does_not_exist_names_those_that_do(bank):
    answer = call(bank, "delete", "/v1/applicants")
    assert answer.status_code in (403, 405)


def test_a_bad_cursor_is_refused_without_a_fault(bank):
    assert call(bank, "get", "/v1/applicants?cursor=nonsense").status_code in (400, 404)


def test_the_callers_request_id_comes_back_unless_it_could_harm_a_log(bank):
    assert call(bank, "get", "/v1/applicants", **{"X-Request-Id": "bank-request-1"})["X-Request-Id"] == "bank-request-1"
    injected = call(bank, "get", "/v1/applicants", **{"X-Request-Id": 'x" level=error'})["X-Request-Id"]
    assert injected.startswith("req_")


def test_pages_do_not_repeat_or_lose_anyone():
    bank = a_bank()
    made = {an_applicant(bank, consenting=False).pk for _ in range(7)}
    seen, path = [], "/v1/applicants?limit=3"
    while path:
        page = call(bank, "get", path).json()
        seen += [row["id"] for row in page["data"]]
        path = page["next"]
    assert len(seen) == 7 and set(seen) == made
    assert seen == sorted(seen, reverse=True), "newest first"


def test_a_key_that_sends_too_much_is_told_when_to_go_on(settings):
    settings.RATE_LIMIT_PER_MINUTE = 3
    bank = a_bank()
    answers = [call(bank, "get", "/v1/applicants") for _ in range(5)]
    assert [a.status_code for a in answers] == [200, 200, 200, 429, 429]
    problem(answers[-1], 429, "rate_limited")
    assert int(answers[-1]["Retry-After"]) >= 1
