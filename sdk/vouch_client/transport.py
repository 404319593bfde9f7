"""One request, as often as it takes: the idempotency key makes a retry safe, so retries are the default."""

from __future__ import annotations

import random
import time
import uuid
from typing import Any

import httpx

from vouch_client.errors import VouchError, VouchUnreachable

RETRIES = 5
FIRST_WAIT, LONGEST_WAIT = 0.2, 10.0  # seconds; doubled each time, with full jitter
TIMEOUT = httpx.Timeout(45.0, connect=5.0)  # longer than the longest `wait`
AGAIN = {429, 502, 503, 504}


class Transport:
    def __init__(self, base_url: str, key: str, *, retries: int = RETRIES, http: httpx.Client | None = None):
        self._http = http or httpx.Client(base_url=base_url, timeout=TIMEOUT)
        self._http.headers["Authorization"] = f"Bearer {key}"
        self._retries = retries

    def get(self, path: str, **params: Any) -> Any:
        return self._send("GET", path, None, params=_said(params))

    def post(self, path: str, body: dict | None = None, *, idempotency_key: str | None = None, **how: Any) -> Any:
        if body is not None:
            how["json"] = _said(body)
        return self._send("POST", path, idempotency_key or str(uuid.uuid4()), **how)

    def patch(self, path: str, body: dict) -> Any:
        return self._send("PATCH", path, None, json=_said(body))

    def delete(self, path: str) -> Any:
        return self._send("DELETE", path, None)

    def _send(self, method: str, path: str, key: str | None, **how: Any) -> Any:
        headers = {"Idempotency-Key": key} if key else {}
        for attempt in range(self._retries + 1):
            last = attempt == self._retries
            try:
                answer = self._http.request(method, path, headers=headers, **how)
            except httpx.TransportError as e:
                if last:
                    raise VouchUnreachable(key, e) from e
                time.sleep(_wait(attempt, None))
                continue
            if answer.is_success:
                return answer.json() if "json" in answer.headers.get("content-type", "") else answer.content
            if last or not _worth_retrying(answer):
                raise VouchError(_problem(answer), answer.status_code)
            time.sleep(_wait(attempt, answer.headers.get("Retry-After")))
        raise AssertionError("the loop returns or raises")

    def close(self) -> None:
        self._http.close()


def _worth_retrying(answer: httpx.Response) -> bool:
    return answer.status_code in AGAIN or _problem(answer).get("code") == "request_in_flight"


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {"code": "not_vouch", "detail": f"HTTP {answer.status_code} without a problem document"}
    return body if isinstance(body, dict) else {}


def _wait(attempt: int, asked: str | None) -> float:
    if asked and asked.isdigit():
        return float(asked)
    return random.uniform(0, min(LONGEST_WAIT, FIRST_WAIT * 2**attempt))  # noqa: S311  (jitter, not a secret)


def _said(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
