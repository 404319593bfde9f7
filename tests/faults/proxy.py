"""Stands between Vouch and its servers, on unix sockets, and misbehaves when told to.

    python -m tests.faults.proxy LISTEN_DIR UPSTREAM_DIR      commands on standard input:
    postgres delay 0.05 | postgres cut | postgres reset | postgres ok      (and the same for valkey)

`delay` holds every chunk for so many seconds; `cut` ends all connections and refuses new ones; `reset` ends all
connections once, in the middle of whatever they say; `ok` ends the trouble. A process of its own: the relaying must
not wait for the conductor's interpreter.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass, field
from pathlib import Path

SOCKETS = {"postgres": ".s.PGSQL.5432", "valkey": "valkey.sock"}
CHUNK = 65_536


@dataclass
class Line:
    """One server's lines."""

    upstream: str
    delay: float = 0.0  # seconds per chunk
    cut: bool = False
    open: set[asyncio.StreamWriter] = field(default_factory=set)

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_unix_connection(self.upstream)
        except OSError:
            writer.transport.abort()
            return
        self.open |= {writer, far_writer}
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        self.open -= {writer, far_writer}

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        try:
            while chunk := await source.read(CHUNK):
                if self.delay:
                    await asyncio.sleep(self.delay)
                sink.write(chunk)
                await sink.drain()
        except OSError:
            pass
        finally:
            sink.close()

    def reset(self) -> None:
        for writer in list(self.open):
            writer.transport.abort()


def obey(line: Line, order: str, value: str = "0") -> None:
    if order in ("cut", "reset"):
        line.reset()
    line.cut = order == "cut"
    line.delay = float(value) if order == "delay" else 0.0


async def main(listen: Path, upstream: Path) -> None:
    lines = {name: Line(str(upstream / socket)) for name, socket in SOCKETS.items()}
    for name, socket in SOCKETS.items():
        await asyncio.start_unix_server(lines[name].accept, str(listen / socket), limit=CHUNK)
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    print("ready", flush=True)
    while order := await orders.readline():
        name, *rest = order.decode().split()
        obey(lines[name], *rest)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2])))
