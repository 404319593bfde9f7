"""All measures of one photograph, in a fixed order."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from ml.quality import geometry, light, texture
from ml.quality.light import FACE
from ml.quality.pose import pose
from ml.types import Face, Image, Measure, Pixels, eye_distance

NOT_MEASURED = float("nan")


def assess(image: Image, faces: tuple[Face, ...], crop: Pixels) -> tuple[Measure, ...]:
    """image, faces: in px of `image`, subject first; crop: the subject aligned, (112, 112, 3).

    Lengths come out in px of the source photograph, whatever scale it was decoded at.
    """
    return (*_placed(image, faces), *_lit(image, faces[0], crop))


def _placed(image: Image, faces: tuple[Face, ...]) -> tuple[Measure, ...]:
    face, frame = faces[0], (image.width, image.height)
    yaw, pitch, roll = pose(face.landmarks)
    return (
        Measure("inter_eye_distance", eye_distance(face) / image.scale, "px", "higher"),
        Measure("head_size", face.box.height / image.height, "1", "higher"),
        Measure("face_inside", geometry.inside(face, *frame), "1", "higher"),
        Measure("off_centre", geometry.off_centre(face, *frame), "1", "lower"),
        Measure("yaw", yaw, "deg", "near"),
        Measure("pitch", pitch, "deg", "near"),
        Measure("roll", roll, "deg", "near"),
        Measure("other_faces", float(len(faces) - 1), "count", "lower"),
        Measure("largest_other_face", geometry.largest_other(faces), "1", "lower"),
        Measure("detector_confidence", face.confidence, "1", "higher"),
    )


def _lit(image: Image, face: Face, crop: Pixels) -> tuple[Measure, ...]:
    shown = geometry.shown(face, image.width, image.height)
    luma = light.luminance(crop)
    tones = luma[FACE][shown[FACE]]
    if not tones.size:  # landmarks beyond the frame: nothing to judge
        return ()
    eyes, mouth = texture.features(luma, shown)
    left, right = (luma[half][shown[half]] for half in (light.LEFT, light.RIGHT))
    squeezed = NOT_MEASURED if image.jpeg_quality is None else image.jpeg_quality
    return (
        Measure("sharpness", texture.sharpness(luma, shown), "1", "higher"),
        Measure("under_exposure", light.under_exposure(tones), "1", "lower"),
        Measure("over_exposure", light.over_exposure(tones), "1", "lower"),
        Measure("dynamic_range", light.dynamic_range(tones), "bit", "higher"),
        Measure("contrast", light.contrast(tones), "level", "higher"),
        Measure("illumination_uniformity", light.uniformity(left, right), "1", "higher"),
        Measure("colour", 0.0 if image.grayscale else light.colour(crop[FACE][shown[FACE]]), "1", "higher"),
        Measure("eyes_visible", eyes, "1", "higher"),
        Measure("mouth_visible", mouth, "1", "higher"),
        Measure("jpeg_quality", squeezed, "1", "higher"),
    )


@cache
def recommended() -> dict[str, Any]:
    """`defaults.json`: for each measure a threshold, the reason code it raises, and why it is where it is."""
    table: dict[str, Any] = json.loads(Path(__file__).with_name("defaults.json").read_text())
    return table
