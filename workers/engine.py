"""The one module that holds the engine. Loaded before the first job; the device is named, never guessed."""

from __future__ import annotations

import os
import time
from concurrent.futures import Future

from kyc.core import clock
from kyc.core.scope import acting_as_system
from kyc.registry import services as registry
from kyc.verifications.observations import Portrait
from ml.batching import DEADLINE, Batcher, late
from ml.calibrate import curve
from ml.engine import Engine, Photo
from ml.errors import EngineError
from ml.liveness.active.observe import Observer
from ml.packs import default_root, from_environment, open_active
from ml.types import Analysis
from workers import translate

# Within a session a stranger has one try, not a gallery; turned and blurred frames need the room.
SAME_FACE_FMR = 0.01

_engine: Engine | None = None
_batcher: Batcher | None = None


def load() -> None:
    """Raises PackError or DeviceError: a worker without its models, or without its GPU, does not start."""
    global _engine, _batcher
    _engine = Engine.from_packs(
        default_root(),
        device=os.environ.get("VOUCH_DEVICE", "cpu"),
        runtime=os.environ.get("VOUCH_RUNTIME", "auto"),  # type: ignore[arg-type]
    )
    _batcher = Batcher(_engine)
    _register()


def look(images: dict[str, bytes]) -> dict[str, Portrait]:
    """What the engine sees in each named image, sharing batches with other jobs.

    Raises EngineError when trying again may help.
    """
    assert _engine is not None and _batcher is not None, "engine.load() runs before the first task"
    deadline = time.monotonic() + DEADLINE
    opened = {name: _open(_engine, data) for name, data in images.items()}
    # all are opened before the first is handed over, so that the pictures of a case fall into one batch
    waiting = {
        name: photo if isinstance(photo, EngineError) else _batcher.submit(photo, deadline=deadline)
        for name, photo in opened.items()
    }
    return {name: translate.portrait(_outcome(one, deadline)) for name, one in waiting.items()}


def observer() -> Observer:
    """The engine's networks, for the frames of a video: they come as a batch already."""
    assert _engine is not None, "engine.load() runs before the first task"
    return Observer.of(_engine)


def same_face() -> float:
    """Cosine above which two frames of one session show one person; NaN, which passes nobody, without a calibration."""
    packs = open_active("recogniser", root=default_root(), allowed_licences=from_environment())
    measured = packs[0].calibration() if packs else None
    return curve.from_json(measured).score_for(SAME_FACE_FMR) if measured else float("nan")


def _open(engine: Engine, data: bytes) -> Photo | EngineError:
    try:
        return engine.open(data)
    except EngineError as e:
        return e


def _outcome(one: Future[Analysis] | EngineError, deadline: float) -> Analysis | EngineError:
    if isinstance(one, EngineError):
        return one
    try:
        return one.result(timeout=max(0.0, deadline - time.monotonic()))
    except TimeoutError:
        one.cancel()
        return late()
    except EngineError as e:
        return e


def _register() -> None:
    """Tell the registry which packs speak here, with their calibration."""
    root, allowed = default_root(), from_environment()
    with acting_as_system("engine"):
        for role in ("detector", "recogniser", "pad", "quality"):
            for pack in open_active(role, root=root, allowed_licences=allowed):
                registry.register(
                    role=role,
                    name=pack.ref.name,
                    version=pack.ref.version,
                    sha256=pack.ref.sha256,
                    licence=pack.manifest.licence,
                    dimension=pack.manifest.output.size if role == "recogniser" else None,
                    calibration=pack.calibration() if role == "recogniser" else None,
                    now=clock.now(),
                )
