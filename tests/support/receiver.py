"""A webhook receiver on loopback that remembers what it got: for tests, and for the demonstration.

    with Receiver(secret=secret) as receiver:
        ...                       # let Vouch send to receiver.url
        first = receiver.wait(1)[0]

Standard library only. What it answers can be scripted per request; what it received is checked with the same
function that customers use.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from kyc.webhooks.signing import HEADER, BadSignature, verify


@dataclass(frozen=True)
class Received:
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    verified: bool  # signed with the receiver's secret, lately
    at: float = field(default_factory=time.time)  # Unix seconds

    @property
    def event(self) -> dict:
        return json.loads(self.body)


Answer = int | Callable[[BaseHTTPRequestHandler], None]  # a status, or what to write by hand


class Receiver:
    """Answers 200 unless `answers` says otherwise: one entry per request, the last one repeated."""

    def __init__(
        self,
        *,
        secret: str | list[str] = "",
        answers: list[Answer] | None = None,
        host: str = "127.0.0.1",
        tls: ssl.SSLContext | None = None,
    ):
        self.secret = secret
        self.answers = answers or [200]
        self._received: list[Received] = []
        self._arrived = threading.Condition()
        self._server = ThreadingHTTPServer((host, 0), self._handler())
        self._server.daemon_threads = True
        if tls:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.port: int = self._server.server_address[1]
        self.url = f"{'https' if tls else 'http'}://{host}:{self.port}/hooks"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *exc_info) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=5)

    @property
    def received(self) -> list[Received]:
        with self._arrived:
            return list(self._received)

    def wait(self, count: int, *, seconds: float = 10.0) -> list[Received]:
        """What arrived, as soon as there are `count`; TimeoutError with what there is otherwise."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self._received) >= count, timeout=seconds):
                raise TimeoutError(f"{len(self._received)} of {count} webhooks arrived in {seconds:.0f} s")
            return list(self._received)

    def _keep(self, received: Received) -> Answer:
        with self._arrived:
            self._received.append(received)
            self._arrived.notify_all()
            return self.answers[min(len(self._received), len(self.answers)) - 1]

    def _verified(self, body: bytes, signature: str) -> bool:
        try:
            verify(body, signature, self.secret)
        except BadSignature:
            return False
        return True

    def _handler(receiver) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                verified = receiver._verified(body, headers.get(HEADER.lower(), ""))
                answer = receiver._keep(Received(self.path, headers, body, verified))
                if callable(answer):
                    answer(self)
                    return
                self.send_response(answer)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args) -> None:
                pass

        return Handler
