"""Concurrent callers share the networks' batches. (docs/adr/0028)

Each caller's own thread decodes, so one slow file delays nobody; one thread then feeds the engine.
It takes whatever waits. Only when callers were seen to come in company does it hold a batch for the
rest of them, and never longer than the batch in hand takes to run: alone, nobody waits.
"""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol

from ml.engine import EVERYTHING, Photo
from ml.errors import EngineError
from ml.types import Analysis, Want

LARGEST = 32  # images in a batch: beyond it CPU rates are flat and a GPU's gain is below 10 %
BRISK = 2.0  # s a batch should take at most: on slow processors large ones gain nothing and make all wait
WAITING = 256  # jobs in the queue, each holding a decoded photo of up to 3 MB
DEADLINE = 30.0  # s a caller waits; a verification's lease is three times that
STUCK = 60.0  # s; the slowest batch accepted (32 x 12 MP on two busy cores) takes 20
STDERR = 2  # the file descriptor
STUCK_EXIT = 86  # exit status of a process that its watchdog ended: no shell or signal uses it
GRACE = 5.0  # s after which a watchdog in C ends what even Python's threads cannot (it exits with 1)

Outcome = Analysis | EngineError


class Analyser(Protocol):
    """What the batcher needs of an engine."""

    def open(self, data: bytes) -> Photo: ...

    def study(self, photos: Sequence[Photo], wants: frozenset[Want] = ...) -> list[Outcome]: ...


@dataclass(frozen=True, slots=True)
class Job:
    photo: Photo
    wants: frozenset[Want]
    deadline: float  # time.monotonic()
    done: Future[Analysis] = field(default_factory=Future)


class Batcher:
    """Owns one thread that calls the engine, and one that watches it. `analyse` may be called from any number."""

    def __init__(
        self,
        engine: Analyser,
        *,
        largest: int = LARGEST,
        waiting: int = WAITING,
        stuck: float = STUCK,
        end: Callable[[], None] | None = None,
    ) -> None:
        """end: what to do about a stuck batch; None ends the process with STUCK_EXIT, and leases do the rest."""
        self._engine, self._largest, self._waiting, self._stuck = engine, largest, waiting, stuck
        self._end = end or end_process
        self._jobs: deque[Job] = deque()
        self._change = threading.Condition()
        self._closing = False
        self._company = 1  # jobs seen around at once last time
        self._pace = 0.0  # s per image, recent
        self._began: float | None = None  # time.monotonic() of the running batch
        self._threads = [
            threading.Thread(target=self._feed, name="batcher", daemon=True),
            threading.Thread(target=self._watch, name="batcher-watchdog", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def analyse(self, data: bytes, wants: frozenset[Want] = EVERYTHING, *, seconds: float = DEADLINE) -> Analysis:
        """As `Engine.analyse`; waits at most `seconds`.

        Also raises EngineError queue_full, deadline_exceeded, engine_failed, shutting_down: all retryable.
        """
        deadline = time.monotonic() + seconds
        job = self.submit(self._engine.open(data), wants, deadline=deadline)
        try:
            return job.result(timeout=max(0.0, deadline - time.monotonic()))
        except TimeoutError:
            job.cancel()
            raise late() from None

    def submit(self, photo: Photo, wants: frozenset[Want] = EVERYTHING, *, deadline: float) -> Future[Analysis]:
        """deadline: on time.monotonic(). Raises EngineError queue_full, shutting_down; never blocks."""
        job = Job(photo, wants, deadline)
        with self._change:
            if self._closing:
                raise EngineError("shutting_down", "This worker is stopping.", retryable=True)
            if len(self._jobs) >= self._waiting:
                raise EngineError("queue_full", "Too many images are waiting; try again shortly.", retryable=True)
            self._jobs.append(job)
            self._change.notify_all()
        return job.done

    def close(self) -> None:
        """Finish what was accepted, then stop."""
        with self._change:
            self._closing = True
            self._change.notify_all()
        for thread in self._threads:
            thread.join()

    def _feed(self) -> None:
        while batch := self._gather():
            began = self._began = time.monotonic()
            # the descriptor itself: Celery puts an object without a file descriptor in stderr's place
            faulthandler.dump_traceback_later(self._stuck + GRACE, exit=True, file=STDERR)
            try:
                self._run(batch)
            finally:
                faulthandler.cancel_dump_traceback_later()
                self._began = None
            self._learn((time.monotonic() - began) / len(batch))

    def _gather(self) -> list[Job]:
        """The next batch: jobs that want the same, in order of arrival; empty when closed and done."""
        with self._change:
            self._change.wait_for(lambda: self._jobs or self._closing)
            until = time.monotonic() + self._pace * len(self._jobs)
            room = self._room()
            while len(self._jobs) < min(self._company, room) and not self._closing:
                if not self._change.wait(until - time.monotonic() if until > time.monotonic() else 0):
                    break
            self._company = len(self._jobs)
            batch: list[Job] = []
            others: deque[Job] = deque()
            for job in self._jobs:
                fits = len(batch) < room and (not batch or job.wants == batch[0].wants)
                (batch if fits else others).append(job)
            self._jobs = others
            return batch

    def _room(self) -> int:
        """Images that the next batch may hold: as many as run in BRISK seconds, but at least two."""
        brisk = int(BRISK / self._pace) if self._pace else self._largest
        return min(self._largest, max(2, brisk))

    def _learn(self, pace: float) -> None:
        self._pace = pace if self._pace == 0 else 0.7 * self._pace + 0.3 * pace
        with self._change:  # those just answered are likely to come back
            self._company += len(self._jobs)

    def _run(self, batch: list[Job]) -> None:
        now = time.monotonic()
        live = [job for job in batch if job.done.set_running_or_notify_cancel()]
        for job in live:
            if job.deadline <= now:
                job.done.set_exception(late())
        self._answer([job for job in live if job.deadline > now])

    def _answer(self, jobs: list[Job]) -> None:
        if not jobs:
            return
        try:
            outcomes = self._engine.study([job.photo for job in jobs], jobs[0].wants)
        except Exception as error:  # the batch's neighbours must not pay for one photo: each gets its own run
            if len(jobs) == 1:
                failure = (
                    error
                    if isinstance(error, EngineError)
                    else EngineError(
                        "engine_failed", f"The engine failed on this image ({type(error).__name__}).", retryable=True
                    )
                )
                failure.__cause__ = error if failure is not error else None
                jobs[0].done.set_exception(failure)
                return
            for job in jobs:
                self._answer([job])
            return
        for job, outcome in zip(jobs, outcomes, strict=True):
            if isinstance(outcome, EngineError):
                job.done.set_exception(outcome)
            else:
                job.done.set_result(outcome)

    def _watch(self) -> None:
        while not (self._closing and not self._threads[0].is_alive()):
            time.sleep(min(1.0, self._stuck / 4))
            began = self._began
            if began is not None and time.monotonic() - began > self._stuck:
                self._end()
                return


def end_process() -> None:
    """A stuck device call cannot be cancelled, only left behind: say where it hangs, then go without clean-up."""
    print(f"a batch is stuck: ending the process with status {STUCK_EXIT}", file=sys.stderr, flush=True)
    faulthandler.dump_traceback(all_threads=True, file=STDERR)
    os._exit(STUCK_EXIT)


def late() -> EngineError:
    return EngineError("deadline_exceeded", "The engine did not get to this image in time.", retryable=True)
