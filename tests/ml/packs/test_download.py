"""Pulling from a real server on this machine: broken off, resumed, wrong, slow to answer."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from ml.errors import PackError
from ml.packs.download import download

FILE = np.random.default_rng(0).bytes(1_000_000)
DIGEST = hashlib.sha256(FILE).hexdigest()


@dataclass
class Server:
    url: str = ""
    body: bytes = FILE
    breaks_after: list[int] = field(default_factory=list)  # bytes sent before hanging up, one per request
    ranges: bool = True
    statuses: list[int] = field(default_factory=list)  # answered first
    asked: list[str | None] = field(default_factory=list)  # the Range of each request


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            state.asked.append(wanted)
            if state.statuses:
                self.send_error(state.statuses.pop(0))
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and state.ranges else 0
            if start >= len(state.body):
                self.send_error(416)
                return
            rest = state.body[start:]
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest[: state.breaks_after.pop(0)] if state.breaks_after else rest)

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{http.server_port}/weights.bin"
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield state
    http.shutdown()
    http.server_close()


def fetch(server: Server, folder: Path, **options) -> Path:
    return download(server.url, sha256=DIGEST, folder=folder, pause=0.001, **options)


def test_a_whole_file_arrives_under_its_hash(server: Server, tmp_path: Path):
    seen: list[tuple[int, int | None]] = []
    path = fetch(server, tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert path.name == DIGEST and path.read_bytes() == FILE
    assert seen[-1] == (len(FILE), len(FILE))
    fetch(server, tmp_path)
    assert len(server.asked) == 1  # what is there is not asked for again


def test_a_broken_transfer_goes_on_where_it_stopped(server: Server, tmp_path: Path):
    server.breaks_after = [400_000, 300_000]
    assert fetch(server, tmp_path).read_bytes() == FILE
    assert server.asked == [None, "bytes=400000-", "bytes=700000-"]


def test_a_run_that_gave_up_is_resumed_by_the_next(server: Server, tmp_path: Path):
    server.breaks_after = [100_000] * 5
    with pytest.raises(PackError, match="pack_download") as stopped:
        fetch(server, tmp_path)
    assert stopped.value.retryable
    assert fetch(server, tmp_path).read_bytes() == FILE
    assert server.asked[-1] == "bytes=500000-"


def test_a_server_without_ranges_starts_over(server: Server, tmp_path: Path):
    server.breaks_after, server.ranges = [400_000], False
    assert fetch(server, tmp_path).read_bytes() == FILE


def test_other_bytes_are_thrown_away_and_never_get_the_name(server: Server, tmp_path: Path):
    server.body = FILE[:-1] + b"?"
    with pytest.raises(PackError, match="pack_corrupt"):
        fetch(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_longer_part_of_another_file_does_not_block_for_ever(server: Server, tmp_path: Path):
    (tmp_path / f"{DIGEST}.part").write_bytes(b"x" * (len(FILE) + 1))
    with pytest.raises(PackError, match="pack_corrupt"):
        fetch(server, tmp_path)
    assert fetch(server, tmp_path).read_bytes() == FILE


@pytest.mark.parametrize(("status", "retryable"), [(404, False), (403, False), (503, True)])
def test_a_refusal_says_whether_trying_again_helps(server: Server, tmp_path: Path, status: int, retryable: bool):
    server.statuses = [status]
    with pytest.raises(PackError, match=f"answered {status}") as refused:
        fetch(server, tmp_path)
    assert refused.value.retryable is retryable


def test_nobody_listening_is_retryable(tmp_path: Path):
    with pytest.raises(PackError, match="pack_download") as refused:
        download("http://127.0.0.1:9/x", sha256=DIGEST, folder=tmp_path, pause=0.001)
    assert refused.value.retryable
