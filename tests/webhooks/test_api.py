from __future__ import annotations

import json

import pytest
from django.test import Client

from kyc.core import clock
from kyc.http.models import StoredResponse
from kyc.webhooks import services
from kyc.webhooks.catalogue import CATALOGUE
from kyc.webhooks.models import Endpoint
from tests.support.worlds import World, a_bank, unique, within
from tests.webhooks.worlds import Scripted, due, work_on

URL = "https://hooks.bank.example/vouch"


class Api:
    def __init__(self, world: World):
        self.world, self.client = world, Client(headers=world.headers)

    def __call__(self, method: str, path: str, body: dict | None = None, **headers):
        content = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        return getattr(self.client, method)(f"/v1/{path}", **content, headers=self.world.headers | headers)

    def endpoint(self, **fields) -> dict:
        answer = self("post", "webhook_endpoints", {"url": URL, "event_types": ["*"], **fields})
        assert answer.status_code == 201, answer.content
        return answer.json()

    def something_happens(self, object_id: str = "") -> str:
        with within(self.world):
            return services.emit(
                event_type="verification.approved", object_type="verification", object_id=object_id or unique("vrf"),
                status="approved", now=clock.now(),
            ).pk  # fmt: skip

    def work(self, answer: int = 200) -> None:
        with within(self.world):
            jobs = due(clock.now())
        for job in jobs:
            with within(self.world):
                work_on(job, clock.now(), sender=Scripted(answer))


@pytest.fixture
def api(db) -> Api:
    return Api(a_bank())


def test_an_endpoint_shows_its_secret_once(api):
    made = api.endpoint(description="core banking")
    assert made["secret"].startswith("whsec_") and made["state"] == "enabled"
    shown = api("get", f"webhook_endpoints/{made['id']}").json()
    listed = api("get", "webhook_endpoints").json()["data"]
    assert "secret" not in shown and "secret" not in listed[0]
    assert {**shown, "secret": made["secret"]} == made
    assert listed == [shown]


def test_an_endpoint_changes_only_what_is_given(api):
    made = api.endpoint()
    answer = api("patch", f"webhook_endpoints/{made['id']}", {"event_types": ["applicant.*"]})
    assert answer.status_code == 200
    assert answer.json() == {k: v for k, v in made.items() if k != "secret"} | {"event_types": ["applicant.*"]}


def test_a_deleted_endpoint_is_missing_and_its_deliveries_remain(api):
    made = api.endpoint()
    api.something_happens()
    assert api("delete", f"webhook_endpoints/{made['id']}").status_code == 204
    for method, path in (("get", ""), ("patch", ""), ("delete", ""), ("post", "/ping"), ("post", "/enable")):
        body = {} if method in ("patch", "post") else None
        assert api(method, f"webhook_endpoints/{made['id']}{path}", body).status_code == 404
    (delivery,) = api("get", f"deliveries?endpoint={made['id']}").json()["data"]
    assert delivery["state"] == "abandoned" and delivery["last_error"] == "endpoint_disabled"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"url": "http://hooks.bank.example/"}, "webhook_url_refused"),
        ({"url": "https://127.0.0.1/"}, "webhook_url_refused"),
        ({"url": "https://169.254.169.254/latest/meta-data"}, "webhook_url_refused"),
        ({"url": "https://user:pw@bank.example/"}, "webhook_url_refused"),
        ({"url": "https://bank.example:6379/"}, "webhook_url_refused"),
        ({"url": "https://localhost/"}, "webhook_url_refused"),
        ({"url": ""}, "invalid_input"),
        ({"url": 7}, "webhook_url_refused"),
        ({"url": None}, "invalid_input"),
        ({"url": "https://b.example/" + "x" * 3000}, "invalid_input"),
        ({"event_types": []}, "invalid_input"),
        ({"event_types": ["verification.guessed"]}, "invalid_input"),
        ({"event_types": "*"}, "invalid_input"),
        ({"secret": "mine"}, "invalid_input"),
    ],
)
def test_what_cannot_be_an_endpoint_is_refused_and_nothing_is_written(api, fields, code):
    answer = api("post", "webhook_endpoints", {"url": URL, "event_types": ["*"], **fields})
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert answer["Content-Type"] == "application/problem+json"
    with within(api.world):
        assert not Endpoint.objects.exists()


def test_a_url_is_judged_again_when_it_changes(api):
    made = api.endpoint()
    answer = api("patch", f"webhook_endpoints/{made['id']}", {"url": "https://10.0.0.1/"})
    assert answer.json()["code"] == "webhook_url_refused"


def test_a_rotation_gives_a_new_secret_and_says_how_long_the_old_one_lives(api):
    made = api.endpoint()
    rotated = api("post", f"webhook_endpoints/{made['id']}/rotate_secret", {"overlap_hours": 2}).json()
    assert rotated["secret"] != made["secret"] and rotated["old_secret_until"]
    at_once = api("post", f"webhook_endpoints/{made['id']}/rotate_secret", {"overlap_hours": 0}).json()
    assert at_once["old_secret_until"] is None


