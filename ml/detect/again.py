"""A second look at subjects that are small or lean: their points are coarse after the first. (docs/adr/0029)

YuNet draws faces more upright than they are (it says 24 degrees of a true 35, 23 of 45), and on small
ones its points are off by a tenth of the eye distance. Cut out, enlarged and set upright by its own
first guess, the same network does as well as on portraits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ml.align import Similarity, as_complex, warp
from ml.detect.detector import Finder
from ml.types import Face, Pixels

# px, the crop and the canvas. The face keeps the size that portraits have on the first look's canvas, with less around
# it: the same points as from 640 (cosines within 0.001 on lfw_frames) in a third of the time
SIDE = 384
FACE = 220  # px of the crop, the longer side of the face box: portraits on the canvas have 150 to 260
SMALL = 0.3  # share of the frame's longest side; larger faces already fill the canvas as portraits do
LEANS = 10.0  # deg; below, a second look changes nothing measurable
SETTLED = 4.0  # deg between two looks
LOOKS = 3  # at most; two recover heads that lean 45 degrees


def look_again(finder: Finder, images: Sequence[Pixels], faces: Sequence[Face]) -> list[Face]:
    """Each subject with better points where a closer look gives any; boxes and order stay as they are.

    images, faces: one subject for each image, px of it. Costs one detection for each doubtful subject
    and look, none for large upright ones.
    """
    refined = list(faces)
    doubtful = [place for place, face in enumerate(faces) if is_doubtful(face, images[place])]
    for _ in range(LOOKS):
        if not doubtful:
            break
        views = [view(refined[place]) for place in doubtful]
        crops = [warp(images[place], one, SIDE) for place, one in zip(doubtful, views, strict=True)]
        found = finder.find(crops, longest=SIDE)
        still = []
        for place, one, candidates in zip(doubtful, views, found, strict=True):
            closer = nearest(candidates)
            if closer is None:
                continue
            before, refined[place] = refined[place], back(closer, one, refined[place])
            if abs(roll(refined[place]) - roll(before)) > SETTLED:
                still.append(place)
        doubtful = still
    return refined


def is_doubtful(face: Face, image: Pixels) -> bool:
    """Photographs that were turned lean by quarters: only what is left of the roll counts."""
    lean = (roll(face) + 45) % 90 - 45
    return abs(lean) > LEANS or max(face.box.width, face.box.height) < SMALL * max(image.shape)


def view(face: Face) -> Similarity:
    """From the photograph to a crop with the face upright in its middle."""
    points = as_complex(face.landmarks)
    scale = FACE / max(face.box.width, face.box.height, 1.0)
    turn = complex(scale * np.exp(-1j * np.radians(roll(face))))
    return Similarity(turn, complex(SIDE / 2, SIDE / 2) - turn * complex(points.mean()))


def back(face: Face, view: Similarity, first: Face) -> Face:
    points = (as_complex(face.landmarks) - view.shift) / view.turn
    return replace(first, landmarks=np.stack([points.real, points.imag], axis=-1).astype(np.float32))


def nearest(faces: Sequence[Face]) -> Face | None:
    """The face in the middle of the crop, or None when whoever is there is somebody else."""

    def away(face: Face) -> float:
        return float(np.linalg.norm(face.landmarks.mean(axis=0) - SIDE / 2))

    best = min(faces, key=away, default=None)
    return best if best is not None and away(best) < FACE / 2 else None


def roll(face: Face) -> float:
    """deg, clockwise, of the line through the eyes."""
    across = face.landmarks[1] - face.landmarks[0]
    return float(np.degrees(np.arctan2(across[1], across[0])))
