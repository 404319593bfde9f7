"""The photographs of the story, and the two that are made from them."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

FOLDER = Path(__file__).resolve().parents[1] / "tests" / "photos"


def photo(name: str) -> bytes:
    return (FOLDER / f"{name}.jpg").read_bytes()


def side_by_side(*names: str) -> bytes:
    """Several people in one picture."""
    people = [Image.open(FOLDER / f"{name}.jpg") for name in names]
    height = min(p.height for p in people)
    scaled = [p.resize((round(p.width * height / p.height), height)) for p in people]
    joined = Image.new("RGB", (sum(p.width for p in scaled), height))
    left = 0
    for p in scaled:
        joined.paste(p, (left, 0))
        left += p.width
    return as_jpeg(joined)


def cropped(name: str, share: float = 0.04) -> bytes:
    """The same photograph a little closer: another file, the same face."""
    image = Image.open(FOLDER / f"{name}.jpg")
    dx, dy = round(image.width * share), round(image.height * share)
    return as_jpeg(image.crop((dx, dy, image.width - dx, image.height - dy)))


def as_jpeg(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.convert("RGB").save(out, "JPEG", quality=92)
    return out.getvalue()
