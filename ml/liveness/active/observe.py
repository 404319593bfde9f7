"""A frame into numbers, as the frames arrive: what the judge needs later, so that no picture has to be opened again."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.decode import Decoder
from ml.detect import Detection, Detector
from ml.embed import Recogniser
from ml.engine import Engine
from ml.errors import EngineError
from ml.liveness.active import fingerprint, register, skin
from ml.liveness.active.types import Frame
from ml.types import Embedding, Face, Image, Pixels

DETAIL = 640  # px of longest side: what the detector works at
BATCH = 8  # frames to the detector at once: bounds memory, a second of video at most
EMBED_EVERY = 0.5  # s: a face cannot be exchanged and back unseen, continuity watches between


@dataclass(frozen=True, slots=True)
class Taken:
    """A frame as it came."""

    at: float  # s since the session's start, the page's clock
    data: bytes  # JPEG, PNG or WebP


class Observer:
    def __init__(self, *, decoder: Decoder, detector: Detector, recogniser: Recogniser) -> None:
        self._decoder, self._detector, self._recogniser = decoder, detector, recogniser

    @classmethod
    def of(cls, engine: Engine) -> Observer:
        """With the engine's own decoder and networks: a video needs other batches than photographs do."""
        return cls(decoder=engine.decoder, detector=engine.detector, recogniser=engine.recogniser)

    def observe(self, frames: Sequence[Taken], *, embedded: float = float("-inf")) -> list[Frame]:
        """One for each frame that can be decoded, in their order; a file that is no picture shows no face.

        embedded: time of the last frame of the session that already has an embedding, s.
        """
        seen: list[Frame] = []
        for start in range(0, len(frames), BATCH):
            some = self._batch(frames[start : start + BATCH], embedded)
            embedded = max([embedded, *(frame.at for frame in some if frame.embedding is not None)])
            seen += some
        return seen

    def _batch(self, frames: Sequence[Taken], embedded: float) -> list[Frame]:
        images = self._decoder.decode_many([frame.data for frame in frames], detail=DETAIL)
        good = [image for image in images if isinstance(image, Image)]
        detections = iter(self._detector.detect([image.pixels for image in good]))
        found = [None if isinstance(image, EngineError) else next(detections) for image in images]
        wanted = self._due(frames, found, embedded)
        crops = [
            self._recogniser.crop(image.pixels, detection.faces[0])
            for i in wanted
            if isinstance(image := images[i], Image) and (detection := found[i])
        ]
        embeddings = dict(zip(wanted, self._recogniser.embed(crops), strict=True)) if wanted else {}
        return [
            _frame(taken, image, detection, embeddings.get(i))
            for i, (taken, image, detection) in enumerate(zip(frames, images, found, strict=True))
        ]

    def _due(self, frames: Sequence[Taken], found: Sequence[Detection | None], embedded: float) -> list[int]:
        due = []
        for i, detection in enumerate(found):
            if detection is not None and detection.faces and frames[i].at - embedded >= EMBED_EVERY:
                due.append(i)
                embedded = frames[i].at
        return due


def _frame(taken: Taken, image: Image | EngineError, detection: Detection | None, embedding: Embedding | None) -> Frame:
    sha256 = hashlib.sha256(taken.data).hexdigest()
    if isinstance(image, EngineError) or detection is None:
        return Frame(
            at=taken.at,
            width=0,
            height=0,
            faces=0,
            face=None,
            embedding=None,
            patch=None,
            skin=None,
            background=None,
            sharpness=float("nan"),
            thumbnail=None,
            phash=0,
            sha256=sha256,
        )
    face = detection.faces[0] if detection.faces else None
    pixels = image.pixels
    return Frame(
        at=taken.at,
        width=image.width,
        height=image.height,
        faces=len(detection.faces),
        face=face,
        embedding=embedding,
        patch=register.patch(pixels, face.landmarks) if face else None,
        skin=skin.skin(pixels, face.landmarks) if face else None,
        background=skin.background(pixels, face) if face else None,
        sharpness=sharpness(pixels, face) if face else float("nan"),
        thumbnail=fingerprint.thumbnail(pixels),
        phash=fingerprint.difference_hash(pixels),
        sha256=sha256,
    )


def sharpness(pixels: Pixels, face: Face) -> float:
    """Variance of the Laplacian over the face box (Pech-Pacheco et al. 2000), levels^2."""
    x, y = max(0, int(face.box.x)), max(0, int(face.box.y))
    part = pixels[y : int(face.box.y + face.box.height), x : int(face.box.x + face.box.width), 1].astype(np.float32)
    if min(part.shape) < 3:
        return 0.0
    laplacian = part[:-2, 1:-1] + part[2:, 1:-1] + part[1:-1, :-2] + part[1:-1, 2:] - 4 * part[1:-1, 1:-1]
    return float(laplacian.var())
