"""What a worker reports, made by hand: for tests of what follows from it. The engine has its own tests."""

from __future__ import annotations

import math

from kyc.core import clock
from kyc.core.scope import acting_as_system, acting_for
from kyc.outbox import services as outbox
from kyc.outbox.models import Job
from kyc.registry import services as registry
from kyc.registry.models import ModelVersion
from kyc.verifications import results
from kyc.verifications.defaults import DEFAULT_RULES
from kyc.verifications.observations import Portrait
from kyc.verifications.rules import read

RECOGNISER = "a" * 64
DIMENSION = 8
CALIBRATION = {
    "kind": "score_to_fmr", "score": "cosine", "confidence": 0.95, "dataset": "a test", "identities": 100,
    "impostor_comparisons": 1_000_000, "genuine_comparisons": 1000, "floor": 1e-5,
    "points": [{"score": s, "fmr": f, "fmr_upper": f, "fnmr": 0.0}
               for s, f in ((-1.0, 1.0), (0.5, 0.5), (0.8, 1e-2), (0.9, 1e-3), (0.99, 1e-5))],
}  # fmt: skip


def a_recogniser() -> ModelVersion:
    with acting_as_system("test"):
        model = registry.register(
            role="recogniser", name="test", version="1", sha256=RECOGNISER, licence="test", dimension=DIMENSION,
            calibration=CALIBRATION, now=clock.now(),
        )  # fmt: skip
        registry.activate(model_id=model.pk)  # another test's engine may have spoken in this database before
    return model


def a_face(angle: float = 0.0, *, plane: int = 1, **changes) -> Portrait:
    """A usable portrait whose embedding is turned by `angle` radians: cos(angle) is its score against a_face()."""
    vector = [0.0] * DIMENSION
    vector[0], vector[plane] = math.cos(angle), math.sin(angle)
    rules = read(DEFAULT_RULES)
    fine = {
        name: (limit.minimum if limit.minimum is not None else limit.maximum or 0.0, "1")
        for group in (rules.portrait_quality, rules.quality)
        for name, limit in group.items()
    }
    usual = {
        "faces": 1, "box": (10, 10, 80, 80), "landmarks": ((1, 1),) * 5, "confidence": 0.99, "quality": fine,
        "embedding": tuple(vector), "recogniser_sha256": RECOGNISER, "width": 100, "height": 100,
    }  # fmt: skip
    return Portrait(**(usual | changes))


def the_worker_sees(case_id: str, **portraits: Portrait):
    """Claim the case's open job and record these portraits, as a worker does."""
    with acting_as_system("test"):
        job = Job.objects.get(subject_id=case_id, state="pending")
        claim = outbox.claim(job_id=job.pk, worker="test", now=clock.now())
        with acting_for(job.tenant_id, actor=claim.actor):
            return results.record(claim=claim, portraits=portraits, now=clock.now())
