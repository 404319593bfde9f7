from __future__ import annotations

from typing import Any


class VouchError(Exception):
    """The service's answer was a problem (RFC 9457). `code` is stable; branch on it, not on the sentence."""

    def __init__(self, problem: dict[str, Any], status: int):
        self.status = status
        self.code: str = problem.get("code", "unknown")
        self.detail: str = problem.get("detail", "")
        self.next_step: str = problem.get("next_step", "")
        self.retryable: bool = bool(problem.get("retryable"))
        self.request_id: str = problem.get("request_id", "")
        self.fields: dict[str, list[str]] = problem.get("fields", {})
        super().__init__(f"{self.code} ({status}): {self.detail} {self.next_step}".strip())


class VouchUnreachable(Exception):
    """No answer after every retry. Whether the request took effect is unknown: send it again with the same key."""

    def __init__(self, idempotency_key: str | None, cause: Exception):
        self.idempotency_key = idempotency_key
        super().__init__(f"{type(cause).__name__}: {cause}")
