"""The broker: Valkey on a local socket."""

from __future__ import annotations

import socket
from pathlib import Path

from kyc.localstack.places import Account
from kyc.localstack.server import Server

OPTIONS = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",  # a restart finds its queues; the outbox covers the last second
    "save": "",  # no snapshots beside the log
    "maxmemory": "256mb",  # queues of ids: a hundred times what a full queue needs
    "maxmemory-policy": "noeviction",  # evicting a queue's binding would lose messages silently
    "set-proc-title": "no",  # the arguments are how the process is found again
    "loglevel": "warning",
}


class Valkey(Server):
    name = "valkey"

    def __init__(self, directory: Path, sockets: Path, who: Account, program: Path):
        super().__init__(directory, sockets, who)
        self.program = program
        self.socket = sockets / "valkey.sock"

    def marker(self) -> list[str]:
        return ["--dir", str(self.directory)]

    def command(self) -> list[str]:
        options = OPTIONS | {"unixsocket": str(self.socket)}
        return [str(self.program), *self.marker(), *(w for k, v in options.items() for w in (f"--{k}", v))]

    def prepare(self) -> None:
        super().prepare()
        self.socket.unlink(missing_ok=True)  # left by a kill -9

    def ready(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.settimeout(1)
                s.connect(str(self.socket))
                s.sendall(b"PING\r\n")
                return s.recv(16).startswith(b"+PONG")  # "-LOADING" while it reads its log
        except OSError:
            return False
