"""The verdict on a session, from its frames alone.

The rule: pass needs every signal to pass. One decisive signal that fails refuses the session; a signal that could
not be measured, or a doubt that is no proof (a camera's declared name), leaves it inconclusive. Nothing is averaged:
an attack that is perfect in twelve respects fails in the thirteenth.
"""

from __future__ import annotations

from ml.liveness.active import camera, clockwork, colour, motion, person, reuse
from ml.liveness.active.best import best_frame
from ml.liveness.active.types import Result, Signal, Transcript, Verdict


def judge(transcript: Transcript, *, same_face: float) -> Verdict:
    """same_face: cosine of the recogniser's calibration above which two frames show one person.

    Never raises on what a page may send; what is missing is inconclusive or fails.
    """
    signals = (
        clockwork.complete(transcript),
        *clockwork.cadence(transcript),
        *reuse.distinct(transcript),
        reuse.unseen(transcript),
        person.one_face(transcript),
        person.same_face(transcript, same_face),
        clockwork.continuity(transcript),
        *_head(transcript),
        *colour.colours(transcript),
        camera.declared(transcript.camera),
    )
    result = fuse(signals)
    # a doubt leaves the frame to a policy; a refusal leaves nothing to match
    return Verdict(result=result, signals=signals, best=None if result == "fail" else best_frame(transcript))


def fuse(signals: tuple[Signal, ...]) -> Result:
    results = {signal.result for signal in signals}
    if "fail" in results:
        return "fail"
    return "pass" if results == {"pass"} else "inconclusive"


def _head(transcript: Transcript) -> tuple[Signal, ...]:
    path = motion.track(transcript)
    if path is None:
        nothing = float("nan")
        return (
            Signal("asked_motion", nothing, 1.0, "higher", "no_straight_look"),
            Signal("follow_point", nothing, motion.FOLLOWED, "higher", "no_straight_look"),
            Signal("relief", nothing, motion.RELIEF, "higher", "no_straight_look"),
        )
    return motion.asked_motion(transcript, path), motion.follow(transcript, path), motion.relief(path)
