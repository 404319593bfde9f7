"""What can be refused from the first bytes alone, before any decoder sees them."""

from __future__ import annotations

from ml.decode.limits import MIB, Limits
from ml.errors import EngineError

Format = str  # "JPEG" | "PNG" | "WEBP"


def admit(data: bytes, limits: Limits) -> Format:
    """The format named by the magic bytes, or a refusal.

    Raises EngineError: image_unreadable (empty), image_too_large (bytes), unsupported_format.
    """
    if not data:
        raise EngineError("image_unreadable", "The upload is empty.")
    if len(data) > limits.bytes:
        raise EngineError("image_too_large", f"The file is larger than {limits.bytes // MIB} MiB.")
    if data.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    raise EngineError("unsupported_format", "Send a JPEG, PNG or WebP photograph.")
