"""The parent's end of one helper process."""

from __future__ import annotations

import dataclasses
import json
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

from kyc.evidence.cage import wire
from kyc.evidence.cage.result import Normalised
from kyc.evidence.errors import REFUSALS, DecoderCrashed
from kyc.evidence.headers import Header
from kyc.evidence.limits import Limits

START_SECONDS = 30.0  # importing Pillow takes 0.2 s; a busy or cold machine far longer
ROOT = Path(__file__).resolve().parents[3]
START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from kyc.evidence.cage.child import main; "
    "main(int(sys.argv[2]), sys.argv[3])"
)


class Gone(Exception):
    """The helper died, or spoke nonsense."""


class Silent(Gone):
    """The helper did not answer in time, or used up its processor time."""


class Unstartable(Gone):
    """The helper never became ready: the machine's fault, not the image's."""


class Helper:
    """One confined process. Not thread-safe: one caller at a time."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.served = 0
        self.confinement: dict[str, bool] | None = None  # known once it is ready
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-B",
                    "-c",
                    START,
                    str(ROOT),
                    str(theirs.fileno()),
                    json.dumps(dataclasses.asdict(limits)),
                ],
                env={},
                cwd="/",
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until_ready(self) -> None:
        if self.confinement is None:
            try:
                head, _ = wire.receive(self._channel, payload_bytes=0, until=time.monotonic() + START_SECONDS)
                self.confinement = dict(head["ready"])
            except (OSError, KeyError, TypeError) as e:
                raise Unstartable(str(e)) from e

    def normalise(self, data: bytes, header: Header) -> Normalised:
        """Raises ImageRefused for what the helper refused, Gone when there is no helper any more."""
        self.wait_until_ready()
        self.served += 1
        until = time.monotonic() + self.limits.wall_seconds
        try:
            self._channel.settimeout(self.limits.wall_seconds)
            wire.send(self._channel, dataclasses.asdict(header), data)
            head, jpeg = wire.receive(self._channel, payload_bytes=self.limits.stored_bytes, until=until)
        except TimeoutError as e:
            raise Silent(f"silent for {self.limits.wall_seconds:g} s") from e
        except OSError as e:
            if self._ended_by(signal.SIGPROF):
                raise Silent(f"busy for {self.limits.seconds:g} s") from e
            raise Gone(str(e)) from e
        return self._understood(head, jpeg)

    def _ended_by(self, number: signal.Signals) -> bool:
        try:
            return self._process.wait(1) == -number
        except subprocess.TimeoutExpired:
            return False

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()
        self._channel.close()

    def _understood(self, head: dict, jpeg: bytes) -> Normalised:
        if "refused" in head:
            raise REFUSALS.get(str(head["refused"]), DecoderCrashed)()  # by code: its words reach nobody
        try:
            return Normalised.checked(head["done"], jpeg, self.limits)
        except (KeyError, TypeError, ValueError) as e:
            raise Gone(f"impossible answer: {e}") from e
