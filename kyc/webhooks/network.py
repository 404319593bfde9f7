"""The sockets under the sender: names are resolved, judged and connected to in one step, against one deadline.

httpcore asks this backend for a connection and then speaks TLS and HTTP with the *name* (SNI, certificate, Host),
while the socket goes to the very address that was judged. There is no second lookup for an attacker's DNS to answer
differently (DNS rebinding).
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from queue import Empty, SimpleQueue

import httpcore

from kyc.webhooks.addresses import Reach

Resolver = Callable[[str, int], list[str]]  # (host, port) -> addresses, best first; OSError when there are none

CONNECT_EACH = 4.0  # seconds for one address, so that a dead first one leaves time for the second
MAX_ADDRESSES = 8  # more would only be a way to keep us connecting


class AddressRefused(Exception):
    """The name resolves to an address that webhooks may not reach."""


class Unresolved(Exception):
    """The name has no address, or its DNS did not answer in time."""


class Deadline:
    """A budget of seconds for the whole exchange: slow in every part is slow in sum."""

    def __init__(self, seconds: float):
        self._end = time.monotonic() + seconds

    def shorten(self, seconds: float) -> None:
        """At most this many seconds from now."""
        self._end = min(self._end, time.monotonic() + seconds)

    def left(self) -> float:
        """Seconds left; httpcore.ReadTimeout when none are."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the exchange ran out of time")
        return left


def system_resolver(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class PinnedBackend(httpcore.NetworkBackend):
    """Connects to judged addresses only. One per exchange: it carries that exchange's deadline."""

    def __init__(self, *, reach: Reach, deadline: Deadline, resolver: Resolver = system_resolver):
        self._reach, self.deadline, self._resolver = reach, deadline, resolver
        self.address: str | None = None  # what was connected to

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        addresses = self._judged(host, port)
        for position, address in enumerate(addresses, start=1):
            seconds = self.deadline.left() if position == len(addresses) else min(CONNECT_EACH, self.deadline.left())
            try:
                stream = httpcore.SyncBackend().connect_tcp(address, port, timeout=seconds)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if position == len(addresses):
                    raise
            else:
                self.address = address
                return DeadlineStream(stream, self.deadline)
        raise Unresolved(host)

    def connect_unix_socket(self, *args, **kwargs) -> httpcore.NetworkStream:
        raise AddressRefused("webhooks do not go to local sockets")

    def _judged(self, host: str, port: int) -> list[str]:
        """All of the name's addresses, or AddressRefused: a mixed answer is an attack or a mistake, not a choice."""
        addresses = _in_time(lambda: self._resolver(host, port), self.deadline)
        if not addresses:
            raise Unresolved(host)
        for address in addresses:
            if not self._reach.allows(address):
                raise AddressRefused(host)
        return addresses[:MAX_ADDRESSES]


class DeadlineStream(httpcore.NetworkStream):
    """A stream whose every read and write fits into what is left of the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline):
        self._stream, self.deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=self.deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=self.deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        inner = self._stream.start_tls(ssl_context, server_hostname, timeout=self.deadline.left())
        return DeadlineStream(inner, self.deadline)

    def get_extra_info(self, info: str):
        return self._stream.get_extra_info(info)


def _in_time(look_up: Callable[[], list[str]], deadline: Deadline) -> list[str]:
    """getaddrinfo takes no timeout, and a tenant's dead DNS server must not hold a worker: look up on a thread.

    A look-up that overruns ends by itself when the resolver library gives up (seconds to half a minute).
    """
    answer: SimpleQueue[list[str] | Exception] = SimpleQueue()

    def run() -> None:
        try:
            answer.put(look_up())
        except Exception as e:
            answer.put(e)

    threading.Thread(target=run, name="webhook-resolver", daemon=True).start()
    try:
        found = answer.get(timeout=deadline.left())
    except Empty:
        raise Unresolved("the name was not resolved in time") from None
    if isinstance(found, OSError | UnicodeError):
        raise Unresolved(str(found)) from found
    if isinstance(found, Exception):
        raise found
    return found
