"""Fine detail and features, at the scale the recogniser sees."""

from __future__ import annotations

import numpy as np
from PIL import Image as Pil
from PIL import ImageFilter

from ml.quality.geometry import TEMPLATE
from ml.quality.light import FACE, Luma, Shown

PATCH = 8  # px of the 112 crop, half the side of the squares around eyes and mouth
SMOOTH = ImageFilter.GaussianBlur(2)  # px: below it is skin, hair and noise, above it are features


def sharpness(luma: Luma, shown: Shown) -> float:
    """Root mean square of the Laplacian over the standard deviation of the face; about 0.1 blurred, 0.4 crisp.

    Dividing by the contrast keeps dark photographs comparable with bright ones. Measured on the
    aligned crop: a large face may be blurred at full size and lose nothing, a small one has no
    detail to lose and reads as blurred, which is what the recogniser experiences, too.
    """
    face, valid = luma[FACE], shown[FACE]
    laplacian = face[1:-1, 2:] + face[1:-1, :-2] + face[2:, 1:-1] + face[:-2, 1:-1] - 4 * face[1:-1, 1:-1]
    inner = valid[1:-1, 1:-1]
    if not inner.any():
        return 0.0
    return float(np.sqrt(np.mean(laplacian[inner] ** 2)) / max(float(face[valid].std()), 1.0))


def features(luma: Luma, shown: Shown) -> tuple[float, float]:
    """How much of a feature there is at the eyes (the weaker one) and at the mouth: hints of occlusion.

    Eyes and mouths are horizontal edges. The mean vertical gradient around each, over the face's
    standard deviation: glasses with dark lenses, hands and masks flatten it. Measured on occlusions
    painted onto lfw_frames: see `python -m tests.ml.quality.occlusion`.
    """
    contrast = max(float(luma[FACE][shown[FACE]].std()), 1.0) if shown[FACE].any() else 1.0
    smooth = np.asarray(Pil.fromarray(luma.astype(np.uint8)).filter(SMOOTH), np.float32)
    edges = (np.abs(np.gradient(smooth, axis=0)) * shown / contrast).astype(np.float32)
    mouth = (TEMPLATE[3] + TEMPLATE[4]) / 2
    return min(_around(edges, TEMPLATE[0]), _around(edges, TEMPLATE[1])), _around(edges, mouth)


def _around(edges: Luma, point: np.ndarray) -> float:
    x, y = (int(value) for value in point)
    return float(edges[y - PATCH : y + PATCH, x - PATCH : x + PATCH].mean())
