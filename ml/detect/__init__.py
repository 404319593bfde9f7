"""Where the faces are, and which of them is the person the picture is about."""

from __future__ import annotations

from ml.detect.again import look_again
from ml.detect.boxes import rescale
from ml.detect.build import build_detector
from ml.detect.detector import Detection, Detector
from ml.detect.subject import order

__all__ = ["Detection", "Detector", "build_detector", "look_again", "order", "rescale"]
