"""The resources, one small class each; every method is one request."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from vouch_client.transport import Transport

SETTLED = {"approved", "declined", "in_review", "resubmission_requested", "expired", "canceled", "error"}
Json = dict[str, Any]


class Vouch:
    """A client for one API key. Thread-safe; close it or use it as a context manager."""

    def __init__(self, base_url: str, *, key: str, **options: Any):
        self._transport = transport = Transport(base_url, key, **options)
        self.applicants = Applicants(transport)
        self.consents = Consents(transport)
        self.media = MediaUploads(transport)
        self.verifications = Verifications(transport)
        self.policies = Collection(transport, "/v1/policies")
        self.models = Collection(transport, "/v1/models")
        self.events = Collection(transport, "/v1/events")
        self.deliveries = Collection(transport, "/v1/deliveries")
        self.webhook_endpoints = WebhookEndpoints(transport)

    def __enter__(self) -> Vouch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()


class Collection:
    def __init__(self, transport: Transport, path: str):
        self._transport, self._path = transport, path

    def get(self, id_: str) -> Json:
        return self._transport.get(f"{self._path}/{id_}")

    def list(self, **filters: Any) -> Iterator[Json]:
        """Every match, newest first, page after page."""
        page = self._transport.get(self._path, **filters)
        while True:
            yield from page["data"]
            if not page["next"]:
                return
            page = self._transport.get(page["next"])


class Applicants(Collection):
    def __init__(self, transport: Transport):
        super().__init__(transport, "/v1/applicants")

    def create(
        self, external_reference: str, *, personal: Json | None = None, idempotency_key: str | None = None
    ) -> Json:
        body = {"external_reference": external_reference, "personal": personal}
        return self._transport.post(self._path, body, idempotency_key=idempotency_key)

    def change(self, applicant: str, personal: Json) -> Json:
        return self._transport.patch(f"{self._path}/{applicant}", {"personal": personal})


class Consents:
    def __init__(self, transport: Transport):
        self._transport = transport

    def give(
        self, applicant: str, *, version: str, purpose: str = "biometric_verification", language: str = "en"
    ) -> Json:
        body = {"purpose": purpose, "version": version, "language": language}
        return self._transport.post(f"/v1/applicants/{applicant}/consents", body)

    def withdraw(self, applicant: str, consent: str) -> Json:
        return self._transport.post(f"/v1/applicants/{applicant}/consents/{consent}/withdraw")


class MediaUploads(Collection):
    def __init__(self, transport: Transport):
        super().__init__(transport, "/v1/media")

    def upload(self, applicant: str, kind: str, image: Path | bytes, *, idempotency_key: str | None = None) -> str:
        """Upload a photograph (JPEG, PNG or WebP); its id."""
        data = image if isinstance(image, bytes) else image.read_bytes()
        sent = self._transport.post(
            self._path, data={"applicant": applicant, "kind": kind}, files={"file": ("image", data)},
            idempotency_key=idempotency_key,
        )  # fmt: skip
        return sent["id"]


class Verifications(Collection):
    def __init__(self, transport: Transport):
        super().__init__(transport, "/v1/verifications")

    def create(
        self, applicant: str, kind: str, *, selfie: str | None = None, id_portrait: str | None = None,
        policy: str | None = None, sandbox_outcome: str | None = None, priority: str | None = None,
        wait: int | None = None, idempotency_key: str | None = None,
    ) -> Json:  # fmt: skip
        """Open a case. With `wait` the answer comes when it is decided, or after so many seconds as it is then."""
        body = {"applicant": applicant, "kind": kind, "selfie": selfie, "id_portrait": id_portrait, "policy": policy,
                "sandbox_outcome": sandbox_outcome, "priority": priority}  # fmt: skip
        return self._transport.post(self._path, body, params=_wait(wait), idempotency_key=idempotency_key)

    def submit(
        self, case: str, *, selfie: str | None = None, id_portrait: str | None = None, wait: int | None = None
    ) -> Json:
        body = {"selfie": selfie, "id_portrait": id_portrait}
        return self._transport.post(f"{self._path}/{case}/submit", body, params=_wait(wait))

    def cancel(self, case: str) -> Json:
        return self._transport.post(f"{self._path}/{case}/cancel")

    def wait(self, case: str, *, timeout: float = 60.0, every: float = 0.25) -> Json:
        """The case once nothing more happens by itself. Raises TimeoutError."""
        ends = time.monotonic() + timeout
        while (found := self.get(case))["state"] not in SETTLED:
            if time.monotonic() > ends:
                raise TimeoutError(f"{case} is still {found['state']} after {timeout:g} s")
            time.sleep(every)
        return found


class WebhookEndpoints(Collection):
    def __init__(self, transport: Transport):
        super().__init__(transport, "/v1/webhook_endpoints")

    def create(self, url: str, *, event_types: list[str] | None = None, description: str | None = None) -> Json:
        """The answer holds the secret, this once."""
        return self._transport.post(
            self._path, {"url": url, "event_types": event_types or ["*"], "description": description}
        )


def _wait(seconds: int | None) -> Json:
    return {"wait": seconds} if seconds else {}
