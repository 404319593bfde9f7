"""One photograph in, everything we can say about it out: the whole inference story.

engine = Engine.from_packs(default_root(), device="cpu")
analysis = engine.analyse(data)
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from ml.align import align
from ml.decode import Caged, Decoder
from ml.detect import Detector, build_detector, look_again, rescale
from ml.embed import Recogniser
from ml.errors import EngineError, PackError
from ml.liveness import Liveness, PadModel, PassiveLiveness, Subject, fusion
from ml.packs import TEMPLATES, Pack, Role, from_environment, open_active
from ml.quality import assess
from ml.runtime import Precision, RuntimeName, load
from ml.stopwatch import Stopwatch
from ml.types import Analysis, Embedding, Face, Image, Measure, ModelRef, Pixels, Points, Want, eye_distance

EVERYTHING: frozenset[Want] = frozenset(("detect", "quality", "liveness", "embed"))
DETAIL = 1024  # px of longest side decoded at first: the detector works at 640, and most faces need no more
EVIDENCE = 112  # px, side of `Analysis.crop`
EVIDENCE_TEMPLATE: Points = np.array(TEMPLATES["arcface-112"], np.float32)
ROLES: tuple[Role, ...] = ("detector", "recogniser", "pad")


@dataclass(frozen=True, slots=True)
class Photo:
    """A file and what decoding made of it."""

    data: bytes
    image: Image
    milliseconds: float  # decoding


@dataclass(frozen=True, slots=True)
class Seen:
    """A decoded photograph and who is in it."""

    image: Image
    faces: tuple[Face, ...]  # px of `image`, likeliest subject first
    turned: int  # degrees, see `Analysis`

    def on(self, image: Image) -> Seen:
        """The same faces in the same photograph at another scale."""
        factor = image.width / self.image.width
        return replace(self, image=image, faces=tuple(rescale(face, factor) for face in self.faces))


class Engine:
    """One device's models. Threads gain nothing by sharing it directly: `ml.batching` gathers them."""

    def __init__(
        self,
        detector: Detector,
        recogniser: Recogniser,
        liveness: PassiveLiveness,
        *,
        decoder: Decoder,
        models: tuple[ModelRef, ...],
    ) -> None:
        self.models = models
        self.detector, self.recogniser, self.liveness, self.decoder = detector, recogniser, liveness, decoder

    @classmethod
    def from_packs(
        cls,
        root: Path,
        *,
        device: str = "cpu",
        runtime: RuntimeName = "auto",
        precision: Precision = "fp32",
        threads: int | None = None,
        decoder: Decoder | None = None,
        allowed_licences: Collection[str] | None = None,
        candidate: Pack | None = None,
    ) -> Engine:
        """The packs in use under `root` (`python -m ml packs use`), on the device named, or an error.

        decoder: None starts `Caged()`, one helper per core. candidate: takes the place of the pack in use for
        its role, to judge or shadow it before cut-over. Raises PackError, DeviceError.
        """
        options: dict[str, Any] = {"device": device, "runtime": runtime, "precision": precision, "threads": threads}
        packs = open_roles(root, from_environment() if allowed_licences is None else allowed_licences)
        if candidate is not None:
            packs[candidate.manifest.role] = (candidate,)
        recogniser = packs["recogniser"][0]
        return cls(
            build_detector(packs["detector"][0], **options),
            Recogniser(recogniser, load(recogniser, **options)),
            PassiveLiveness([PadModel(pack, load(pack, **options)) for pack in packs["pad"]], fusion.read(root)),
            decoder=decoder or Caged(),
            models=tuple(pack.ref for group in packs.values() for pack in group),
        )

    def analyse(self, data: bytes, wants: frozenset[Want] = EVERYTHING) -> Analysis:
        """Raises EngineError for what cannot be decoded; no face is not an error, see `Analysis`."""
        outcome = self.analyse_many([data], wants)[0]
        if isinstance(outcome, EngineError):
            raise outcome
        return outcome

    def analyse_many(self, batch: Sequence[bytes], wants: frozenset[Want] = EVERYTHING) -> list[Analysis | EngineError]:
        """As `analyse`, sharing the networks' batches; an error stands in its image's place.

        Milliseconds are each image's share: the stage's time divided by the images that took part.
        """
        opened = self.open_many(batch)
        studied = iter(self.study([photo for photo in opened if isinstance(photo, Photo)], wants))
        return [next(studied) if isinstance(photo, Photo) else photo for photo in opened]

    def open(self, data: bytes) -> Photo:
        """Decode only, as far as the detector needs it. Safe and useful from many threads. Raises EngineError."""
        began = perf_counter()
        return Photo(data, self.decoder.decode(data, detail=DETAIL), 1000 * (perf_counter() - began))

    def open_many(self, batch: Sequence[bytes]) -> list[Photo | EngineError]:
        began = perf_counter()
        images = self.decoder.decode_many(batch, detail=DETAIL)
        share = 1000 * (perf_counter() - began) / max(len(batch), 1)
        return [
            image if isinstance(image, EngineError) else Photo(data, image, share)
            for data, image in zip(batch, images, strict=True)
        ]

    def study(self, photos: Sequence[Photo], wants: frozenset[Want] = EVERYTHING) -> list[Analysis | EngineError]:
        """Everything after decoding. Between stages, dictionaries lead from a photo's place to what is known of it."""
        watch = Stopwatch()
        errors: dict[int, EngineError] = {}
        with watch("detect", range(len(photos))):
            seen = self._detect(photos)
        with watch("detail", seen):
            seen = self._look_again(self._in_full_detail(seen, photos, errors))
        subjects = {place: Subject(one.image, one.faces[0]) for place, one in seen.items() if one.faces}
        with watch("align", subjects):
            crops = {
                place: align(one.image.pixels, one.face.landmarks, EVIDENCE_TEMPLATE, EVIDENCE)
                for place, one in subjects.items()
            }

        quality: dict[int, tuple[Measure, ...]] = {}
        if "quality" in wants:
            with watch("quality", subjects):
                quality = {place: assess(seen[place].image, seen[place].faces, crop) for place, crop in crops.items()}
        liveness: dict[int, Liveness] = {}
        if "liveness" in wants:
            with watch("liveness", subjects):
                liveness = dict(zip(subjects, self.liveness.judge(list(subjects.values())), strict=True))
        embeddings: dict[int, Embedding] = {}
        if "embed" in wants:
            with watch("embed", subjects):
                embeddings = self._embed(subjects)

        return [
            errors[place]
            if place in errors
            else summarise(
                seen[place],
                crop=crops.get(place),
                quality=quality.get(place, ()),
                liveness=liveness.get(place, Liveness()),
                embedding=embeddings.get(place),
                models=self.models,
                milliseconds={"decode": photo.milliseconds} | watch.shares(place),
            )
            for place, photo in enumerate(photos)
        ]

    def _detect(self, photos: Sequence[Photo]) -> dict[int, Seen]:
        detections = self.detector.detect([photo.image.pixels for photo in photos])
        return {
            place: Seen(photo.image, one.faces, one.turned)
            for place, (photo, one) in enumerate(zip(photos, detections, strict=True))
        }

    def _in_full_detail(
        self, seen: dict[int, Seen], photos: Sequence[Photo], errors: dict[int, EngineError]
    ) -> dict[int, Seen]:
        """The same, decoded again at more detail where the face is smaller than the recogniser's crop."""
        closer = {}
        for place, one in seen.items():
            missing = self.recogniser.eye_distance / max(eye_distance(one.faces[0]), 1.0) if one.faces else 0.0
            if one.image.scale == 1.0 or missing <= 1.0:
                closer[place] = one
                continue
            try:
                detail = ceil(max(one.image.width, one.image.height) * missing)
                closer[place] = one.on(self.decoder.decode(photos[place].data, detail=detail))
            except EngineError as error:
                errors[place] = error
        return closer

    def _look_again(self, seen: dict[int, Seen]) -> dict[int, Seen]:
        """The same, with the points of small and leaning subjects found anew in a closer view."""
        shown = {place: one for place, one in seen.items() if one.faces}
        subjects = look_again(
            self.detector.finder, [one.image.pixels for one in shown.values()], [one.faces[0] for one in shown.values()]
        )
        return seen | {
            place: replace(one, faces=(subject, *one.faces[1:]))
            for (place, one), subject in zip(shown.items(), subjects, strict=True)
        }

    def _embed(self, subjects: dict[int, Subject]) -> dict[int, Embedding]:
        if not subjects:
            return {}
        crops = [self.recogniser.crop(one.image.pixels, one.face) for one in subjects.values()]
        return dict(zip(subjects, self.recogniser.embed(crops), strict=True))

    def close(self) -> None:
        """End the decode helpers."""
        self.decoder.close()


def open_roles(root: Path, allowed: Collection[str]) -> dict[Role, tuple[Pack, ...]]:
    """The packs in use for each role; PackError(pack_missing) without a detector or a recogniser."""
    packs = {role: open_active(role, root=root, allowed_licences=allowed) for role in ROLES}
    for role in ("detector", "recogniser"):
        if not packs[role]:
            raise PackError("pack_missing", f"no {role} pack is in use under {root}")
    return packs


def summarise(
    seen: Seen,
    *,
    crop: Pixels | None,
    quality: tuple[Measure, ...],
    liveness: Liveness,
    embedding: Embedding | None,
    models: tuple[ModelRef, ...],
    milliseconds: dict[str, float],
) -> Analysis:
    """What the stages found, in px of the source photograph."""
    faces = tuple(rescale(face, 1 / seen.image.scale) for face in seen.faces)
    return Analysis(
        width=seen.image.source_width,
        height=seen.image.source_height,
        turned=seen.turned,
        faces=faces,
        face=faces[0] if faces else None,
        crop=crop,
        quality=quality,
        embedding=embedding,
        pad=liveness.scores,
        live=liveness.live,
        pad_refused=liveness.refused,
        models=models,
        milliseconds=milliseconds,
    )
