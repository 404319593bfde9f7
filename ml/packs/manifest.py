"""pack.toml: what a model is, what it eats, what it returns, who says we may use it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

import numpy as np

from ml.errors import PackError
from ml.types import Points

Role = Literal["detector", "recogniser", "pad", "quality"]
Colour = Literal["RGB", "BGR"]
Decoder = Literal["yunet", "scrfd", "mtcnn"]

# Five points (left eye, right eye, nose tip, mouth corners) as pixels of the aligned crop.
TEMPLATES: dict[str, tuple[tuple[float, float], ...]] = {
    # InsightFace's template, used by nearly every published 112 x 112 recogniser
    "arcface-112": (
        (38.2946, 51.6963),
        (73.5318, 51.5014),
        (56.0252, 71.7366),
        (41.5493, 92.3655),
        (70.7299, 92.2041),
    ),
    # fitted on 571 images so that MTCNN's points land where dlib's own chips have them
    "dlib-150": ((44.87, 38.74), (101.41, 38.87), (72.76, 73.13), (47.89, 102.67), (97.62, 102.86)),
}

ONNX = "onnx"  # the architecture of packs that bring their own graph

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")  # no separators: a pack never points outside itself


@dataclass(frozen=True, slots=True)
class InputSpec:
    """How an RGB crop 0..255 becomes the network's input: (pixel * scale - mean) / std, per channel."""

    height: int | None  # px; None: any multiple of `multiple_of`
    width: int | None  # px
    colour: Colour  # channel order that the network expects
    scale: float = 1.0
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)  # in the network's channel order
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    multiple_of: int = 1  # px, for dynamic sizes
    face_scale: float | None = None  # pad: side of the crop as a multiple of the face box


@dataclass(frozen=True, slots=True)
class OutputSpec:
    size: int | None  # values per image; None for detectors
    decoder: Decoder | None = None  # detectors: which layout the outputs follow, see ml/runtime
    live_class: int | None = None  # pad: index of the bona fide class before softmax


@dataclass(frozen=True, slots=True)
class Origin:
    """A file that the pack is built from: found in an installed package, or pulled from a URL."""

    file: str
    sha256: str | None  # None: unknown at the origin, the operator must supply one
    package: str | None = None  # import name of the package that ships it
    path: str | None = None  # inside that package
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    name: str
    version: str
    role: Role
    architecture: str  # a network of ml.nets, or ONNX
    licence: str  # SPDX expression
    training_data: str  # as stated by the origin
    source: str
    weights: str  # file name of the primary weights: their hash names the model
    input: InputSpec
    output: OutputSpec
    alignment: tuple[tuple[float, float], ...] | None  # five points on the crop
    files: Mapping[str, str]  # file name -> SHA-256
    calibration: str | None = None  # file name, also in `files`
    parity: Mapping[str, float] = field(default_factory=dict)  # exported file -> max abs difference to torch
    converter: str | None = None  # how `origin` becomes `weights`; ready manifests only
    origin: tuple[Origin, ...] = ()
    notes: str = ""

    @property
    def template(self) -> Points:
        """(5, 2) float32, pixels of the aligned crop; raises when the role needs no alignment."""
        if self.alignment is None:
            raise PackError("pack_invalid", f"{self.name} declares no alignment template")
        return np.array(self.alignment, np.float32)

    def onnx_file(self, part: str = "") -> str | None:
        """The ONNX file of a network: the pack's own, or the one exported when the pack was made."""
        if self.architecture == ONNX:
            return self.weights if part == "" else None
        name = exported_name(part)
        return name if name in self.files else None


def exported_name(part: str) -> str:
    return f"{part or 'model'}.onnx"


