"""One photograph in, everything we can say about it out: the whole inference story.

    engine = Engine.from_packs(default_root(), device="cpu")
    analysis = engine.analyse(data)
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from ml.align import align
from ml.decode import Caged, Decoder
from ml.detect import Detection, Detector, build_detector, rescale
from ml.embed import Recogniser
from ml.errors import EngineError, PackError
from ml.packs import TEMPLATES, Pack, Role, from_environment, open_active
from ml.runtime import Precision, RuntimeName, load
from ml.stopwatch import Stopwatch
from ml.types import Analysis, Embedding, Face, Image, ModelRef, Pixels, Points, Want, eye_distance

EVERYTHING: frozenset[Want] = frozenset(("detect", "quality", "liveness", "embed"))
DETAIL = 1024   # px of longest side decoded at first: the detector works at 640, and most faces need no more
EVIDENCE = 112  # px, side of `Analysis.crop`
EVIDENCE_TEMPLATE: Points = np.array(TEMPLATES["arcface-112"], np.float32)
ROLES: tuple[Role, ...] = ("detector", "recogniser", "pad")


@dataclass(frozen=True, slots=True)
class Seen:
    """A decoded photograph and who is in it, px of `image`."""

    image: Image
    detection: Detection

    @property
    def face(self) -> Face:
        return self.detection.faces[0]


class Engine:
    """One device's models. Threads gain nothing by sharing it directly: `ml.batching` gathers them."""

    def __init__(self, detector: Detector, recogniser: Recogniser, *, decoder: Decoder,
                 models: tuple[ModelRef, ...]) -> None:
        self.models = models
        self._detector, self._recogniser, self._decoder = detector, recogniser, decoder

    @classmethod
    def from_packs(cls, root: Path, *, device: str = "cpu", runtime: RuntimeName = "auto",
                   precision: Precision = "fp32", threads: int | None = None, decoder: Decoder | None = None,
                   allowed_licences: Collection[str] | None = None, candidate: Pack | None = None) -> Engine:
        """The packs in use under `root` (`python -m ml packs use`), on the device named, or an error.

        decoder: None starts `Caged()`, one helper per core. candidate: takes the place of the pack in use for
        its role, to judge or shadow it before cut-over. Raises PackError, DeviceError.
        """
        options: dict[str, Any] = {"device": device, "runtime": runtime, "precision": precision, "threads": threads}
        packs = open_roles(root, from_environment() if allowed_licences is None else allowed_licences)
        if candidate is not None:
            packs[candidate.manifest.role] = (candidate,)
        recogniser = packs["recogniser"][0]
        return cls(build_detector(packs["detector"][0], **options),
                   Recogniser(recogniser, load(recogniser, **options)),
                   decoder=decoder or Caged(),
                   models=tuple(pack.ref for group in packs.values() for pack in group))

    def analyse(self, data: bytes, wants: frozenset[Want] = EVERYTHING) -> Analysis:
        """Raises EngineError for what cannot be decoded; no face is not an error, see `Analysis`."""
        outcome = self.analyse_many([data], wants)[0]
        if isinstance(outcome, EngineError):
            raise outcome
        return outcome

    def analyse_many(self, batch: Sequence[bytes], wants: frozenset[Want] = EVERYTHING) -> list[Analysis | EngineError]:
        """As `analyse`, sharing the networks' batches; an error stands in its image's place.

        Milliseconds are each image's share: the stage's time divided by the images that took part.
        Between the stages, dictionaries go from an image's place in `batch` to what is known of it.
        """
        watch = Stopwatch()
        with watch("decode", len(batch)):
            decoded = self._decoder.decode_many(batch, detail=DETAIL)
        photos = {place: image for place, image in enumerate(decoded) if isinstance(image, Image)}
        with watch("detect", len(photos)):
            seen = self._detect(photos)
        with watch("detail", len(photos)):
            seen = {place: self._at_full_detail(one, batch[place]) for place, one in seen.items()}
        subjects = {place: one for place, one in seen.items() if one.detection.faces}
        with watch("align", len(subjects)):
            crops = {place: align(one.image.pixels, one.face.landmarks, EVIDENCE_TEMPLATE, EVIDENCE)
                     for place, one in subjects.items()}
        embeddings: dict[int, Embedding] = {}
        if "embed" in wants and subjects:
            with watch("embed", len(subjects)):
                embeddings = self._embed(subjects)
        return [image if isinstance(image, EngineError) else
                self._analysis(seen[place], crop=crops.get(place), embedding=embeddings.get(place),
                               milliseconds=watch.shares())
                for place, image in enumerate(decoded)]

    def _detect(self, photos: dict[int, Image]) -> dict[int, Seen]:
        detections = self._detector.detect([image.pixels for image in photos.values()])
        return {place: Seen(image, detection)
                for (place, image), detection in zip(photos.items(), detections, strict=True)}

    def _at_full_detail(self, one: Seen, data: bytes) -> Seen:
        """The same, decoded again larger, when the reduced decode shows the face smaller than the crop wants it."""
        image, faces = one.image, one.detection.faces
        if image.scale == 1.0 or not faces:
            return one
        missing = self._recogniser.eye_distance / max(eye_distance(faces[0]), 1.0)
        if missing <= 1.0:
            return one
        larger = self._decoder.decode(data, detail=ceil(max(image.width, image.height) * missing))
        factor = larger.width / image.width
        return Seen(larger, replace(one.detection, faces=tuple(rescale(face, factor) for face in faces)))

    def _embed(self, subjects: dict[int, Seen]) -> dict[int, Embedding]:
        crops = [self._recogniser.crop(one.image.pixels, one.face) for one in subjects.values()]
        return dict(zip(subjects, self._recogniser.embed(crops), strict=True))

    def _analysis(self, one: Seen, *, crop: Pixels | None, embedding: Embedding | None,
                  milliseconds: dict[str, float]) -> Analysis:
        faces = tuple(rescale(face, 1 / one.image.scale) for face in one.detection.faces)
        return Analysis(
            width=one.image.source_width, height=one.image.source_height,
            faces=faces, face=faces[0] if faces else None, turned=one.detection.turned,
            crop=crop, quality=(), embedding=embedding, pad=(), pad_refused=None,
            models=self.models, milliseconds=milliseconds)

    def close(self) -> None:
        """End the decode helpers."""
        self._decoder.close()


def open_roles(root: Path, allowed: Collection[str]) -> dict[Role, tuple[Pack, ...]]:
    """The packs in use for each role; PackError(pack_missing) without a detector or a recogniser."""
    packs = {role: open_active(role, root=root, allowed_licences=allowed) for role in ROLES}
    for role in ("detector", "recogniser"):
        if not packs[role]:
            raise PackError("pack_missing", f"no {role} pack is in use under {root}")
    return packs
