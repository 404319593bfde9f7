"""The hosted page in a real browser, with a rendered person (or a photograph) before its camera."""

from __future__ import annotations

import pytest

from kyc.capture.models import Session
from tests.capture.actor import play
from tests.data import PHOTOS
from tests.support.capture import a_session
from tests.support.http import Api
from tests.support.worlds import World, a_bank, an_applicant, within

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(400)]


@pytest.fixture
def world(committed_db) -> World:
    return a_bank()


@pytest.fixture
def link(live_server, world):
    """A new session and its address on the running server."""

    def made(**more) -> tuple[dict, str]:
        session = a_session(world, an_applicant(world, consenting=False).pk, **more)
        return session, f"{live_server.url}/capture/#{session['client_token']}"

    return made


def to_the_start(page) -> None:
    page.click("#agree")
    page.click("#open-camera")
    page.wait_for_selector("#start")
    page.wait_for_timeout(700)  # the camera's first pictures


def recorded(page, actor) -> str:
    """Press start and do what is asked; the screen that follows the verdict."""
    page.click("#start")
    after = ("done", "retry", "failed", "document", "trouble", "lost", "moved", "over")
    return play(page, actor, lambda screen: screen in after, seconds=200)


def why(world: World, session: dict) -> str:
    """What the judge said of each attempt, for a failing test."""
    attempts = Api(world).get(f"/capture_sessions/{session['id']}")["attempts"]
    return "\n".join(
        f"{one['number']} {signal['name']} {signal['result']} {signal['score']} {signal['detail']}"
        for one in attempts
        for signal in one["signals"]
    )


def test_who_does_as_asked_is_through(link, opened, actor, worker, world):
    person = actor("person")
    session, address = link()
    page = opened(address)
    to_the_start(page)
    assert recorded(page, person) == "done", why(world, session)
    told = Api(world).get(f"/capture_sessions/{session['id']}")
    assert told["state"] == "completed" and told["result"] == "pass" and told["selfie"]
    assert page.complaints == []


def test_a_photograph_is_not_and_the_page_says_what_to_do(link, opened, actor, worker, world):
    photograph = actor("photograph")
    session, address = link()
    page = opened(address)
    to_the_start(page)
    assert recorded(page, photograph) == "retry"
    told = Api(world).get(f"/capture_sessions/{session['id']}")
    assert told["state"] == "ready" and told["attempts_left"] == 2 and not told["selfie"]
    assert {"flat_face", "motion_absent"} & set(told["reasons"])
    assert "flat" not in page.inner_text("main")  # attackers learn nothing of the signals


def test_a_blocked_camera_is_explained_and_can_be_tried_again(link, opened):
    _, address = link()
    page = opened(address, camera=False)
    page.click("#agree")
    page.click("#open-camera")
    page.wait_for_selector("[data-screen=denied], [data-screen=no_camera]")
    assert page.is_enabled("#open-camera")


def test_a_lost_network_is_waited_out(link, opened, actor, worker, world):
    person = actor("person")
    session, address = link()
    page = opened(address)
    to_the_start(page)
    page.click("#start")
    play(page, person, lambda screen: screen == "recording")
    page.wait_for_timeout(3000)
    page.context.set_offline(True)
    play(page, person, lambda screen: page.is_visible("#offline"), seconds=30)
    page.context.set_offline(False)
    after = play(page, person, lambda screen: screen in ("done", "retry", "moved"), seconds=200)
    assert after in ("done", "retry") and page.is_hidden("#offline")
    assert Api(world).get(f"/capture_sessions/{session['id']}")["attempts"][0]["state"] == "judged"


def test_an_old_link_says_so(link, opened, world):
    session, address = link()
    with within(world):
        Session.objects.filter(pk=session["id"]).update(state="expired")
    page = opened(address, camera=False)
    page.wait_for_selector("[data-screen=over]")
    assert world.tenant.name in page.inner_text("main")


def test_half_a_link_says_so(live_server, opened):
    page = opened(f"{live_server.url}/capture/#vct.nonsense", camera=False)
    page.wait_for_selector("[data-screen=bad_link]")


def test_a_second_window_takes_over_only_when_asked(link, opened, actor):
    person = actor("person")
    _, address = link()
    first = opened(address)
    to_the_start(first)
    first.click("#start")
    play(first, person, lambda screen: screen == "recording")
    second = opened(address)
    second.wait_for_selector("[data-screen=elsewhere]")
    second.click("#go-on-here")
    second.click("#start")
    second.wait_for_selector("[data-screen=recording]")
    play(first, person, lambda screen: screen == "moved", seconds=60)


def test_a_reload_in_the_middle_goes_on_with_a_new_attempt(link, opened, actor, worker, world):
    person = actor("person")
    session, address = link()
    page = opened(address)
    to_the_start(page)
    page.click("#start")
    play(page, person, lambda screen: screen == "recording")
    page.wait_for_timeout(2000)
    page.reload()
    page.wait_for_selector("[data-screen=interrupted]")
    page.click("#open-camera")
    page.wait_for_selector("#start")
    page.wait_for_timeout(700)
    assert recorded(page, person) == "done", why(world, session)
    states = [one["state"] for one in Api(world).get(f"/capture_sessions/{session['id']}")["attempts"]]
    assert states == ["abandoned", "judged"]


def test_the_token_leaves_the_address_bar_and_nothing_goes_to_third_parties(link, opened, live_server):
    _, address = link()
    page = opened("about:blank", camera=False)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(address)
    page.wait_for_selector("#agree")
    assert page.url.endswith("/capture/")
    assert asked and all(url.startswith(live_server.url) for url in asked if not url.startswith(("data:", "blob:")))


def test_saying_no_is_as_easy_as_saying_yes(link, opened, world):
    session, address = link(return_url="https://bank.example/back")
    page = opened(address, camera=False)
    yes, no = (page.locator(name).bounding_box() for name in ("#agree", "#disagree"))
    assert abs(yes["width"] - no["width"]) < 2 and abs(yes["height"] - no["height"]) < 2
    page.click("#disagree")
    page.wait_for_selector("[data-screen=declined]")
    assert page.get_attribute("a.button", "href") == "https://bank.example/back"
    assert Api(world).get(f"/capture_sessions/{session['id']}")["state"] == "declined"


@pytest.mark.parametrize("language", ["en", "zh", "es"])
def test_every_language_has_every_text(link, opened, language):
    _, address = link()
    page = opened(address, camera=False, language=language)
    page.wait_for_selector("#agree")
    assert page.get_attribute("html", "lang") == language
    page.select_option("#language", "es")
    page.wait_for_selector("text=Acepto")


def test_the_document_is_taken_from_a_file(link, opened, actor, worker, world):
    person = actor("person")
    session, address = link(document=True)
    page = opened(address)
    to_the_start(page)
    assert recorded(page, person) == "document"
    page.set_input_files("#file", str(PHOTOS / "obama.jpg"))
    page.click("#document-use")
    page.wait_for_selector("[data-screen=done]", timeout=60000)
    told = Api(world).get(f"/capture_sessions/{session['id']}")
    assert told["state"] == "completed" and told["portrait"]
