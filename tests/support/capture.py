"""A person's browser and a worker, without either: the page's API spoken by hand, jobs done in this process."""

from __future__ import annotations

import json
from importlib import import_module

from django.test import Client

from kyc.core.scope import acting_as_system, atomic
from kyc.outbox.models import Job
from tests.support.http import Api
from tests.support.worlds import World

KINDS = ("observe_chunk", "judge_attempt")


class Guest:
    """What the page says, with its token."""

    def __init__(self, token: str):
        self.client = Client(headers={"Authorization": f"Bearer {token}"})

    def get(self, path: str = "session", status: int = 200) -> dict:
        return self._checked(self.client.get(f"/v1/capture/{path}"), status)

    def post(self, path: str, body: dict, status: int = 200) -> dict:
        answer = self.client.post(f"/v1/capture/{path}", json.dumps(body), content_type="application/json")
        return self._checked(answer, status)

    def put(self, path: str, body: bytes, status: int = 204, content_type: str = "application/octet-stream") -> dict:
        return self._checked(self.client.put(f"/v1/capture/{path}", body, content_type=content_type), status)

    @staticmethod
    def _checked(answer, status: int) -> dict:
        assert answer.status_code == status, (answer.status_code, answer.content)
        return answer.json() if answer.content else {}


def a_session(world: World, applicant: str, *, document: bool = False, **more) -> dict:
    return Api(world).post("/capture_sessions", {"applicant": applicant, "document": document, **more})


def packed(frames: list[tuple[float, bytes]]) -> bytes:
    """As recorder.js packs them."""
    head = json.dumps({"frames": [{"at": at, "size": len(data)} for at, data in frames]}).encode()
    return len(head).to_bytes(4, "big") + head + b"".join(data for _, data in frames)


def do_jobs() -> int:
    """Every pending capture job, as a worker does it; how many there were."""
    from workers.claims import run

    done = 0
    while True:
        with acting_as_system("test"), atomic():
            jobs = list(Job.objects.filter(kind__in=KINDS, state="pending").order_by("created_at")
                        .values_list("pk", "kind"))  # fmt: skip
        for pk, kind in jobs:
            run(pk, import_module(f"workers.tasks.{kind}").work)
            done += 1
        if not jobs:
            return done
