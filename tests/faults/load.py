"""Banks that keep verifying people whatever happens, and remember what they were told."""

from __future__ import annotations

import json
import random
import threading
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field

import httpx

PATIENCE = 10.0  # seconds for one answer: longer than any honest one, short against a hang
GIVE_UP = 150.0  # seconds of trying the same request; nothing in a run lasts so long
OUTCOMES = ("approved", "declined", "in_review", "resubmission_requested", "error")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


@dataclass(slots=True)
class Case:
    """What the bank knows of one verification."""

    id: str
    outcome: str  # that the script will give; "" where a real engine decides
    submissions: int = 0  # accepted with a 2xx
    canceled: bool = False
    poisoned: bool = False


class Bank:
    """One tenant, one key. Every write carries an Idempotency-Key and is sent until it is answered."""

    def __init__(self, url: str, key: str, tenant: str, name: str):
        self.name, self.tenant = name, tenant
        self.http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=PATIENCE)
        self.cases: dict[str, Case] = {}
        self.answered: list[tuple[str, str, dict, Answer]] = []  # key, path, body, answer
        self.seen: Counter[str] = Counter()  # what the way to an answer was paved with
        self.wrong: list[str] = []  # what must never be
        self.slowest = 0.0  # seconds until the last retry was answered
        self.lock = threading.Lock()

    def write(self, path: str, body: dict, key: str | None = None) -> Answer:
        """Try until there is an answer that is no "try again". Raises TimeoutError after GIVE_UP."""
        key, began = key or str(uuid.uuid4()), time.monotonic()
        while time.monotonic() - began < GIVE_UP:
            answer = self._once(path, body, key)
            if answer:
                with self.lock:
                    self.slowest = max(self.slowest, time.monotonic() - began)
                    if answer.status < 300:
                        self.answered.append((key, path, body, answer))
                return answer
        raise TimeoutError(f"{self.name}: POST {path} {key} had no answer in {GIVE_UP:.0f} s")

    def _once(self, path: str, body: dict, key: str) -> Answer | None:
        try:
            got = self.http.post(f"/v1{path}", json=body, headers={"Idempotency-Key": key})
        except httpx.HTTPError as e:
            self.seen[type(e).__name__] += 1
            time.sleep(0.2)
            return None
        code = got.json().get("code", "") if got.status_code >= 400 and "json" in got.headers["content-type"] else ""
        if got.status_code in (429, 500, 502, 503, 504) or code == "request_in_flight":
            self.seen[f"{got.status_code} {code}"] += 1
            if got.status_code in (429, 503) and "Retry-After" not in got.headers:
                self.wrong.append(f"{got.status_code} {code} without Retry-After")
            time.sleep(min(float(got.headers.get("Retry-After", 0.3)), 1.0))
            return None
        return Answer(got.status_code, got.content)

    # -- what banks do --------------------------------------------------------------------------------

    def meet(self, images: dict[str, bytes]) -> None:
        """One consenting applicant with these images; all cases are theirs."""
        self.person = self._id(self.write("/applicants", {"external_reference": f"customer-{uuid.uuid4()}"}))
        consent = {"purpose": "biometric_verification", "version": "1", "language": "en"}
        self.write(f"/applicants/{self.person}/consents", consent)
        self.media = {kind: self.upload(kind, data) for kind, data in images.items()}

    def upload(self, kind: str, data: bytes) -> str:
        key = str(uuid.uuid4())
        for _ in range(50):
            try:
                got = self.http.post("/v1/media", data={"applicant": self.person, "kind": kind},
                                     files={"file": ("image", data)}, headers={"Idempotency-Key": key})  # fmt: skip
                if got.status_code == 201:
                    return got.json()["id"]
            except httpx.HTTPError as e:
                self.seen[type(e).__name__] += 1
            time.sleep(0.3)
        raise TimeoutError(f"{self.name}: no upload")

    def listen(self, url: str) -> str:
        """Subscribe to everything; the secret."""
        made = self.write("/webhook_endpoints", {"url": url, "event_types": ["*"]})
        return json.loads(made.body)["secret"]

    def verify(self, outcome: str = "", *, twins: int = 1) -> Case:
        """A whole case at once; with `twins` the same request from several threads, which must make one case."""
        body = self._opening(outcome) | self.media
        key, answers = str(uuid.uuid4()), []
        threads = [threading.Thread(target=lambda: answers.append(self.write("/verifications", body, key)))
                   for _ in range(twins - 1)]  # fmt: skip
        [t.start() for t in threads]
        answers.append(self.write("/verifications", body, key))
        [t.join() for t in threads]
        if len({a.body for a in answers}) != 1:
            self.wrong.append(f"{twins} twins got {len({a.body for a in answers})} answers")
        return self._opened(answers[0], outcome, submissions=1)

    def open(self, outcome: str = "") -> Case:
        return self._opened(self.write("/verifications", self._opening(outcome)), outcome, submissions=0)

    def submit(self, case: Case) -> None:
        answer = self.write(f"/verifications/{case.id}/submit", self.media)
        if answer.status < 300:
            case.submissions += 1
        else:
            self.wrong.append(f"submit of {case.id}: {answer.status} {answer.body[:200]!r}")

    def cancel(self, case: Case) -> None:
        answer = self.write(f"/verifications/{case.id}/cancel", {})
        case.canceled = answer.status == 200

    def resend_one(self, dice: random.Random) -> None:
        """Replay an old request: the same bytes. With another body under its key: refused."""
        with self.lock:
            key, path, body, first = dice.choice(self.answered)
        again = self.write(path, body, key)
        if again != first:
            self.wrong.append(f"replay of {key} differs: {first.status} {first.body!r}, {again.status} {again.body!r}")
        self.seen["replayed"] += 1
        changed = self.write(path, body | {"kind": "changed"}, key)
        if changed.status != 409:
            self.wrong.append(f"another body under {key} got {changed.status}")

    def release(self, job_id: str) -> Answer:
        return self.write(f"/quarantine/{job_id}/release", {})

    def _opening(self, outcome: str) -> dict:
        scripted = {"sandbox_outcome": outcome} if outcome else {}
        return {"applicant": self.person, "kind": "document_selfie"} | scripted

    def _opened(self, answer: Answer, outcome: str, submissions: int) -> Case:
        if answer.status >= 300:
            raise AssertionError(f"{self.name}: a case was refused: {answer.status} {answer.body[:300]!r}")
        case = Case(self._id(answer), outcome, submissions)
        with self.lock:
            self.cases[case.id] = case
        return case

    @staticmethod
    def _id(answer: Answer) -> str:
        return json.loads(answer.body)["id"]


@dataclass
class Customer(threading.Thread):
    """One caller of a bank: does one thing after another until told to stop."""

    bank: Bank
    seed: int
    pace: float  # seconds between two acts
    scripted: bool
    stop: threading.Event
    sprint: threading.Event  # set: no pause between acts
    error: BaseException | None = field(default=None)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.dice = random.Random(self.seed)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                self.act()
                self.stop.wait(0.0 if self.sprint.is_set() else self.pace * self.dice.uniform(0.5, 1.5))
        except BaseException as e:
            self.error = e

    def act(self) -> None:
        outcome = self.dice.choice(OUTCOMES) if self.scripted else ""
        what = self.dice.random()
        if what < 0.10 and self.bank.answered:
            self.bank.resend_one(self.dice)
        elif what < 0.20:
            self.bank.submit(self.bank.open(outcome))
        elif what < 0.25:
            self.bank.cancel(self.bank.open(outcome))
        elif what < 0.30:
            self.bank.verify(outcome, twins=3)
        else:
            self.bank.verify(outcome)
