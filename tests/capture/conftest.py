from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser import ARGUMENTS
from tests.data import PHOTOS
from tests.ml.conftest import packs_root  # noqa: F401  (a fixture)

CAMERA = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]


@pytest.fixture
def engine(packs_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:  # noqa: F811
    """A real engine on the default packs, in this process."""
    from ml.decode import Bare
    from ml.engine import Engine
    from ml.liveness.active.trial import SAME_FACE
    from workers import engine as held

    made = Engine.from_packs(packs_root, threads=1, decoder=Bare())
    monkeypatch.setattr(held, "_engine", made)
    # the packs made for tests carry no calibration; what the number means is tested where calibrations are
    monkeypatch.setattr(held, "same_face", lambda: SAME_FACE)
    yield made
    made.close()


@pytest.fixture
def worker(engine: Any) -> Iterator[None]:
    """Does capture jobs as they come, in a thread of its own."""
    from django.db import connections

    from tests.support.capture import do_jobs

    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            do_jobs()
            stop.wait(0.05)
        connections.close_all()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    stop.set()
    thread.join(30)


@pytest.fixture
def portraits(engine: Any) -> dict[str, Any]:
    """Public-domain photographs that can be rendered, by name."""
    from ml.liveness.synthetic import casting

    return casting.cast([PHOTOS / f"{name}.jpg" for name in ("biden", "collins", "obama")], engine.detector)


@pytest.fixture
def actor(portraits: dict[str, Any], tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Puts somebody, or something, before the camera: actor("person"), actor("photograph")."""
    from ml.liveness.synthetic.scene import Person, Print, flat
    from tests.capture.actor import Actor

    playing = []

    def made(what: str = "person") -> Any:
        shown = portraits["biden"]
        scene = Person(shown) if what == "person" else Print(shown, portraits["collins"], flat(shown))
        playing.append(Actor(scene, tmp_path / "camera.y4m"))
        return playing[-1]

    yield made
    for one in playing:
        one.close()


@pytest.fixture
def opened(browser_program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Chromium on a page: opened(address, camera=True, phone=False, dark=False, language="en")."""
    from playwright.sync_api import sync_playwright

    # Playwright's synchronous interface runs a loop in this thread; nothing of Django runs inside it
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with sync_playwright() as playwright:
        browsers: dict[bool, Any] = {}

        def page(address: str, *, camera: bool = True, phone: bool = False, dark: bool = False, **options: Any) -> Any:
            if camera not in browsers:
                film = [*CAMERA, f"--use-file-for-fake-video-capture={tmp_path / 'camera.y4m'}"] if camera else []
                browsers[camera] = playwright.chromium.launch(executable_path=browser_program, args=ARGUMENTS + film)
            context = browsers[camera].new_context(
                viewport={"width": 390, "height": 844} if phone else {"width": 1100, "height": 800},
                color_scheme="dark" if dark else "light", locale=options.pop("language", "en"), **options,
            )  # fmt: skip
            new = context.new_page()
            new.complaints = []
            new.on("pageerror", lambda error: new.complaints.append(str(error)))
            new.on("console", lambda said: said.type == "error" and new.complaints.append(said.text))
            new.goto(address)
            return new

        yield page
        for browser in browsers.values():
            browser.close()
