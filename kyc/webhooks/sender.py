"""One signed POST to a stranger's server: bounded in time, in bytes read, and in where it may go.

No database, no Django. `Sender.send` never raises for what the other side does: it returns an Outcome.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import httpcore

from kyc.webhooks.addresses import Reach
from kyc.webhooks.network import AddressRefused, Deadline, PinnedBackend, Resolver, Unresolved, system_resolver
from kyc.webhooks.targets import PORTS, Target, UrlRefused, parse

TOTAL = 10.0  # seconds for everything; a receiver should store the event and answer, not work on it
MAX_RESPONSE = 64_000  # bytes of body read, and thrown away: only the status counts
BODY_GRACE = 2.0  # seconds after the status for the body to end, so that ordinary receivers see no reset
REDIRECTS = range(300, 400)

ErrorClass = Literal[
    "url_refused",  # the URL breaks a rule of kyc.webhooks.targets
    "address_refused",  # the name resolves to an address that is not public
    "unresolved",  # no such name, or its DNS does not answer
    "connect",  # nobody listens, or the network is in the way
    "tls",  # certificate or handshake
    "timeout",  # not done within TOTAL
    "protocol",  # the answer is not HTTP, or ended early
    "redirect",  # 3xx: not followed
    "status",  # any other status than 2xx
]


@dataclass(frozen=True, slots=True)
class Outcome:
    status: int | None  # HTTP status, None when there was no answer
    error: ErrorClass | None  # None: the receiver took the event (2xx)
    duration: float  # seconds
    address: str | None = None  # the IP connected to
    retry_after: int | None = None  # seconds the receiver asked for (429 and 503)

    @property
    def delivered(self) -> bool:
        return self.error is None


@dataclass(frozen=True)
class Sender:
    reach: Reach = field(default_factory=Reach)
    ports: frozenset[int] = PORTS
    ca_file: str | None = None  # PEM; a bank's own authority. None: the system's store
    total: float = TOTAL  # seconds
    resolver: Resolver = field(default=system_resolver)

    def send(self, url: str, *, body: bytes, headers: Mapping[str, str]) -> Outcome:
        started = time.monotonic()
        backend = PinnedBackend(reach=self.reach, deadline=Deadline(self.total), resolver=self.resolver)
        status, retry_after = None, None
        try:
            target = parse(url, self.reach, self.ports)
            status, retry_after = self._exchange(target, backend, body, headers)
            error = _judge(status)
        except Exception as e:
            error = _classify(e)
        return Outcome(status, error, time.monotonic() - started, backend.address, retry_after)

    def _exchange(
        self, target: Target, backend: PinnedBackend, body: bytes, headers: Mapping[str, str]
    ) -> tuple[int, int | None]:
        """(status, Retry-After). A fresh connection each time: a kept one would outlive its judgement."""
        url = httpcore.URL(
            scheme=target.scheme.encode(), host=target.host.encode(), port=target.port, target=target.path.encode()
        )
        fields = {"Host": target.authority, "Content-Length": str(len(body)), "Connection": "close", **headers}
        with (
            httpcore.ConnectionPool(ssl_context=_tls(self.ca_file), network_backend=backend, http2=False) as pool,
            pool.stream("POST", url, headers=list(fields.items()), content=body) as response,
        ):
            backend.deadline.shorten(BODY_GRACE)
            _discard(response)
            return response.status, _retry_after(response)


@lru_cache(maxsize=4)  # reading the authorities costs tens of milliseconds
def _tls(ca_file: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca_file)


def _discard(response: httpcore.Response) -> None:
    """Read what there is up to MAX_RESPONSE. A body that stalls, breaks off or never ends changes nothing."""
    read = 0
    with suppress(httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError):
        for chunk in response.iter_stream():
            read += len(chunk)
            if read >= MAX_RESPONSE:
                return


def _judge(status: int) -> ErrorClass | None:
    if 200 <= status < 300:
        return None
    return "redirect" if status in REDIRECTS else "status"


def _retry_after(response: httpcore.Response) -> int | None:
    if response.status not in (429, 503):
        return None
    value = next((v for name, v in response.headers if name.lower() == b"retry-after"), b"")
    return int(value) if value.isdigit() and len(value) <= 6 else None


def _classify(e: Exception) -> ErrorClass:
    if isinstance(e, UrlRefused):
        return "url_refused"
    if isinstance(e, AddressRefused):
        return "address_refused"
    if isinstance(e, Unresolved):
        return "unresolved"
    if isinstance(e, httpcore.TimeoutException):
        return "timeout"
    if isinstance(e, httpcore.ConnectError):
        # httpcore wraps the handshake's failure; the certificate is what the operator must be told about
        return "tls" if isinstance(e.__context__, ssl.SSLError) or isinstance(e.__cause__, ssl.SSLError) else "connect"
    if isinstance(e, httpcore.NetworkError | httpcore.ProtocolError):
        return "protocol"
    raise e
