"""The rules a new tenant begins with. Every figure has a source; a bank changes them by adding a version."""

from __future__ import annotations

# Read off ordinary, usable photographs by ml/quality (defaults.json says how, measure by measure) and set where an
# applicant would agree that the picture is poor. Measures that only hint (contrast, beard against mask) set no limit.
SELFIE = {
    "inter_eye_distance": {"minimum": 24, "reason": "face_too_small"},  # px; half of what the recogniser wants
    "face_inside": {"minimum": 0.95, "reason": "face_cut_off"},  # share of the face within the frame
    "largest_other_face": {"maximum": 0.5, "reason": "several_faces"},  # of the subject's size; less is a passer-by
    "yaw": {"minimum": -35, "maximum": 35, "reason": "head_turned"},  # degrees, as all three an estimate
    "pitch": {"minimum": -25, "maximum": 25, "reason": "head_tilted"},
    "roll": {"minimum": -35, "maximum": 35, "reason": "head_tilted"},
    "detector_confidence": {"minimum": 0.85, "reason": "face_covered"},
    "sharpness": {"minimum": 0.12, "reason": "blurred"},
    "under_exposure": {"maximum": 0.4, "reason": "too_dark"},  # share of the face
    "over_exposure": {"maximum": 0.2, "reason": "too_bright"},
    "dynamic_range": {"minimum": 5.0, "reason": "low_contrast"},  # bit
    "eyes_visible": {"minimum": 0.06, "reason": "eyes_covered"},
}
# Portraits on documents are smaller and flatter, and their owner can only photograph them again.
PORTRAIT = {
    "inter_eye_distance": {"minimum": 20, "reason": "face_too_small"},
    "face_inside": {"minimum": 0.9, "reason": "face_cut_off"},
    "largest_other_face": {"maximum": 0.8, "reason": "several_faces"},
    "detector_confidence": {"minimum": 0.7, "reason": "poor_quality"},
    "sharpness": {"minimum": 0.08, "reason": "blurred"},
    "under_exposure": {"maximum": 0.5, "reason": "too_dark"},
    "over_exposure": {"maximum": 0.35, "reason": "too_bright"},
}
DEFAULT_RULES: dict = {
    "match": {"fmr": 1e-3, "review_fmr": 1e-2},
    "duplicates": {"search": True, "fmr": 1e-3},
    "quality": SELFIE,
    "portrait_quality": PORTRAIT,
}
