"""The bank's end of a webhook: receives, verifies the signature, remembers."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from vouch_client import InvalidSignature, verify


@dataclass(frozen=True, slots=True)
class Received:
    headers: dict[str, str]
    body: bytes
    event: dict[str, Any]


class Receiver:
    """An endpoint on this machine. Its secret is known once the endpoint is registered."""

    def __init__(self) -> None:
        self.secret = ""
        self.received: list[Received] = []
        self.refused = 0
        self._arrived = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                self.send_response(200 if receiver.accept(dict(self.headers), body) else 400)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks/vouch"

    def __enter__(self) -> Receiver:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.shutdown()
        self._server.server_close()

    def accept(self, headers: dict[str, str], body: bytes) -> bool:
        try:
            event = verify(body, headers.get("Vouch-Signature", ""), self.secret)
        except InvalidSignature:
            self.refused += 1
            return False
        with self._arrived:
            self.received.append(Received(headers, body, event))
            self._arrived.notify_all()
        return True

    def wait_for(self, object_id: str, status: str, *, timeout: float = 20.0) -> Received | None:
        """The signed event that says this object is now `status`."""
        ends = time.monotonic() + timeout
        with self._arrived:
            while True:
                for got in self.received:
                    told = got.event.get("object", {})
                    if told.get("id") == object_id and told.get("status") == status:
                        return got
                if not self._arrived.wait(max(0.0, ends - time.monotonic())) and time.monotonic() >= ends:
                    return None
