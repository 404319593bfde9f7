"""Observed frames as bytes and back: arrays without pickle, so that what was sealed can be read by a later version."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from ml.liveness.active.fingerprint import BITS, THUMB
from ml.liveness.active.register import PATCH
from ml.liveness.active.types import Frame
from ml.types import Box, Face

_NAN = float("nan")


def pack(frames: Sequence[Frame]) -> bytes:
    """About 5 kB a frame."""
    size = max((len(f.embedding) for f in frames if f.embedding is not None), default=0)
    arrays = {
        "numbers": np.array([_numbers(f) for f in frames], np.float64).reshape(len(frames), -1),
        "embedding": np.array(
            [f.embedding if f.embedding is not None else np.full(size, np.nan) for f in frames], np.float32
        ).reshape(len(frames), size),
        "patch": np.array([f.patch if f.patch is not None else np.zeros((PATCH, PATCH)) for f in frames], np.uint8),
        "thumbnail": np.array(
            [f.thumbnail if f.thumbnail is not None else np.full(THUMB[::-1], np.nan) for f in frames], np.float16
        ),
        "phash": np.frombuffer(b"".join(f.phash.to_bytes(BITS // 8, "big") for f in frames), np.uint8),
        "sha256": np.frombuffer(b"".join(bytes.fromhex(f.sha256) for f in frames), np.uint8),
    }
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def unpack(data: bytes) -> list[Frame]:
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        numbers, embedding = arrays["numbers"], arrays["embedding"]
        patch, thumbnail = arrays["patch"], arrays["thumbnail"]
        phash, sha256 = arrays["phash"].reshape(-1, BITS // 8), arrays["sha256"].reshape(-1, 32)
    return [
        _frame(numbers[i], embedding[i], patch[i], thumbnail[i], phash[i].tobytes(), sha256[i].tobytes())
        for i in range(len(numbers))
    ]


def _numbers(f: Frame) -> list[float]:
    """at, width, height, faces, sharpness | box 4, landmarks 10, confidence | skin 3 | background 3."""
    face = [_NAN] * 15
    if f.face is not None:
        box = f.face.box
        face = [box.x, box.y, box.width, box.height, *map(float, f.face.landmarks.ravel()), f.face.confidence]
    return [
        f.at,
        f.width,
        f.height,
        f.faces,
        f.sharpness,
        *face,
        *(f.skin or [_NAN] * 3),
        *(f.background or [_NAN] * 3),
    ]


def _frame(
    n: np.ndarray, embedding: np.ndarray, patch: np.ndarray, thumbnail: np.ndarray, phash: bytes, sha256: bytes
) -> Frame:
    face = (
        None
        if np.isnan(n[5])
        else Face(Box(*(float(v) for v in n[5:9])), n[9:19].reshape(5, 2).astype(np.float32), float(n[19]))
    )
    return Frame(
        at=float(n[0]),
        width=int(n[1]),
        height=int(n[2]),
        faces=int(n[3]),
        sharpness=float(n[4]),
        face=face,
        embedding=None if not embedding.size or np.isnan(embedding[0]) else embedding,
        patch=patch if face is not None else None,
        skin=None if np.isnan(n[20]) else (float(n[20]), float(n[21]), float(n[22])),
        background=None if np.isnan(n[23]) else (float(n[23]), float(n[24]), float(n[25])),
        thumbnail=None if np.isnan(thumbnail[0, 0]) else thumbnail,
        phash=int.from_bytes(phash, "big"),
        sha256=sha256.hex(),
    )
