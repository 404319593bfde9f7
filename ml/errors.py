"""What goes wrong in the engine, in words the caller can act on."""

from __future__ import annotations


class EngineError(Exception):
    """One image, one model or one device failed.

    `code` is stable and machine-readable, `detail` is a sentence for people, `retryable` says whether
    the same call may succeed later (a busy device) or never will (a broken picture).
    """

    def __init__(self, code: str, detail: str, *, retryable: bool = False) -> None:
        super().__init__(code, detail, retryable)
        self.code = code
        self.detail = detail
        self.retryable = retryable

    def __reduce__(self) -> tuple[object, ...]:
        # it crosses from the decode processes; the default would lose the keyword
        return _rebuild, (type(self), self.code, self.detail, self.retryable)

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


class PackError(EngineError):
    """A model pack cannot be used.

    Codes: pack_missing, pack_invalid (pack.toml), pack_corrupt (hash), pack_licence, pack_source
    (the file to build from), pack_parity (an export that disagrees), pack_download (retryable).
    """


class DeviceError(EngineError):
    """The device or runtime that the operator asked for is not there. Codes: device_missing,
    runtime_missing, precision_unsupported."""


def _rebuild(kind: type[EngineError], code: str, detail: str, retryable: bool) -> EngineError:
    return kind(code, detail, retryable=retryable)
