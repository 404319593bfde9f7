"""A real batcher over an engine that takes its time, so that timing can be seen."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from ml.batching import STUCK_EXIT, Batcher
from ml.batching_rates import measure
from ml.decode import Bare
from ml.engine import EVERYTHING, Engine, Photo
from ml.errors import EngineError
from ml.packs import PERMISSIVE
from ml.types import Analysis, Image, Want
from tests.data import PHOTOS, REPOSITORY

BATCH_SECONDS, IMAGE_SECONDS = 0.02, 0.002  # what one run costs, and each image in it


class Slow:
    """An engine whose batches cost time but little more than single images."""

    def __init__(
        self, *, poison: bytes = b"poison", gate: threading.Event | None = None, image_seconds: float = IMAGE_SECONDS
    ) -> None:
        self._image_seconds = image_seconds
        self.batches: list[list[bytes]] = []
        self.wants: list[frozenset[Want]] = []
        self._poison, self._gate = poison, gate

    def open(self, data: bytes) -> Photo:
        if data == b"unreadable":
            raise EngineError("image_unreadable", "No.")
        return Photo(data, Image(np.zeros((1, 1, 3), np.uint8), 1, 1, "PNG", False), 0.0)

    def study(self, photos: Sequence[Photo], wants: frozenset[Want] = EVERYTHING) -> list[Analysis | EngineError]:
        self.batches.append([photo.data for photo in photos])
        self.wants.append(wants)
        if self._gate is not None:
            self._gate.wait()
        if any(photo.data == self._poison for photo in photos):
            raise RuntimeError("a network that cannot take this")
        time.sleep(BATCH_SECONDS + self._image_seconds * len(photos))
        return [EngineError("refused", "No.") if photo.data == b"refused" else result(photo) for photo in photos]


def result(photo: Photo) -> Analysis:
    return Analysis(
        width=len(photo.data),
        height=1,
        faces=(),
        face=None,
        crop=None,
        quality=(),
        embedding=None,
        pad=(),
        pad_refused=None,
        models=(),
    )


@pytest.fixture
def started():
    """started(engine, **options) -> Batcher, closed at the end."""
    made: list[Batcher] = []

    def start(engine: Slow, **options) -> Batcher:
        made.append(Batcher(engine, **options))
        return made[-1]

    yield start
    for batcher in made:
        batcher.close()


def held(started, **options):
    """A batcher whose engine is busy with one job until `gate` is set."""
    gate = threading.Event()
    engine = Slow(gate=gate)
    batcher = started(engine, **options)
    first = batcher.submit(engine.open(b"first"), deadline=time.monotonic() + 60)
    while not engine.batches:
        time.sleep(0.001)
    return engine, batcher, gate, first


def test_each_caller_gets_its_own_answer(started):
    batcher = started(Slow())
    data = [b"x" * size for size in range(1, 101)]
    with ThreadPoolExecutor(20) as pool:
        widths = list(pool.map(lambda one: batcher.analyse(one).width, data))
    assert widths == list(range(1, 101))


def test_those_who_wait_together_ride_together(started):
    engine, batcher, gate, _ = held(started)
    waiting = [batcher.submit(engine.open(b"x"), deadline=time.monotonic() + 60) for _ in range(10)]
    gate.set()
    assert all(job.result(timeout=5) for job in waiting)
    assert [len(batch) for batch in engine.batches] == [1, 10]


def test_no_batch_is_larger_than_allowed_and_order_is_kept(started):
    engine, batcher, gate, _ = held(started, largest=4)
    waiting = [batcher.submit(engine.open(bytes([n])), deadline=time.monotonic() + 60) for n in range(10)]
    gate.set()
    for job in waiting:
        job.result(timeout=5)
    assert [len(batch) for batch in engine.batches] == [1, 4, 4, 2]
    assert [data for batch in engine.batches[1:] for data in batch] == [bytes([n]) for n in range(10)]


def test_different_wishes_do_not_share_a_batch_and_none_starves(started):
    engine, batcher, gate, _ = held(started)
    wishes: list[frozenset[Want]] = [frozenset({"detect"}), frozenset({"embed"})]
    waiting = [batcher.submit(engine.open(b"x"), wishes[n % 2], deadline=time.monotonic() + 60) for n in range(6)]
    gate.set()
    for job in waiting:
        job.result(timeout=5)
    assert engine.wants[1:] == wishes and [len(batch) for batch in engine.batches[1:]] == [3, 3]


def test_alone_nobody_waits_for_company(started):
    engine = Slow()
    batcher = started(engine)
    batcher.analyse(b"x")
    direct, batched = [], []
    for _ in range(20):  # in turn, so that a busy machine slows both
        direct.append(seconds(lambda: engine.study([engine.open(b"x")])))
        batched.append(seconds(lambda: batcher.analyse(b"x")))
    assert np.median(batched) < 1.5 * np.median(direct)  # waiting as long as one batch takes would double it


def seconds(work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def test_callers_who_come_in_step_share_full_batches(started):
    engine = Slow()
    batcher = started(engine)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: [batcher.analyse(b"x") for _ in range(10)], range(8)))
    assert np.mean([len(batch) for batch in engine.batches[3:-3]]) > 5


def test_on_a_slow_device_batches_stay_short(started):
    engine = Slow(image_seconds=0.5)
    batcher = started(engine)
    batcher.analyse(b"x")
    with ThreadPoolExecutor(10) as pool:
        list(pool.map(lambda _: batcher.analyse(b"x"), range(10)))
    assert max(len(batch) for batch in engine.batches) <= 4  # 2 s of work


def test_a_full_queue_refuses_at_once_and_says_to_come_back(started):
    engine, batcher, gate, _ = held(started, waiting=3)
    for _ in range(3):
        batcher.submit(engine.open(b"x"), deadline=time.monotonic() + 60)
    with pytest.raises(EngineError) as caught:
        batcher.analyse(b"x")
    gate.set()
    assert (caught.value.code, caught.value.retryable) == ("queue_full", True)


def test_a_caller_waits_no_longer_than_its_deadline(started):
    engine, batcher, gate, _ = held(started)
    began = time.monotonic()
    with pytest.raises(EngineError) as caught:
        batcher.analyse(b"late", seconds=0.2)
    assert time.monotonic() - began < 1
    gate.set()
    assert (caught.value.code, caught.value.retryable) == ("deadline_exceeded", True)
    batcher.close()
    assert [b"late"] not in engine.batches, "work nobody waits for is not done"


def test_a_job_that_is_late_when_its_turn_comes_is_not_run(started):
    engine, batcher, gate, _ = held(started)
    late = batcher.submit(engine.open(b"late"), deadline=time.monotonic() + 0.05)
    time.sleep(0.1)
    gate.set()
    with pytest.raises(EngineError, match="deadline_exceeded"):
        late.result(timeout=5)
    assert [b"late"] not in engine.batches


def test_one_poisonous_image_fails_alone(started):
    engine, batcher, gate, _ = held(started)
    waiting = {
        data: batcher.submit(engine.open(data), deadline=time.monotonic() + 60) for data in (b"a", b"poison", b"b")
    }
    gate.set()
    assert waiting[b"a"].result(timeout=5).width == 1 and waiting[b"b"].result(timeout=5).width == 1
    with pytest.raises(EngineError) as caught:
        waiting[b"poison"].result(timeout=5)
    assert (caught.value.code, caught.value.retryable) == ("engine_failed", True)


def test_an_engines_refusal_reaches_its_caller_only(started):
    batcher = started(Slow())
    with pytest.raises(EngineError, match="refused"):
        batcher.analyse(b"refused")
    with pytest.raises(EngineError, match="image_unreadable"):
        batcher.analyse(b"unreadable")
    assert batcher.analyse(b"x").width == 1


def test_closing_finishes_what_was_accepted_and_accepts_no_more(started):
    engine, batcher, gate, first = held(started)
    waiting = batcher.submit(engine.open(b"x"), deadline=time.monotonic() + 60)
    threading.Timer(0.1, gate.set).start()
    batcher.close()
    assert first.done() and waiting.result().width == 1
    with pytest.raises(EngineError, match="shutting_down"):
        batcher.analyse(b"x")


def test_the_measurement_tells_rates_of_both_sides(packs_root):
    engine = Engine.from_packs(packs_root, threads=1, decoder=Bare(), allowed_licences=PERMISSIVE)
    images = [(PHOTOS / f"{name}.jpg").read_bytes() for name in ("obama", "biden")]
    rates = measure(engine, images, callers=2, rounds=1, wants=frozenset({"detect"}))
    assert rates.share > 0 and rates.slowdown > 0 and 0.1 < rates.share_cpu < 10
    assert rates.alone_direct[0] <= rates.alone_direct[1]


HANGING = """
    import ctypes, sys, threading, time
    sys.path.insert(0, {root!r})
    from ml import batching
    from tests.ml.test_batching import Slow

    class Hanging(Slow):
        def study(self, photos, wants=batching.EVERYTHING):
            {hang}

    batching.GRACE = 1.0
    batching.Batcher(Hanging(), stuck=0.5).analyse(b"x", seconds=60)
"""


@pytest.mark.parametrize(
    ("hang", "status"),
    [
        ("threading.Event().wait()", STUCK_EXIT),  # waits and lets others run
        ("ctypes.PyDLL(None).sleep(60)", 1),  # a call into C that never lets go of the interpreter
    ],
)
def test_a_stuck_batch_ends_the_process_and_says_where(hang, status):
    code = textwrap.dedent(HANGING).format(root=str(REPOSITORY), hang=hang)
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, cwd=REPOSITORY)
    assert done.returncode == status, done.stderr
    assert "study" in done.stderr and time.monotonic() - began < 60
