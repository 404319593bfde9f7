"""Faces with something painted over them, and what each measure makes of it.

`python -m tests.ml.quality.occlusion` prints, for lfw_frames, how well each measure tells covered
faces from the same faces uncovered (area under the ROC curve; 0.5 is chance).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image as Pil
from PIL import ImageDraw

from ml.align import align
from ml.decode import Bare
from ml.detect import Detector, build_detector
from ml.packs import PERMISSIVE, default_root, load_pack
from ml.quality import assess
from ml.quality.geometry import TEMPLATE
from ml.types import Face, Image, Pixels
from tests.data import data_dir

# In units of the face: x in eye distances from between the eyes, y from there (0) to the mouth (1)
PATCHES = {
    "mask": ([(-0.95, 0.35), (0, 0.25), (0.95, 0.35), (0.8, 1.6), (0, 1.9), (-0.8, 1.6)], (150, 190, 215)),
    "half": ([(-1.5, -1.2), (0, -1.2), (0, 2), (-1.5, 2)], (70, 110, 60)),
    "hand over the mouth": ([(-0.8, 0.7), (0.8, 0.7), (0.8, 1.6), (-0.8, 1.6)], None),
    "hand over one side": ([(0.05, -1.2), (1.5, -1.2), (1.5, 2), (0.05, 2)], None),
}
KINDS = ("dark glasses", "eye patch", *PATCHES)


def covered(image: Pixels, face: Face, kind: str) -> Pixels:
    """The photograph with something flat over the face; None as a colour is the colour of its nose."""
    left, right, nose, mouth_left, mouth_right = face.landmarks
    between, across = (left + right) / 2, right - left
    down = (mouth_left + mouth_right) / 2 - between
    picture = Pil.fromarray(image)
    draw = ImageDraw.Draw(picture)
    if kind in PATCHES:
        outline, colour = PATCHES[kind]
        x, y = nose.astype(int)
        skin = image[y - 3 : y + 4, x - 3 : x + 4].reshape(-1, 3).mean(axis=0).astype(int)
        draw.polygon([tuple(between + a * across + b * down) for a, b in outline], fill=colour or tuple(map(int, skin)))
    else:
        reach = 0.36 * float(np.linalg.norm(across))
        for x, y in (left, right) if kind == "dark glasses" else (left,):
            draw.ellipse((x - reach, y - 0.85 * reach, x + reach, y + 0.85 * reach), fill=(15, 15, 18))
    return np.asarray(picture)


def measured(detector: Detector, pixels: Pixels) -> dict[str, float]:
    height, width = pixels.shape[:2]
    faces = detector.detect([pixels])[0].faces
    if not faces:
        return {}
    image = Image(pixels, width, height, "PNG", False)
    crop = align(pixels, faces[0].landmarks, TEMPLATE, 112)
    return {measure.name: measure.value for measure in assess(image, faces, crop)}


def separation(clear: list[float], hidden: list[float]) -> float:
    a, b = np.array(clear)[:, None], np.array(hidden)[None]
    return float((a > b).mean() + 0.5 * (a == b).mean())


def main(frames: list[Path]) -> None:
    detector = build_detector(load_pack("yunet-2023mar", root=default_root(), allowed_licences=PERMISSIVE), threads=1)
    images = [Bare().decode(path.read_bytes()).pixels for path in frames]
    faces = [detector.detect([image])[0].faces[0] for image in images]
    clear = [measured(detector, image) for image in images]
    names = ("eyes_visible", "mouth_visible", "detector_confidence")
    print(f"{'covered by':22}found  " + "  ".join(names))
    for kind in KINDS:
        hidden = [measured(detector, covered(*one, kind)) for one in zip(images, faces, strict=True)]
        found = [one for one in hidden if one]
        scores = [separation([one[name] for one in clear], [one[name] for one in found]) for name in names]
        columns = [f"{score:{len(name)}.2f}" for score, name in zip(scores, names, strict=True)]
        print(f"{kind:22}{len(found):3}    " + "  ".join(columns))


if __name__ == "__main__":
    data = data_dir()
    assert data is not None, "VOUCH_DATA names no local data"
    main(sorted((data / "verification" / "lfw_frames").glob("*/*")))
