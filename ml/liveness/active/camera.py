"""Names that cameras declare. Only those who do not hide are found: a doubt, never a proof of a real camera."""

from __future__ import annotations

from ml.liveness.active.types import Signal

# Names under which software cameras register, in lower case, as their makers' own documents give them
VIRTUAL = (
    "obs virtual",
    "obs-camera",
    "manycam",
    "xsplit",
    "snap camera",
    "droidcam",
    "iriun",
    "epoccam",
    "camo",
    "v4l2loopback",
    "dummy video device",
    "virtual camera",
    "virtualcam",
    "virtual webcam",
    "unity video capture",
    "splitcam",
    "youcam",
    "webcamoid",
    "chromacam",
    "e2esoft",
    "vcam",
    "avatarify",
    "deepfacelive",
    "akvirtualcamera",
    "mmhmm",
    "fake_device",
    "fake device",
    "nvidia broadcast",
    "ndi video",
    "logi capture",
    "sparkocam",
)


def declared(label: str) -> Signal:
    """Score 1 when the declared name is a known virtual camera's."""
    name = label.strip().lower()
    hit = next((virtual for virtual in VIRTUAL if virtual in name), None)
    return Signal(
        "camera_name",
        1.0 if hit else 0.0,
        0.0,
        "lower",
        "virtual_camera",
        decisive=False,
        detail={"camera": label[:120]},
    )
