"""Looking for what must not be there: known words, known bytes and a known vector, in every file below a directory.

A needle is searched in each form that software writes it: as it is, UTF-16, hexadecimal, base64 at its three
alignments; a vector as float16, float32 and float64 of either byte order and as decimals, approximately.
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ZEROS = re.compile(rb"\0{64,}")  # most of a fresh log and a third of a heap; positions are counted without them


@dataclass(frozen=True)
class Leak:
    what: str
    form: str
    file: str
    at: int

    def __str__(self) -> str:
        return f"{self.what} as {self.form} in {self.file} at byte {self.at}"


class Bytes:
    """Exact bytes, in every encoding. `fold`: letters of either case count (names, e-mail addresses)."""

    def __init__(self, what: str, data: bytes, *, fold: bool = False):
        self.what, self.fold = what, fold
        self.forms = dict(self._forms(data))

    def find(self, content: bytes, folded: bytes) -> Iterator[tuple[str, int]]:
        for form, pattern in self.forms.items():
            exact = form.startswith("base64") or not self.fold
            at = (content if exact else folded).find(pattern if exact else pattern.lower())
            if at >= 0:
                yield form, at

    def _forms(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        yield "itself", data
        yield "hexadecimal", data.hex().encode()
        if not self.fold:
            yield "upper hexadecimal", data.hex().upper().encode()
        for shift in range(3):
            # only the characters that neither the neighbours before nor those behind take part in
            whole = base64.b64encode(b"\0" * shift + data)
            start, end = -(-shift * 8 // 6), (shift + len(data)) * 8 // 6
            yield f"base64 +{shift}", whole[start:end]
            yield f"base64url +{shift}", whole[start:end].translate(bytes.maketrans(b"+/", b"-_"))
        if self.fold:
            yield "UTF-16", data.decode().encode("utf-16-le")


class Picture:
    """An encoded image: windows of its compressed data, anywhere in it."""

    def __init__(self, what: str, encoded: bytes, *, windows: int = 8, size: int = 24):
        self.what = what
        by = random.Random(what)
        starts = [by.randrange(len(encoded) // 3, len(encoded) - size) for _ in range(windows)]
        self.windows = [Bytes(what, encoded[at : at + size]) for at in starts]

    def find(self, content: bytes, folded: bytes) -> Iterator[tuple[str, int]]:
        for window in self.windows:
            yield from window.find(content, folded)


class Vector:
    """Any four neighbouring values of a vector, nearly equal: a recomputed embedding differs in its last bits.

    Only the upper 16 bits of each number are compared (sign, exponent, 4 to 10 bits of mantissa): four in a row by
    chance is one place in 10^17.
    """

    RUN = 4
    NEAR = 1e-4
    KINDS = {"float16": (np.float16, 1), "float32": (np.float32, 2), "float64": (np.float64, 4)}  # stride in words

    def __init__(self, what: str, vector: NDArray[np.float32]):
        self.what = what
        by = np.argsort(-np.convolve(np.abs(vector), np.ones(self.RUN), "valid"))[:3]
        self.runs = [vector[at : at + self.RUN] for at in sorted(by)]  # the largest values: no run of zeros is near
        self.words = {
            kind: [[self._upper_words(value, dtype) for value in run] for run in self.runs]
            for kind, (dtype, _) in self.KINDS.items()
        }

    def find(self, content: bytes, folded: bytes) -> Iterator[tuple[str, int]]:
        for order in "<>":
            for shift in (0, 1):
                words = np.frombuffer(content[shift:], f"{order}u2", count=max(0, len(content) - shift) // 2)
                words = words.astype(np.uint16)
                for kind, (_, stride) in self.KINDS.items():
                    for run in self.words[kind]:
                        for at in self._near(words, run, stride):
                            yield f"{order}{kind}", shift + 2 * at
                            break
        for run in self.runs:
            if match := re.search(self._decimals(run), content):
                yield "decimals", match.start()

    def _upper_words(self, value: np.float32, dtype: type) -> tuple[int, int]:
        """The lowest and highest upper half of a number within NEAR of the value."""
        near = max(self.NEAR, float(abs(value)) * 2**-10 if dtype is np.float16 else 0)
        edges = [dtype(float(value) + side * near) for side in (-1, 1)]
        written = np.array(edges, np.dtype(dtype).newbyteorder(">")).view(">u2")
        words = sorted(int(w) for w in written[:: len(written) // 2])
        return words[0], words[-1]

    def _near(self, words: NDArray[np.uint16], run: list[tuple[int, int]], stride: int) -> list[int]:
        last = len(words) - stride * (self.RUN - 1)
        if last <= 0:
            return []
        (low, high), *rest = run
        found = np.flatnonzero((words[:last] >= low) & (words[:last] <= high))
        for offset, (low, high) in enumerate(rest, start=1):
            there = words[found + offset * stride]
            found = found[(there >= low) & (there <= high)]
        return found.tolist()

    @staticmethod
    def _decimals(run: NDArray[np.float32]) -> bytes:
        """The first three digits after the point of each value, a separator between."""
        texts = []
        for value in run:
            digits = f"{abs(value):.5f}"[2:5]
            texts.append((rb"-" if value < 0 else rb"") + rb"0?\." + digits.encode() + rb"\d*(?:e-0?1)?")
        pattern = rb"[,\s\[\]\"]{1,3}".join(texts)
        return pattern[pattern.index(rb"\.") :]  # begins with plain characters: the search is then thirty times faster


Needle = Bytes | Picture | Vector


def search(root: Path, needles: list[Needle], *, skip: tuple[Path, ...] = ()) -> list[Leak]:
    """Every needle found in any file below `root`; at most one finding per needle, form and file."""
    found: list[Leak] = []
    looked_at = set()
    for path in sorted(p for p in root.rglob("*") if p.is_file() and not p.is_symlink()):
        if any(path.is_relative_to(s) for s in skip):
            continue
        try:
            content = ZEROS.sub(b"\0" * 8, path.read_bytes())
        except FileNotFoundError:  # servers come and go with files
            continue
        digest = hashlib.sha256(content).digest()
        if digest in looked_at:  # PostgreSQL keeps three copies of its catalogues, empty files and empty pages
            continue
        looked_at.add(digest)
        folded = content.lower()
        for needle in needles:
            seen = set()
            for form, at in needle.find(content, folded):
                if form not in seen:
                    seen.add(form)
                    found.append(Leak(needle.what, form, str(path.relative_to(root)), at))
    return found


def dump(program: Path, url: str, into: Path) -> None:
    """The whole cluster as SQL: what the heap holds compressed, a dump shows in full."""
    into.parent.mkdir(parents=True, exist_ok=True)
    with into.open("wb") as out:
        subprocess.run([program, "--dbname", url], stdout=out, check=True, timeout=120)
