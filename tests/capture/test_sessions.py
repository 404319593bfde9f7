"""The bank's side and the page's side of a session, over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from kyc.applicants import queries as applicants
from kyc.capture import limits, services
from kyc.capture.models import Attempt, Session
from kyc.core import clock
from tests.support.capture import Guest, a_session, packed
from tests.support.http import Api
from tests.support.worlds import World, a_bank, an_applicant, within

pytestmark = pytest.mark.django_db
TAB, OTHER_TAB = "window-0001", "window-0002"
JPEG = b"\xff\xd8\xff\xe0 not really"


@pytest.fixture
def world() -> World:
    return a_bank()


def opened(world: World, *, consenting: bool = False, **more) -> tuple[dict, Guest]:
    made = a_session(world, an_applicant(world, consenting=consenting).pk, **more)
    return made, Guest(made["client_token"])


def recording(world: World) -> tuple[dict, Guest]:
    made, guest = opened(world)
    guest.post("consent", {"agreed": True, "language": "en"})
    guest.post("attempts", {"tab": TAB, "camera": "Cam"}, 201)
    return made, guest


def step(guest: Guest, number: int, status: int = 200, **more) -> dict:
    return guest.post("steps", {"tab": TAB, "clock": 0.1, "step": number, **more}, status)


def later(world: World, session: dict, seconds: float) -> None:
    """As if the running attempt had begun so much earlier."""
    with within(world):
        attempt = Attempt.objects.get(session=session["id"], state="recording")
        Attempt.objects.filter(pk=attempt.pk).update(started_at=attempt.started_at - timedelta(seconds=seconds))


def test_a_link_carries_its_token_where_no_log_sees_it(world):
    made, _ = opened(world)
    path, _, fragment = made["url"].partition("#")
    assert fragment == made["client_token"] and path.endswith("/capture/")


def test_the_token_is_shown_once_and_kept_as_a_digest(world):
    made, _ = opened(world)
    assert "client_token" not in Api(world).get(f"/capture_sessions/{made['id']}")
    with within(world):
        assert made["client_token"].encode() not in bytes(Session.objects.get(pk=made["id"]).token_sha256)


@pytest.mark.parametrize("spoil", [
    lambda token: token[:-1] + ("a" if token[-1] != "a" else "b"),
    lambda token: token.replace("vct.", "xyz."),
    lambda token: token.split(".", 2)[0],
    lambda token: "",
])  # fmt: skip
def test_any_other_token_opens_nothing(world, spoil):
    made, _ = opened(world)
    answer = Client(headers={"Authorization": f"Bearer {spoil(made['client_token'])}"}).get("/v1/capture/session")
    assert answer.status_code == 401


def test_a_token_of_one_bank_opens_nothing_of_another(world):
    made, _ = opened(world)
    prefix, _, session, secret = made["client_token"].split(".")
    foreign = ".".join([prefix, a_bank().tenant.pk, session, secret])
    assert Client(headers={"Authorization": f"Bearer {foreign}"}).get("/v1/capture/session").status_code == 401


def test_a_client_token_is_no_api_key_and_an_api_key_no_client_token(world):
    made, _ = opened(world)
    as_guest = Client(headers={"Authorization": f"Bearer {made['client_token']}"})
    assert as_guest.get(f"/v1/capture_sessions/{made['id']}").status_code == 401
    assert Client(headers=world.headers).get("/v1/capture/session").status_code == 401


def test_foreign_and_missing_sessions_look_alike(world):
    made, _ = opened(world)
    foreign = Api(a_bank()).get(f"/capture_sessions/{made['id']}", 404)
    missing = Api(world).get("/capture_sessions/cap_01jd0000000000000000000000", 404)
    assert foreign["code"] == missing["code"] == "not_found"


def test_agreeing_is_recorded_with_the_wording_and_the_language(world):
    made, guest = opened(world)
    assert guest.post("consent", {"agreed": True, "language": "es"})["state"] == "ready"
    with within(world):
        given = applicants.standing_consent(made["applicant"], "biometric_verification")
        assert (given.version, given.language) == (services.WORDING, "es")


def test_saying_no_records_nothing_and_can_be_thought_over(world):
    made, guest = opened(world)
    assert guest.post("consent", {"agreed": False, "language": "en"})["state"] == "declined"
    with within(world):
        assert applicants.standing_consent(made["applicant"], "biometric_verification") is None
    assert guest.post("attempts", {"tab": TAB}, 409)["code"] in ("consent_missing", "not_now")
    assert guest.post("consent", {"agreed": True, "language": "en"})["state"] == "ready"


def test_steps_come_one_at_a_time_and_not_before_the_last_is_over(world):
    made, guest = recording(world)
    first = step(guest, 0)
    assert first["kind"] == "centre" and "steps" not in first
    assert step(guest, 1, 409)["code"] == "too_early"
    assert step(guest, 2, 409)["code"] == "not_now"
    later(world, made, first["seconds"])
    assert step(guest, 1)["number"] == 1


def test_a_lost_answer_can_be_asked_again_and_moves_nothing(world):
    made, guest = recording(world)
    assert step(guest, 0) == step(guest, 0)
    with within(world):
        assert len(Attempt.objects.get(session=made["id"]).asked) == 1


def test_an_attempt_that_was_interrupted_for_long_is_over(world):
    made, guest = recording(world)
    step(guest, 0)
    later(world, made, 60)
    assert step(guest, 1, 409)["code"] == "not_now"


def test_a_second_window_is_told_and_may_take_over(world):
    _, guest = recording(world)
    assert guest.post("attempts", {"tab": OTHER_TAB}, 409)["code"] == "open_elsewhere"
    taken = guest.post("attempts", {"tab": OTHER_TAB, "take_over": True}, 201)
    assert taken["attempt"]["tab"] == OTHER_TAB
    assert step(guest, 0, 409)["code"] == "open_elsewhere"


def test_every_attempt_that_was_begun_counts(world):
    _, guest = recording(world)
    for left in (1, 0):
        assert guest.post("attempts", {"tab": TAB}, 201)["attempts_left"] == left
    assert guest.post("attempts", {"tab": TAB}, 409)["code"] == "no_attempts_left"


def test_a_chunk_sent_twice_is_one_and_another_of_its_number_is_refused(world):
    _, guest = recording(world)
    guest.put("chunks/0", packed([(0.1, JPEG)]))
    guest.put("chunks/0", packed([(0.1, JPEG)]))
    assert guest.get()["attempt"]["received"] == [0]
    assert guest.put("chunks/0", packed([(0.2, JPEG)]), 409)["code"] == "chunk_differs"


@pytest.mark.parametrize("body", [
    b"", b"\0\0\0\1", b"\xff\xff\xff\xff" + b"x" * 50, packed([(0.1, b"GIF89a")]), packed([(float("1e9"), JPEG)]),
    packed([(0.1, JPEG)]) + b"more", packed([(0.1, JPEG)])[:-1], packed([(0.01 * i, JPEG) for i in range(41)]),
    b"\0\0\0\x0a" + b'{"frames":', b"\0\0\0\x02[]",
], ids=range(10))  # fmt: skip
def test_what_is_not_packed_as_the_page_packs_it_is_refused(world, body):
    _, guest = recording(world)
    assert guest.put("chunks/0", body, 422)["code"] == "chunk_refused"


def test_finishing_needs_all_steps_and_all_chunks(world):
    made, guest = recording(world)
    done = {"tab": TAB, "clock": 1.0, "chunks": 1}
    assert guest.post("finish", done, 409)["code"] == "not_now"
    for number in range(6):
        later(world, made, step(guest, number)["seconds"])
    assert guest.post("finish", done, 409)["code"] == "frames_missing"
    guest.put("chunks/0", packed([(0.1, JPEG)]))
    assert guest.post("finish", done)["state"] == "judging"
    assert guest.post("finish", done)["state"] == "judging"  # the answer was lost


def test_a_link_ends_by_time(world):
    made, guest = opened(world)
    with within(world):
        Session.objects.filter(pk=made["id"]).update(expires_at=clock.now())
    assert guest.get()["state"] == "expired"
    assert guest.post("consent", {"agreed": True, "language": "en"}, 410)["code"] == "session_over"
    with within(world):
        assert services.expire_due(now=clock.now()) == 1
    assert Api(world).get(f"/capture_sessions/{made['id']}")["state"] == "expired"


def test_a_canceled_link_is_over(world):
    made, guest = recording(world)
    assert Api(world).post(f"/capture_sessions/{made['id']}/cancel", status=200)["state"] == "canceled"
    assert step(guest, 0, 410)["code"] == "session_over"
    assert Api(world).post(f"/capture_sessions/{made['id']}/cancel", status=410)["code"] == "session_over"


def test_after_repeated_failures_no_new_link_is_made_for_a_day(world):
    person = an_applicant(world)
    for _ in range(limits.LOCK_AFTER):
        made = a_session(world, person.pk)
        with within(world):
            Session.objects.filter(pk=made["id"]).update(state="failed", state_since=clock.now())
    refused = Api(world).post("/capture_sessions", {"applicant": person.pk}, 429)
    assert refused["code"] == "applicant_locked"
    a_session(world, an_applicant(world).pk)  # others are not locked


def test_unknown_fields_and_nonsense_are_errors(world):
    _, guest = recording(world)
    assert guest.post("attempts", {"tab": TAB, "cheat": 1}, 422)["code"] == "invalid_input"
    assert guest.post("steps", {"tab": TAB, "clock": -1, "step": 0}, 422)["code"] == "invalid_input"
    assert Api(world).post("/capture_sessions", {"applicant": "x", "return_url": "javascript:alert(1)"}, 422)


def test_the_page_lets_nothing_in_from_outside():
    page = Client().get("/capture/")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "http" not in policy
    assert "camera=(self)" in page.headers["Permissions-Policy"] and page.headers["Referrer-Policy"] == "no-referrer"
    assert b"<script" in page.content and b"http" not in page.content
