"""Every screen of the page, on desktop and phone, light and dark: pictures kept to be looked at, and rules a machine
can check (WCAG 2.2 AA, as far as axe or a few lines of our own can)."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from kyc.capture.models import Attempt, Session
from kyc.core import clock
from tests.capture.actor import READ
from tests.data import PHOTOS, REPOSITORY
from tests.support.capture import a_session
from tests.support.worlds import World, a_bank, an_applicant, within

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(400)]
KEPT = Path(os.environ.get("VOUCH_ARTEFACTS") or REPOSITORY / "var" / "artefacts") / "capture"
LOOKS = [("desktop", False, False), ("phone", True, False), ("desktop-dark", False, True), ("phone-dark", True, True)]

AXE = (
    next((f.read_text() for f in Path(find_spec("axe_playwright_python").origin).parent.glob("axe*.js")), None)
    if find_spec("axe_playwright_python")
    else None
)

# What a machine can see of WCAG 2.2 AA without a library: names, language, heading, target size, contrast of text.
CHECK = """() => {
  const found = [];
  const named = (e) => (e.textContent || e.getAttribute('aria-label') || e.labels?.[0]?.textContent || '').trim();
  for (const e of document.querySelectorAll('button, a, select, input:not(.unseen)')) {
    if (!named(e)) found.push(`no name: ${e.outerHTML.slice(0, 80)}`);
    const box = e.getBoundingClientRect();
    if (box.width && (box.width < 24 || box.height < 24)) found.push(`small target: ${e.outerHTML.slice(0, 80)}`);
  }
  for (const e of document.querySelectorAll('img')) if (!e.hasAttribute('alt')) found.push('img without alt');
  for (const e of document.querySelectorAll('video, progress')) if (!e.ariaLabel) found.push('no name');
  if (document.querySelectorAll('h1').length !== 1) found.push('not one h1');
  if (!document.documentElement.lang) found.push('no language');
  if (document.documentElement.scrollWidth > innerWidth + 1) found.push('scrolls sideways');
  const light = (c) => {
    const [r, g, b] = c.match(/[\\d.]+/g).map(Number).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (!/, 0\\)$/.test(c) && c !== 'transparent') return c;
    }
    return 'rgb(255, 255, 255)';
  };
  for (const e of document.querySelectorAll('h1, h2, p, li, button, a, select, label, #brand')) {
    if (!e.textContent.trim() || e.classList.contains('unseen') || !e.getClientRects().length) continue;
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) found.push(`low contrast: ${e.textContent.slice(0, 40)}`);
  }
  return found;
}"""


@pytest.fixture
def world(committed_db) -> World:
    return a_bank()


@pytest.fixture
def at(world, live_server):
    """The address of a session put into a state."""

    def made(state: str, *, hints: tuple[str, ...] = (), left: int = 2, tab: str | None = None) -> str:
        session = a_session(world, an_applicant(world).pk, document=True, return_url="https://bank.example/")
        with within(world):
            rows = Session.objects.filter(pk=session["id"])
            rows.update(state=state, reasons=list(hints), attempts_left=left)
            if tab:
                Attempt.objects.create(tenant=world.tenant, session=rows.get(), number=1, nonce="n", tab=tab, steps=[],
                                       started_at=clock.now(), last_heard_at=clock.now())  # fmt: skip
        return f"{live_server.url}/capture/#{session['client_token']}"

    return made


@pytest.mark.parametrize(("name", "phone", "dark"), LOOKS, ids=[look[0] for look in LOOKS])
def test_every_screen_looks_right_and_can_be_used_by_all(at, opened, actor, name, phone, dark):
    actor("person")
    page = opened(at("created"), phone=phone, dark=dark)
    kept(page, name, "1-welcome", "#agree")
    page.click("#disagree")
    kept(page, name, "2-declined", "[data-screen=declined]")
    page.click("#again")
    page.click("#agree")
    kept(page, name, "3-prepare", "#open-camera")
    page.click("#open-camera")
    page.wait_for_selector("#start")
    page.wait_for_timeout(1500)
    kept(page, name, "4-aim", "#start")
    page.click("#start")
    page.wait_for_selector("[data-screen=recording]")
    pictured = set()
    for _ in range(300):
        step, _, point, lamp, screen = page.evaluate(READ)
        if screen != "recording" or {"colours", "follow", "closer"} <= pictured:
            break
        nothing_yet = {"follow": ("", "0 0"), "colours": ("", "rgb(0 0 0)")}.get(step, ())
        if step and step not in pictured and {"follow": point, "colours": lamp}.get(step) not in nothing_yet:
            pictured.add(step)
            page.screenshot(path=picture(name, f"5-step-{step}"))
        page.wait_for_timeout(80)
    assert len(pictured) >= 3
    others = {
        "6-retry": at("ready", hints=("motion_absent", "colour_response_absent", "several_faces")),
        "7-judging": at("judging"), "8-failed": at("failed", left=0), "9-over": at("expired"),
        "a-elsewhere": at("recording", tab="another-window"),
    }  # fmt: skip
    for what, address in others.items():
        page = opened(address, phone=phone, dark=dark)
        kept(page, name, what, "main h1")


@pytest.mark.parametrize(("name", "phone", "dark"), LOOKS[1:3], ids=[look[0] for look in LOOKS[1:3]])
def test_the_document_screens(world, live_server, opened, actor, name, phone, dark):
    from kyc.core.scope import Scope, acting
    from kyc.evidence import services as evidence
    from kyc.evidence.models import Media

    actor("person")
    person = an_applicant(world)
    session = a_session(world, person.pk, document=True, return_url="https://bank.example/")
    with acting(Scope(world.tenant.pk, "test:someone")):
        selfie = evidence.store(applicant_id=person.pk, kind=Media.Kind.SELFIE,
                                data=(PHOTOS / "obama.jpg").read_bytes(), now=clock.now())  # fmt: skip
    with within(world):
        Session.objects.filter(pk=session["id"]).update(state="passed", result="pass", selfie=selfie)
    page = opened(f"{live_server.url}/capture/#{session['client_token']}", phone=phone, dark=dark)
    kept(page, name, "b-document", "#document-file")
    page.click("#document-camera")
    page.wait_for_selector("#document-shoot")
    page.wait_for_timeout(800)
    page.click("#document-shoot")
    kept(page, name, "c-document-preview", "#document-use")
    page.click("#document-use")
    page.wait_for_selector("[data-screen=done]", timeout=60000)
    kept(page, name, "d-done", "[data-screen=done] h1")
    assert page.complaints == []


def complaints(page) -> list[str]:
    """Our own few rules, and axe's for WCAG 2.2 AA where it is installed."""
    found = page.evaluate(CHECK)
    if AXE is not None:
        page.evaluate(AXE)
        told = page.evaluate("axe.run({runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})")
        found += [f"axe {one['id']}: {one['nodes'][0]['html'][:120]}" for one in told["violations"]]
    return found


def kept(page, look: str, what: str, when: str) -> None:
    page.wait_for_selector(when, state="attached")
    page.wait_for_timeout(150)
    page.screenshot(path=picture(look, what), full_page=True)
    assert complaints(page) == [], what
    assert page.evaluate("document.activeElement.tagName") in ("H1", "BUTTON", "BODY"), what


def picture(look: str, what: str) -> str:
    KEPT.mkdir(parents=True, exist_ok=True)
    return str(KEPT / f"{look}-{what}.png")
