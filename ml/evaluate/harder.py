"""Photographs made harder in ways that onboarding meets: far, turned, dark, blurred, crowded, re-sent.

Each case moves the landmarks with the pixels, so the truth stays known. All draw from one seed.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from PIL import Image as Pil
from PIL import ImageFilter

from ml.types import Pixels, Points

Made = tuple[Pixels, Points]
Make = Callable[[Pixels, Points, np.random.Generator], Made]


@dataclass(frozen=True)
class Case:
    name: str
    about: str
    make: Make


def as_they_are(pixels: Pixels, points: Points, _: np.random.Generator) -> Made:
    return pixels, points


def scaled(eyes: float) -> Make:
    """The whole photograph resized so that the eyes are `eyes` px apart."""

    def make(pixels: Pixels, points: Points, _: np.random.Generator) -> Made:
        factor = eyes / float(np.linalg.norm(points[1] - points[0]))
        height, width = pixels.shape[:2]
        size = max(1, round(width * factor)), max(1, round(height * factor))
        small = np.asarray(Pil.fromarray(pixels).resize(size, Pil.Resampling.LANCZOS))
        return small, ((points + 0.5) * [size[0] / width, size[1] / height] - 0.5).astype(np.float32)

    return make


def in_a_room(share: float) -> Make:
    """The photograph as a part of a larger, noisy one: its side is `share` of the canvas."""

    def make(pixels: Pixels, points: Points, rng: np.random.Generator) -> Made:
        height, width = pixels.shape[:2]
        tall, wide = round(height / share), round(width / share)
        walls = rng.normal(120, 30, (max(2, tall // 16), max(2, wide // 16), 3)).clip(0, 255).astype(np.uint8)
        canvas = np.array(Pil.fromarray(walls).resize((wide, tall), Pil.Resampling.BICUBIC))
        x, y = int(rng.integers(0, wide - width + 1)), int(rng.integers(0, tall - height + 1))
        canvas[y : y + height, x : x + width] = pixels
        return canvas, points + np.array([x, y], np.float32)

    return make


def turned(quarters: int) -> Make:
    def make(pixels: Pixels, points: Points, _: np.random.Generator) -> Made:
        out, moved = pixels, points.astype(np.float32)
        for _turn in range(quarters % 4):
            moved = np.stack([moved[:, 1], out.shape[1] - 1 - moved[:, 0]], 1)  # rot90 is counter-clockwise
            out = np.rot90(out)
        return np.ascontiguousarray(out), moved

    return make


def dark(pixels: Pixels, points: Points, rng: np.random.Generator) -> Made:
    """An eighth of the light, with the sensor's noise."""
    dim = pixels.astype(np.float32) / 8 + rng.normal(0, 3, pixels.shape)
    return dim.clip(0, 255).astype(np.uint8), points


def blurred(radius: float) -> Make:
    def make(pixels: Pixels, points: Points, _: np.random.Generator) -> Made:
        return np.asarray(Pil.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius))), points

    return make


def resent(quality: int) -> Make:
    """Through a messenger: JPEG at `quality`."""

    def make(pixels: Pixels, points: Points, _: np.random.Generator) -> Made:
        buffer = io.BytesIO()
        Pil.fromarray(pixels).save(buffer, "JPEG", quality=quality)
        return np.asarray(Pil.open(buffer).convert("RGB")), points

    return make


def gray(pixels: Pixels, points: Points, _: np.random.Generator) -> Made:
    return np.asarray(Pil.fromarray(pixels).convert("L").convert("RGB")), points


def accompanied(pixels: Pixels, points: Points, _: np.random.Generator) -> Made:
    """Somebody smaller beside the subject (the same photograph at half size): the subject must stay first."""
    height, width = pixels.shape[:2]
    beside = np.asarray(Pil.fromarray(pixels[:, ::-1]).resize((width // 2, height // 2), Pil.Resampling.LANCZOS))
    canvas = np.zeros((height, width + width // 2, 3), np.uint8)
    canvas[:, :width] = pixels
    canvas[height // 2 : height // 2 + beside.shape[0], width:] = beside
    return canvas, points


CASES = (
    Case("as they are", "the photographs themselves", as_they_are),
    Case("eyes 24 px apart", "small: a quarter of a phone's preview", scaled(24)),
    Case("eyes 12 px apart", "very small: too little to recognise, still to be found", scaled(12)),
    Case("in a room, 1/4", "the face somewhere in a frame four times as wide", in_a_room(0.25)),
    Case("turned 90°", "a phone held sideways without an orientation tag", turned(1)),
    Case("turned 180°", "upside down", turned(2)),
    Case("dark", "an eighth of the light, with noise", dark),
    Case("blurred", "Gaussian, radius 4 px", blurred(4)),
    Case("JPEG 10", "re-sent through a messenger", resent(10)),
    Case("gray", "no colour", gray),
    Case("accompanied", "a smaller face beside the subject", accompanied),
)
