"""What happens in the demonstration: each scene is a conversation of a bank with Vouch over HTTP."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from vouch_client import Vouch

from demo.photos import cropped, photo, side_by_side
from demo.receiver import Received, Receiver

Json = dict[str, Any]


@dataclass
class Scene:
    """One verification as the bank lived through it."""

    title: str
    who: str
    expected: str
    case: Json
    images: dict[str, bytes]  # as uploaded: "selfie", "id_portrait"
    milliseconds: float  # submit to decision, as the bank's clock saw it
    webhook: Received | None = None
    timeline: list[Json] = field(default_factory=list)

    @property
    def as_expected(self) -> bool:
        return self.case["state"] == self.expected


class Bank:
    """The onboarding flow of a bank, with one live key."""

    def __init__(self, vouch: Vouch, receiver: Receiver, *, run: str):
        self.vouch, self.receiver, self.run = vouch, receiver, run
        endpoint = vouch.webhook_endpoints.create(receiver.url, event_types=["verification.*"], description="demo")
        receiver.secret = endpoint["secret"]

    def meet(self, reference: str, given_name: str, family_name: str) -> str:
        person = self.vouch.applicants.create(
            f"{self.run}-{reference}", personal={"given_name": given_name, "family_name": family_name}
        )
        self.vouch.consents.give(person["id"], version="2026-11")
        return person["id"]

    def verify(self, title: str, who: str, person: str, kind: str, expected: str, **images: bytes) -> Scene:
        media = {name: self.vouch.media.upload(person, name, data) for name, data in images.items()}
        began = time.perf_counter()
        case = self.vouch.verifications.create(person, kind, **media, wait=30)
        spent = (time.perf_counter() - began) * 1000
        if case["state"] == "processing":
            case = self.vouch.verifications.wait(case["id"])
        webhook = self.receiver.wait_for(case["id"], case["state"])
        return Scene(title, who, expected, case, images, spent, webhook)


def scenes(bank: Bank) -> Iterator[Callable[[], Scene]]:
    """The story in order. Each is a function, so that progress can be shown between them."""
    people: dict[str, str] = {}

    def same_person() -> Scene:
        people["barack"] = bank.meet("0001", "Barack", "O.")
        return bank.verify(
            "ID portrait and selfie of one person", "Barack", people["barack"], "document_selfie", "approved",
            id_portrait=photo("obama"), selfie=photo("obama2"),
        )  # fmt: skip

    def other_person() -> Scene:
        return bank.verify(
            "The same portrait, another person's selfie", "Joe with Barack's ID", people["barack"],
            "document_selfie", "declined", id_portrait=photo("obama"), selfie=photo("biden"),
        )  # fmt: skip

    def covered() -> Scene:
        return bank.verify(
            "A half-covered face", "Barack", people["barack"], "document_selfie", "resubmission_requested",
            id_portrait=photo("obama"), selfie=photo("obama_partial_face2"),
        )  # fmt: skip

    def several() -> Scene:
        return bank.verify(
            "Several faces in the picture", "Barack and Eileen", people["barack"], "document_selfie",
            "resubmission_requested", id_portrait=photo("obama"), selfie=side_by_side("obama3", "collins"),
        )  # fmt: skip

    def duplicate() -> Scene:
        again = bank.meet("0002", "Barry", "S.")
        return bank.verify(
            "The first face enrols again under another name", "Barack as “Barry”", again, "enrolment", "in_review",
            selfie=cropped("obama2"),
        )  # fmt: skip

    def comes_back() -> Scene:
        return bank.verify(
            "Signing in later against the enrolled template", "Barack", people["barack"], "authentication",
            "approved", selfie=photo("obama3"),
        )  # fmt: skip

    yield from (same_person, other_person, covered, several, duplicate, comes_back)
