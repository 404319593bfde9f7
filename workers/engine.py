"""The one module that holds the engine. Loaded before the first job; the device is named, never guessed."""

from __future__ import annotations

import os

from kyc.core import clock
from kyc.core.scope import acting_as_system
from kyc.registry import services as registry
from kyc.verifications.observations import Portrait
from ml.engine import Engine
from ml.packs import default_root, from_environment, open_active
from workers import translate

_engine: Engine | None = None


def load() -> None:
    """Raises PackError or DeviceError: a worker without its models, or without its GPU, does not start."""
    global _engine
    _engine = Engine.from_packs(
        default_root(),
        device=os.environ.get("VOUCH_DEVICE", "cpu"),
        runtime=os.environ.get("VOUCH_RUNTIME", "auto"),  # type: ignore[arg-type]
    )
    _register()


def look(images: dict[str, bytes]) -> dict[str, Portrait]:
    """What the engine sees in each named image. Raises EngineError when trying again may help."""
    assert _engine is not None, "engine.load() runs before the first task"
    outcomes = _engine.analyse_many(list(images.values()))
    return {name: translate.portrait(outcome) for name, outcome in zip(images, outcomes, strict=True)}


def _register() -> None:
    """Tell the registry which packs speak here, with their calibration."""
    root, allowed = default_root(), from_environment()
    with acting_as_system("engine"):
        for role in ("detector", "recogniser", "pad", "quality"):
            for pack in open_active(role, root=root, allowed_licences=allowed):  # type: ignore[arg-type]
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
