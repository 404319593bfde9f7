"""The models that an evaluation drives: the same classes that serve, opened from packs by name."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Literal

from PIL import Image as Pil

from ml.decode import Bare
from ml.detect import Detector, build_detector
from ml.embed import Recogniser
from ml.engine import Engine, open_roles
from ml.evaluate.errors import EvaluationError
from ml.evaluate.gallery import Gallery
from ml.evaluate.templates import CHIP, Embedder, FromChips, FromFrames
from ml.packs import Pack, default_root, from_environment, load_pack
from ml.runtime import load
from ml.types import Image, Want

Way = Literal["auto", "frames", "chips"]


def recogniser_pack(name: str | None) -> Pack:
    """The pack named, or the one in use. Raises PackError; EvaluationError when it is no recogniser."""
    if name is None:
        return open_roles(default_root(), from_environment())["recogniser"][0]
    pack = named_pack(name)
    if pack.manifest.role != "recogniser":
        raise EvaluationError(f"{name} is a {pack.manifest.role}, not a recogniser")
    return pack


def named_pack(name: str) -> Pack:
    return load_pack(name, root=default_root(), allowed_licences=from_environment())


def detector(pack: Pack, **options: Any) -> Detector:
    if pack.manifest.role != "detector":
        raise EvaluationError(f"{pack.manifest.name} is a {pack.manifest.role}, not a detector")
    return build_detector(pack, **options)


def engine(pack: Pack, **options: Any) -> Engine:
    """The packs in use, `pack` in the place of its role; decodes in this process: the data is our own choice."""
    return Engine.from_packs(default_root(), decoder=Bare(), candidate=pack, **options)


def embedder(
    pack: Pack, gallery: Gallery, way: Way, *, wants: Sequence[Want] = ("detect", "embed"), **options: Any
) -> Embedder:
    """`auto` looks at the photographs: all of the first ones 112 x 112 means chips."""
    chosen = ("chips" if looks_aligned(gallery) else "frames") if way == "auto" else way
    if chosen == "frames":
        return FromFrames(engine(pack, **options), wants=frozenset(wants))
    return from_chips(pack, judge="quality" in wants, **options)


def from_chips(pack: Pack, *, judge: bool = False, **options: Any) -> FromChips:
    return FromChips(Recogniser(pack, load(pack, **options)), decode=decode_own, judge=judge)


def looks_aligned(gallery: Gallery, *, first: int = 20) -> bool:
    sizes = {Pil.open(io.BytesIO(data)).size for data in gallery.read_many(list(range(min(first, len(gallery)))))}
    return sizes == {(CHIP, CHIP)}


def decode_own(data: bytes) -> Image:
    """Raises EngineError; in this process: only for files that whoever runs the evaluation chose."""
    return Bare().decode(data)
