"""The seam between the engine and whoever decodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ml.decode.limits import Limits
from ml.decode.pixels import decode
from ml.errors import EngineError
from ml.types import Image


class Decoder(Protocol):
    def decode(self, data: bytes, *, detail: int | None = None) -> Image:
        """See `ml.decode.pixels.decode`."""
        ...

    def decode_many(self, batch: Sequence[bytes], *, detail: int | None = None) -> list[Image | EngineError]:
        """As many as can be at once; one bad file is an error in its own place only."""
        ...

    def close(self) -> None: ...


class Bare:
    """Decodes in this process: for data we chose ourselves, and to measure the cage against."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()

    def decode(self, data: bytes, *, detail: int | None = None) -> Image:
        return decode(data, self.limits, detail=detail)

    def decode_many(self, batch: Sequence[bytes], *, detail: int | None = None) -> list[Image | EngineError]:
        return [or_error(self, data, detail) for data in batch]

    def close(self) -> None:
        pass


def or_error(decoder: Decoder, data: bytes, detail: int | None) -> Image | EngineError:
    try:
        return decoder.decode(data, detail=detail)
    except EngineError as refusal:
        return refusal
