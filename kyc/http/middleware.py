from __future__ import annotations

import re

import structlog

from kyc.core.ids import new_id

SAFE = re.compile(r"^[A-Za-z0-9._-]{8,64}$")  # a caller's own id is echoed into logs: no newlines, no quotes


class RequestId:
    """Every request has an id: the caller's, if it is harmless, or a new one. It is in logs, audit and answers."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        given = request.headers.get("X-Request-Id", "")
        request.id = given if SAFE.match(given) else new_id("req")
        with structlog.contextvars.bound_contextvars(request_id=request.id):
            response = self.get_response(request)
        response["X-Request-Id"] = request.id
        return response
