"""A file by URL: resumed where it broke off, hashed as a whole, and only then given its name."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx

from ml.errors import PackError
from ml.packs.pack import sha256_of

Progress = Callable[[int, int | None], None]  # bytes so far, bytes in all if the server says

LIMIT = 4 * 1024**3  # bytes; ten times the largest recogniser we know, a stop for servers that never end
TRIES = 5  # each goes on where the last one stopped
PAUSE = 1.0  # seconds before the second try, doubled each time
_TIMEOUT = httpx.Timeout(30.0)  # seconds without a byte


def download(
    url: str, *, sha256: str, folder: Path, progress: Progress = lambda done, total: None, pause: float = PAUSE
) -> Path:
    """`folder/<sha256>`, whole and verified; at once if it is there. PackError(pack_download | pack_corrupt).

    What arrived before a break stays in `<sha256>.part` and is asked for no more (HTTP Range).
    """
    folder.mkdir(parents=True, exist_ok=True)
    place, part = folder / sha256, folder / f"{sha256}.part"
    if place.exists() and sha256_of(place) == sha256:
        return place
    _fetch(url, part, progress, pause)
    actual = sha256_of(part)
    if actual != sha256:
        part.unlink()  # resuming a wrong file would never end well
        raise PackError("pack_corrupt", f"{url} has SHA-256 {actual}, expected {sha256}: thrown away")
    part.replace(place)
    return place


def _fetch(url: str, part: Path, progress: Progress, pause: float) -> None:
    for attempt in range(TRIES):
        try:
            _continue(url, part, progress)
            return
        except httpx.TransportError as error:
            if attempt == TRIES - 1:
                raise PackError(
                    "pack_download", f"{url} broke off {TRIES} times ({error}); run it again to go on", retryable=True
                ) from error
            time.sleep(pause * 2**attempt)


def _continue(url: str, part: Path, progress: Progress) -> None:
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    # identity: a Range counts bytes of the file, not of a compressed transfer
    headers["Accept-Encoding"] = "identity"
    with httpx.stream("GET", url, headers=headers, follow_redirects=True, timeout=_TIMEOUT) as response:
        if response.status_code == 416:  # nothing left: the hash will say whether it is the right file
            return
        if response.status_code not in (200, 206):
            raise PackError(
                "pack_download", f"{url} answered {response.status_code}", retryable=response.status_code >= 500
            )
        if response.status_code == 200:  # the server does not do ranges
            have = 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length and length.isdigit() else None
        _append(response, part, have, total, progress)


def _append(response: httpx.Response, part: Path, have: int, total: int | None, progress: Progress) -> None:
    with part.open("ab") as stream:
        stream.truncate(have)
        for chunk in response.iter_raw():  # as they come: a chunk still being filled would be lost in a break
            stream.write(chunk)
            have += len(chunk)
            if have > LIMIT:
                raise PackError("pack_download", f"{response.url} goes on beyond {LIMIT} bytes")
            progress(have, total)
