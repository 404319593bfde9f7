"""From frames to a verdict: the page's packets, the worker's jobs, what the session becomes."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest

from kyc.capture import results, services
from kyc.capture.models import Attempt, Chunk, Mark, Session
from kyc.core import clock
from kyc.core.scope import acting_as_system, acting_for
from kyc.evidence.models import Media
from kyc.outbox import services as outbox
from kyc.outbox.models import Job
from ml.liveness.active.types import Asked, Step
from ml.liveness.synthetic.film import film
from ml.liveness.synthetic.performance import Manner, Performance
from ml.liveness.synthetic.scene import Person
from tests.support.capture import Guest, a_session, do_jobs, packed
from tests.support.worlds import World, a_bank, an_applicant, within

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(400)]
TAB = "window-0001"


@pytest.fixture
def world(committed_db) -> World:
    return a_bank()


def begun(world: World, **more) -> tuple[dict, Guest]:
    session = a_session(world, an_applicant(world).pk, **more)
    guest = Guest(session["client_token"])
    guest.post("consent", {"agreed": True, "language": "en"})
    guest.post("attempts", {"tab": TAB, "camera": "Front camera"}, 201)
    return session, guest


def asked_all(world: World, session: dict, guest: Guest) -> tuple[Asked, ...]:
    """All steps, as a page asks for them; time is moved instead of waited for."""
    asked, at = [], 0.5
    for number in range(6):
        with within(world):
            rows = Attempt.objects.filter(session=session["id"], state="recording")
            rows.update(started_at=clock.now() - timedelta(seconds=at))
        given = guest.post("steps", {"tab": TAB, "clock": at, "step": number})
        step = Step(given["kind"], given["seconds"], tuple(given["colours"]), tuple(map(tuple, given["path"])))
        asked.append(Asked(step, at))
        at += given["seconds"] + 1.0
    with within(world):  # the times that were meant: a busy machine answered later
        times = [one.at for one in asked]
        rows.update(asked=times, beats=[[time, time] for time in times])
    return tuple(asked)


@pytest.fixture
def judged(world, engine, portraits) -> tuple[dict, Guest, float]:
    """A rendered person's session, judged; and the CPU seconds from the last frame to the verdict."""
    import numpy as np

    session, guest = begun(world)
    asked = asked_all(world, session, guest)
    rng = np.random.default_rng(5)
    shot = film(Person(portraits["collins"]), asked, Performance.of(asked, Manner.of(rng), 5), rng=rng)
    frames, last = shot.frames, asked[-1].until + 0.2
    for number, start in enumerate(range(0, len(frames), 10)):
        guest.put(f"chunks/{number}", packed([(f.at, f.data) for f in frames[start : start + 10]]))
    do_jobs()
    with within(world):
        Attempt.objects.filter(session=session["id"]).update(started_at=clock.now() - timedelta(seconds=last))
    guest.post("finish", {"tab": TAB, "clock": last, "chunks": -(-len(frames) // 10)})
    began = time.process_time()
    do_jobs()
    return session, guest, time.process_time() - began


def test_who_passed_leaves_a_selfie_and_fingerprints_and_no_film(world, judged):
    session, guest, seconds = judged
    with within(world):
        row = Session.objects.get(pk=session["id"])
        attempt = Attempt.objects.get(session=row)
    assert guest.get()["state"] == "completed", attempt.signals
    with within(world):
        assert row.result == attempt.result == "pass" and row.selfie.kind == Media.Kind.SELFIE
        assert {"relief", "colour_order", "same_face"} <= {signal["name"] for signal in attempt.signals}
        assert not Chunk.objects.filter(attempt=attempt).exists()
        assert Mark.objects.filter(attempt=attempt).count() > 150
    assert seconds < 2.0  # of one core, when every chunk was observed as it came


def test_the_same_frames_in_another_session_are_known(world, judged, engine):
    session, _, _ = judged
    with within(world):
        first = Attempt.objects.get(session=session["id"])
        marks = [(bytes(m.sha256), bytes(m.phash)) for m in Mark.objects.filter(attempt=first)]
        second = Attempt.objects.create(tenant=world.tenant, session_id=session["id"], number=9, nonce="n", tab=TAB,
                                        state="abandoned", steps=[], started_at=clock.now(),
                                        last_heard_at=clock.now())  # fmt: skip
        files, looks = results.known(second, marks)
        assert files == {sha256 for sha256, _ in marks} and set(looks) >= {phash for _, phash in marks}
        assert results.known(first, marks) == (set(), [])


def test_erasure_leaves_nothing_to_know_the_person_by(world, judged):
    session, _, _ = judged
    with within(world):
        services.forget(applicant_id=session["applicant"], now=clock.now())
        attempt = Attempt.objects.get(session=session["id"])
        assert not Mark.objects.filter(attempt=attempt).exists() and attempt.signals == []


def test_frames_that_show_nobody_are_no_pass_and_cost_an_attempt(world, engine):
    import io

    import numpy as np
    from PIL import Image

    session, guest = begun(world)
    asked = asked_all(world, session, guest)
    frames = []
    for i in range(30):
        buffer = io.BytesIO()
        noise = np.random.default_rng(i).integers(0, 255, (120, 160, 3), dtype=np.uint8)
        Image.fromarray(noise).save(buffer, "JPEG")
        frames.append((0.1 * i, buffer.getvalue()))
    for number in range(3):
        guest.put(f"chunks/{number}", packed(frames[10 * number : 10 * number + 10]))
    guest.post("finish", {"tab": TAB, "clock": asked[-1].until, "chunks": 3})
    do_jobs()
    told = guest.get()
    assert told["state"] == "ready" and told["attempts_left"] == 2 and told["hints"]


def judgement_comes(world: World, session: dict, judgement: results.Judgement) -> None:
    with within(world):
        attempt = Attempt.objects.select_related("session").get(session=session["id"], state="judging")
    with acting_as_system("test"):
        job = Job.objects.get(subject_id=attempt.pk, state="pending")
        claim = outbox.claim(job_id=job.pk, worker="test", now=clock.now())
        with acting_for(world.tenant.pk, actor=claim.actor):
            results.record(claim=claim, attempt=attempt, judgement=judgement, selfie_id=None, now=clock.now())


def test_the_last_failure_ends_the_session(world):
    session, guest = begun(world)
    for left in (2, 1, 0):
        asked = asked_all(world, session, guest)
        guest.put("chunks/0", packed([(0.1, b"\xff\xd8\xff\xe0")]))
        guest.post("finish", {"tab": TAB, "clock": asked[-1].until, "chunks": 1})
        judgement_comes(world, session, results.Judgement("fail", ("flat_face",)))
        told = guest.get()
        assert told["attempts_left"] == left and told["state"] == ("ready" if left else "failed")
        if left:
            guest.post("attempts", {"tab": TAB}, 201)


def test_a_withdrawn_consent_stops_what_is_under_way(world):
    from kyc.applicants import queries as applicants
    from kyc.applicants import services as applicant_services

    session, guest = begun(world)
    with within(world):
        given = applicants.standing_consent(session["applicant"], "biometric_verification")
        applicant_services.withdraw(applicant_id=session["applicant"], consent_id=given.pk, now=clock.now())
    assert guest.get()["state"] == "canceled"
