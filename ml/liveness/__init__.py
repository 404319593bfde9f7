"""Is a living person in front of the camera, as far as one photograph can say."""

from __future__ import annotations

from ml.liveness import fusion
from ml.liveness.passive import Liveness, PadModel, PassiveLiveness, Subject, unfit

__all__ = ["Liveness", "PadModel", "PassiveLiveness", "Subject", "fusion", "unfit"]