def test_a_bank_has_at_most_twenty_endpoints(api):
    for _ in range(20):
        api.endpoint()
    answer = api("post", "webhook_endpoints", {"url": URL, "event_types": ["*"]})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_endpoints")


def test_events_and_deliveries_tell_the_whole_story(api):
    made = api.endpoint()
    event_id = api.something_happens("vrf_story")
    api.work(500)
    event = api("get", f"events/{event_id}").json()
    assert event["object"] == {"type": "verification", "id": "vrf_story", "status": "approved"}
    assert api("get", "events?object_id=vrf_story&type=verification.approved").json()["data"] == [event]
    assert api("get", "events?type=applicant.created").json()["data"] == []
    (listed,) = api("get", f"deliveries?event={event_id}&state=failed").json()["data"]
    shown = api("get", f"deliveries/{listed['id']}").json()
    assert shown["endpoint"] == made["id"] and shown["next_attempt_at"]
    assert [(a["number"], a["status"], a["error"]) for a in shown["attempts"]] == [(1, 500, "status")]
    assert api("get", f"webhook_endpoints/{made['id']}").json()["failing_since"]


def test_a_resend_is_accepted_with_the_place_to_look(api):
    api.endpoint()
    event_id = api.something_happens()
    api.work(200)
    (done,) = api("get", f"deliveries?event={event_id}").json()["data"]
    answer = api("post", f"deliveries/{done['id']}/resend", {})
    assert answer.status_code == 202
    again = answer.json()
    assert answer["Location"] == f"/v1/deliveries/{again['id']}" and again["manual"] and again["id"] != done["id"]
    twice = api("post", f"deliveries/{again['id']}/resend", {})
    assert (twice.status_code, twice.json()["code"]) == (409, "delivery_under_way")


def test_an_endpoint_is_pinged_disabled_enabled_and_recovered(api):
    path = f"webhook_endpoints/{api.endpoint()['id']}"
    assert api("post", f"{path}/ping", {}).json()["event_type"] == "webhook_endpoint.ping"
    api.something_happens()
    assert api("post", f"{path}/disable", {}).json()["disabled_reason"] == "requested"
    assert api("post", f"{path}/disable", {}).json()["code"] == "endpoint_disabled"
    assert api("post", f"{path}/ping", {}).json()["code"] == "endpoint_disabled"
    assert api("post", f"{path}/enable", {}).json()["state"] == "enabled"
    assert api("post", f"{path}/enable", {}).status_code == 200
    answer = api("post", f"{path}/recover", {"since": "2026-01-01T00:00:00Z"})
    assert (answer.status_code, answer.json()) == (202, {"deliveries": 2})


def test_another_banks_things_are_missing(api):
    made = api.endpoint()
    event_id = api.something_happens()
    delivery_id = api("get", "deliveries").json()["data"][0]["id"]
    stranger = Api(a_bank())
    path = f"webhook_endpoints/{made['id']}"
    for method, where, body in [
        ("get", path, None), ("patch", path, {"description": "x"}), ("delete", path, None),
        ("post", f"{path}/ping", {}), ("post", f"{path}/enable", {}), ("post", f"{path}/disable", {}),
        ("post", f"{path}/rotate_secret", {}), ("post", f"{path}/recover", {"since": "2026-01-01T00:00:00Z"}),
        ("get", f"events/{event_id}", None), ("get", f"deliveries/{delivery_id}", None),
        ("post", f"deliveries/{delivery_id}/resend", {}),
    ]:  # fmt: skip
        foreign, missing = stranger(method, where, body), stranger(method, where.replace("_", "_0", 2), body)
        assert foreign.status_code == missing.status_code == 404, where
    for collection in ("webhook_endpoints", "events", "deliveries"):
        assert stranger("get", collection).json()["data"] == []


def test_a_key_without_the_scope_is_refused(api):
    from kyc.tenants.services import issue_key

    with within(api.world):
        key = issue_key(tenant=api.world.tenant, name="reader", scopes=["webhooks:read"], now=clock.now())
    reader = Api(World(api.world.tenant, key.secret))
    assert reader("get", "webhook_endpoints").status_code == 200
    answer = reader("post", "webhook_endpoints", {"url": URL, "event_types": ["*"]})
    assert (answer.status_code, answer.json()["code"]) == (403, "missing_scope")


def test_every_event_of_the_catalogue_can_be_subscribed_to(api):
    assert api.endpoint(event_types=sorted(CATALOGUE))["event_types"] == sorted(CATALOGUE)


def test_the_secret_is_not_kept_with_the_stored_answer(api):
    """An Idempotency-Key keeps the answer for two days; what is shown once must not be kept in the clear."""
    answer = api("post", "webhook_endpoints", {"url": URL, "event_types": ["*"]}, **{"Idempotency-Key": unique("key")})
    with within(api.world):
        stored = StoredResponse.objects.get()
    assert answer.json()["secret"].encode() not in bytes(stored.body)
