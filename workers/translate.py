"""The engine's words into kyc's. The only module that knows both vocabularies."""

from __future__ import annotations

from dataclasses import replace

from kyc.verifications.observations import Pad, Portrait
from ml.errors import EngineError
from ml.types import Analysis

# The engine's codes for an image nothing can be made of; whatever else it says is our trouble, not the picture's.
UNREADABLE = "image_unreadable"


def portrait(outcome: Analysis | EngineError) -> Portrait:
    if isinstance(outcome, EngineError):
        if outcome.retryable:
            raise outcome
        return Portrait(problem=UNREADABLE)
    face, models = outcome.face, {m.role: m.sha256 for m in outcome.models}
    seen = Portrait(
        faces=len(outcome.faces),
        quality={m.name: (float(m.value), m.unit) for m in outcome.quality},
        detector_sha256=models.get("detector", ""),
        recogniser_sha256=models.get("recogniser", ""),
        width=outcome.width,
        height=outcome.height,
        pad=tuple(Pad(p.model.sha256, float(p.live)) for p in outcome.pad),
        pad_fused=outcome.live,
        pad_refused=outcome.pad_refused or "",
        milliseconds={k: float(v) for k, v in outcome.milliseconds.items()},
    )
    if face is None:
        return seen
    return replace(
        seen,
        box=(face.box.x, face.box.y, face.box.width, face.box.height),
        landmarks=tuple((float(x), float(y)) for x, y in face.landmarks),
        confidence=float(face.confidence),
        embedding=None if outcome.embedding is None else tuple(float(v) for v in outcome.embedding),
    )
