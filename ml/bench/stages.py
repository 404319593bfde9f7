"""Each stage of the engine alone, fed with what the stage before it really gives, and the whole pipeline."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.align import align
from ml.bench.material import Material, cycle
from ml.bench.timing import Sample, measure
from ml.decode import Bare, Caged
from ml.detect import Detection
from ml.detect.build import DECODES
from ml.detect.canvas import sheets
from ml.detect.single_shot import LONGEST, THRESHOLD
from ml.engine import DETAIL, EVERYTHING, EVIDENCE, EVIDENCE_TEMPLATE, Engine
from ml.liveness import Subject
from ml.packs import Pack
from ml.quality import assess
from ml.runtime import load, prepare
from ml.types import Image, Want

BATCHES = (1, 8, 32)
TO_THE_TEMPLATE: frozenset[Want] = frozenset(("detect", "embed"))  # what peers do: no quality, no liveness
ONE_BY_ONE = "pipeline, to the template, one by one"  # each portrait once, as the peers go through them
TOGETHER = 4  # images per canvas sheet, as the engine takes them on a CPU


@dataclass(frozen=True)
class Fed:
    """One batch, as each stage meets it."""

    files: list[bytes]
    images: list[Image]
    detections: list[Detection]
    crops: list[np.ndarray]

    @property
    def subjects(self) -> list[Subject]:
        return [Subject(image, found.faces[0]) for image, found in zip(self.images, self.detections, strict=True)]


def feed(engine: Engine, files: Sequence[bytes]) -> Fed:
    bare = Bare()
    images = [bare.decode(data, detail=DETAIL) for data in files]
    found = engine.detector.detect([image.pixels for image in images])
    crops = [engine.recogniser.crop(image.pixels, one.faces[0]) for image, one in zip(images, found, strict=True)]
    return Fed(list(files), images, found, crops)


def stages(engine: Engine, fed: Fed) -> dict[str, Callable[[], object]]:
    """Stage -> one call on the whole batch, in the engine's order."""
    bare, pixels = Bare(), [image.pixels for image in fed.images]
    found: dict[str, Callable[[], object]] = {
        "decode": lambda: bare.decode_many(fed.files, detail=DETAIL),
        "detect": lambda: engine.detector.detect(pixels),
        "align": lambda: [
            align(one.image.pixels, one.face.landmarks, EVIDENCE_TEMPLATE, EVIDENCE) for one in fed.subjects
        ],
        "quality": lambda: [
            assess(image, one.faces, crop)
            for image, one, crop in zip(fed.images, fed.detections, evidence(fed), strict=True)
        ],
        "embed": lambda: engine.recogniser.embed(
            [engine.recogniser.crop(one.image.pixels, one.face) for one in fed.subjects]
        ),
    }
    if engine.liveness.models:
        found["liveness"] = lambda: engine.liveness.judge(fed.subjects)
    found["pipeline, to the template"] = lambda: engine.analyse_many(fed.files, TO_THE_TEMPLATE)
    found["pipeline"] = lambda: engine.analyse_many(fed.files, EVERYTHING)
    return found


def evidence(fed: Fed) -> list[np.ndarray]:
    return [align(one.image.pixels, one.face.landmarks, EVIDENCE_TEMPLATE, EVIDENCE) for one in fed.subjects]


def run(
    engine: Engine,
    material: Material,
    *,
    batches: Sequence[int],
    seconds: float,
    clock: str,
    tell: Callable[[str], None],
) -> list[Sample]:
    samples: list[Sample] = []
    for batch in batches:
        tell(f"stages, batch {batch}")
        fed = feed(engine, cycle(material.vga, batch))
        samples += measure(stages(engine, fed), batch=batch, seconds=seconds, clock=clock).values()
    tell("one by one")
    samples += measure(
        {ONE_BY_ONE: lambda: [engine.analyse(data, TO_THE_TEMPLATE) for data in material.vga]},
        batch=len(material.vga),
        seconds=seconds,
        clock=clock,
    ).values()
    tell("12-megapixel photographs")
    phone = cycle(material.phone, 1)
    bare = Bare()
    samples += measure(
        {
            "decode, 12 MP in full": lambda: bare.decode_many(phone),
            "decode, 12 MP for detection": lambda: bare.decode_many(phone, detail=DETAIL),
            "pipeline, 12 MP": lambda: engine.analyse_many(phone, EVERYTHING),
        },
        batch=1,
        seconds=seconds,
        clock=clock,
    ).values()
    return samples


def inside_detection(pack: Pack, fed: Fed, *, seconds: float, clock: str, **options: Any) -> dict[str, Sample]:
    """A single-shot detector taken apart: before, network, after. Aim: after takes less than the network."""
    network, spec = load(pack, **options), pack.manifest.input
    decode = DECODES[pack.manifest.output.decoder or ""]
    pixels = [image.pixels for image in fed.images]
    sheet = next(sheets(pixels, longest=LONGEST, multiple=spec.multiple_of, most=TOGETHER))
    ready = prepare(sheet.pixels, spec)
    outputs = network(ready)
    return measure(
        {
            "detect: canvas and preparation": lambda: [
                prepare(s.pixels, spec)
                for s in sheets(pixels, longest=LONGEST, multiple=spec.multiple_of, most=TOGETHER)
            ],
            "detect: network": lambda: network(ready),
            "detect: after the network": lambda: decode(tuple(outputs), sheet.shape, THRESHOLD),
        },
        batch=len(sheet.places),
        seconds=seconds,
        clock=clock,
    )


def cage(material: Material, *, seconds: float) -> dict[str, Sample]:
    """What decoding in confined processes costs per image, and whether throughput suffers. By the clock on the wall:
    the helpers' processor time is not ours."""
    bare, caged = Bare(), Caged()
    many = cycle(material.vga, 32)
    try:
        one = measure(
            {"bare, one": lambda: bare.decode(material.vga[0]), "caged, one": lambda: caged.decode(material.vga[0])},
            batch=1,
            seconds=seconds,
        )
        together = measure(
            {"bare, 32": lambda: bare.decode_many(many), "caged, 32": lambda: caged.decode_many(many)},
            batch=32,
            seconds=seconds,
        )
        return one | together
    finally:
        caged.close()