def parse(text: str, where: str) -> Manifest:
    """Read a pack.toml; raises PackError(pack_invalid) naming the key that is wrong."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PackError("pack_invalid", f"{where}: {error}") from error
    return _Reader(table, where).manifest()


class _Reader:
    """Takes keys out of one table; whatever is left over at the end is a typing error worth telling."""

    def __init__(self, table: dict[str, Any], where: str) -> None:
        self.left = dict(table)
        self.where = where

    def fail(self, why: str) -> PackError:
        return PackError("pack_invalid", f"{self.where}: {why}")

    def take(self, key: str, kind: type | tuple[type, ...], default: Any = ...) -> Any:
        value = self.left.pop(key, default)
        if value is ...:
            raise self.fail(f"'{key}' is missing")
        if value is not default and (not isinstance(value, kind) or isinstance(value, bool)):
            raise self.fail(f"'{key}' has the wrong type")
        return value

    def choice(self, key: str, options: Any, default: Any = ...) -> Any:
        value = self.take(key, str, default)
        if value is not default and value not in get_args(options):
            raise self.fail(f"'{key}' is '{value}', not one of {', '.join(get_args(options))}")
        return value

    def positive(self, key: str, default: Any = ...) -> Any:
        value = self.take(key, int, default)
        if value is not default and value <= 0:
            raise self.fail(f"'{key}' must be positive")
        return value

    def table(self, key: str) -> _Reader:
        return _Reader(self.take(key, dict, {}), f"{self.where} [{key}]")

    def done(self) -> None:
        if self.left:
            raise self.fail(f"unknown key '{next(iter(self.left))}'")

    def manifest(self) -> Manifest:
        role = cast(Role, self.choice("role", Role))
        manifest = Manifest(
            name=self.matching("name", _NAME),
            version=self.take("version", str),
            role=role,
            architecture=self.take("architecture", str),
            licence=self.take("licence", str),
            training_data=self.take("training_data", str, "not stated"),
            source=self.take("source", str, "not stated"),
            weights=self.matching("weights", _FILE),
            input=self.table("input").input(),
            output=self.table("output").output(),
            alignment=self.alignment(),
            files=self.hashes("files"),
            calibration=self.take("calibration", str, None),
            parity=self.take("parity", dict, {}),
            converter=self.take("converter", str, None),
            origin=tuple(_Reader(one, f"{self.where} [[origin]]").origin() for one in self.take("origin", list, [])),
            notes=self.take("notes", str, ""),
        )
        self.done()
        self.whole(manifest)
        return manifest

    def matching(self, key: str, pattern: re.Pattern[str]) -> str:
        value = self.take(key, str)
        if not pattern.fullmatch(value):
            raise self.fail(f"'{key}' may not be '{value}'")
        return str(value)

    def input(self) -> InputSpec:
        spec = InputSpec(
            height=self.positive("height", None),
            width=self.positive("width", None),
            colour=self.choice("colour", Colour),
            scale=float(self.take("scale", (int, float), 1.0)),
            mean=self.per_channel("mean", 0.0),
            std=self.per_channel("std", 1.0),
            multiple_of=self.positive("multiple_of", 1),
            face_scale=self.take("face_scale", (int, float), None),
        )
        self.done()
        if (spec.height is None) != (spec.width is None):
            raise self.fail("give both 'height' and 'width', or neither")
        if 0.0 in spec.std:
            raise self.fail("'std' may not be zero")
        return spec

    def per_channel(self, key: str, default: float) -> tuple[float, float, float]:
        value = self.take(key, (int, float, list), default)
        three = value if isinstance(value, list) else [value] * 3
        if len(three) != 3 or not all(isinstance(v, (int, float)) and np.isfinite(v) for v in three):
            raise self.fail(f"'{key}' is one number or three")
        return float(three[0]), float(three[1]), float(three[2])

    def output(self) -> OutputSpec:
        spec = OutputSpec(
            size=self.positive("size", None),
            decoder=self.choice("decoder", Decoder, None),
            live_class=self.take("live_class", int, None),
        )
        self.done()
        return spec

    def alignment(self) -> tuple[tuple[float, float], ...] | None:
        value = self.take("alignment", (str, list), None)
        if value is None:
            return None
        if isinstance(value, str):
            if value not in TEMPLATES:
                raise self.fail(f"'alignment' is '{value}', not one of {', '.join(TEMPLATES)} or five points")
            return TEMPLATES[value]
        if np.shape(value) != (5, 2):
            raise self.fail("'alignment' needs five points [x, y]")
        return tuple((float(x), float(y)) for x, y in value)

    def hashes(self, key: str) -> dict[str, str]:
        files = self.take(key, dict, {})
        for name, digest in files.items():
            if not _FILE.fullmatch(name) or not isinstance(digest, str) or not _SHA256.fullmatch(digest):
                raise self.fail(f"'{key}' maps file names to 64 hex digits, '{name}' does not")
        return dict(files)

    def origin(self) -> Origin:
        one = Origin(
            file=self.matching("file", _FILE),
            sha256=self.take("sha256", str, None),
            package=self.take("package", str, None),
            path=self.take("path", str, None),
            url=self.take("url", str, None),
        )
        self.done()
        if one.sha256 is not None and not _SHA256.fullmatch(one.sha256):
            raise self.fail("'sha256' is 64 hex digits, lower case")
        return one

    def whole(self, manifest: Manifest) -> None:
        """What each role cannot do without."""
        output, spec = manifest.output, manifest.input
        if manifest.role == "detector" and output.decoder is None:
            raise self.fail("a detector declares output.decoder")
        if manifest.role != "detector" and (output.size is None or spec.height is None):
            raise self.fail(f"a {manifest.role} declares output.size, input.height and input.width")
        if manifest.role in ("recogniser", "quality") and manifest.alignment is None:
            raise self.fail(f"a {manifest.role} declares its alignment template")
        if manifest.role == "pad" and (output.live_class is None or spec.face_scale is None):
            raise self.fail("a pad pack declares output.live_class and input.face_scale")
        if manifest.calibration is not None and manifest.calibration not in manifest.files:
            raise self.fail(f"'{manifest.calibration}' has no SHA-256 under [files]")
