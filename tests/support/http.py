"""A bank's HTTP conversation with the real views, in this process."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from tests.support.worlds import World


class Api:
    def __init__(self, world: World, **headers: str):
        self.client = Client(headers=world.headers | headers)

    def get(self, path: str, status: int = 200) -> Any:
        return self._checked(self.client.get(f"/v1{path}"), status)

    def post(self, path: str, body: dict | None = None, status: int = 201, **headers: str) -> Any:
        headers = {"Idempotency-Key": str(uuid.uuid4())} | headers
        answer = self.client.post(
            f"/v1{path}", json.dumps(body or {}), content_type="application/json", headers=headers
        )
        return self._checked(answer, status)

    def upload(self, applicant: str, kind: str, image: bytes, status: int = 201) -> Any:
        file = SimpleUploadedFile("image", image, content_type="image/jpeg")
        return self._checked(
            self.client.post("/v1/media", {"applicant": applicant, "kind": kind, "file": file}), status
        )

    @staticmethod
    def _checked(answer, status: int):
        assert answer.status_code == status, (answer.status_code, answer.content)
        return answer.json() if answer.content else None
