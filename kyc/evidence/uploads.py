"""How an image comes in: multipart or the bare bytes. In memory and bounded; never a temporary file, a path or a URL.

Django would spool larger files to disk in the clear, and read a declared length of any size: neither happens here.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent
from django.core.files.uploadhandler import FileUploadHandler, SkipFile, StopFutureHandlers
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from rest_framework.parsers import BaseParser

from kyc.core.errors import Problem
from kyc.evidence.errors import UploadTooLarge

OVERHEAD = 16 * 1024  # bytes: boundaries, part headers and two short fields
DRAIN = 4  # a client that sends up to so many times the limit is read to its end, to hear the answer


class LengthRequired(Problem):
    status = 411
    code = "length_required"
    detail = "The upload does not say how long it is."
    next_step = "Send a Content-Length header instead of chunks."


class BadMultipart(Problem):
    code = "invalid_multipart"
    detail = "The body is not a valid multipart form with one file."
    next_step = "Send the fields `applicant` and `kind`, and the image as the one file, named `file`."


class Form(BaseParser):
    media_type = "multipart/form-data"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        request = parser_context["request"]._request
        _refuse_declared(request, settings.MEDIA_MAX_BYTES + OVERHEAD)
        handler = InMemory(settings.MEDIA_MAX_BYTES)
        try:
            fields, _ = MultiPartParser(request.META, stream, [handler], request.encoding or "utf-8").parse()
        except (MultiPartParserError, RequestDataTooBig, TooManyFieldsSent, TooManyFilesSent, ValueError) as e:
            raise BadMultipart() from e
        if len(handler.files) > 1:
            raise BadMultipart("The form has more than one file.")
        return fields.dict() | {name: bytes(data) for name, data in handler.files.items()}


class Bare(BaseParser):
    """The image is the whole body; `applicant` and `kind` are query parameters. What it is, its bytes say."""

    media_type = "image/*"

    def parse(self, stream: Any, media_type: str | None = None, parser_context: Any = None) -> dict[str, Any]:
        request = parser_context["request"]
        _refuse_declared(request._request, settings.MEDIA_MAX_BYTES)
        return request.query_params.dict() | {"file": stream.read(settings.MEDIA_MAX_BYTES + 1)}


class BareOctets(Bare):
    media_type = "application/octet-stream"


class InMemory(FileUploadHandler):
    """Keeps files in memory, and stops at the limit, whatever the declared lengths said."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.files: dict[str, bytearray] = {}
        self._left = limit

    def new_file(self, field_name: str, *args: Any, **kwargs: Any) -> None:
        if field_name in self.files:
            raise SkipFile
        self._current = self.files[field_name] = bytearray()
        raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        self._left -= len(raw_data)
        if self._left < 0:
            raise UploadTooLarge()
        self._current += raw_data

    def file_complete(self, file_size: int) -> None:
        return None


def fingerprint(request: Any) -> bytes:
    """What makes two uploads the same for their Idempotency-Key: fields and file, not the boundary between them."""
    whole = hashlib.sha256(f"{request.method} {request.path}".encode())
    for name, value in sorted(request.data.items()):
        data = value if isinstance(value, bytes) else str(value).encode()
        whole.update(f"\n{name} {len(data)}\n".encode() + data)
    return whole.digest()


def refuse_unmeasured(request: Any) -> None:
    """Chunked bodies look empty to WSGI: say so, instead of "the file is missing"."""
    if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
        raise LengthRequired()


def _refuse_declared(request: Any, limit: int) -> None:
    """By the declared length, before a byte is kept."""
    declared = int(request.META.get("CONTENT_LENGTH") or 0)
    if declared > limit:
        if declared <= limit * DRAIN:
            _drain(request)
        raise UploadTooLarge(f"The upload has {declared} bytes; at most {settings.MEDIA_MAX_BYTES} are accepted.")


def _drain(request: Any) -> None:
    """Read and forget: a client that is still sending when the connection closes sees a reset, not our 413."""
    while request.read(1 << 16):
        pass
