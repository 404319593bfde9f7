"""Coverage-guided fuzzing of the upload path: `make fuzz`, or python -m tests.fuzz.upload --seconds 60.

Atheris (libFuzzer) guides by the branches of our own readers when it is installed (`pip install atheris`); without
it the corpus is mutated blindly. What must hold for every input, whatever it is:

- the gate answers with a Header or a Problem, within half a second;
- what passes the gate is normalised or refused with an ImageRefused, and nothing else escapes;
- what comes out is a JPEG that the gate itself accepts, of the size that was announced, without metadata.

Findings are written to var/fuzz/ and replayed by tests/fuzz/test_upload.py once copied to tests/fuzz/found/.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import resource
import sys
import time
from pathlib import Path

from kyc.core.errors import Problem
from kyc.evidence.cage.normalise import normalise
from kyc.evidence.errors import ImageRefused
from kyc.evidence.gate import admit
from kyc.evidence.limits import Limits

LIMITS = Limits(bytes=200_000, pixels=1_000_000)  # small, so that many inputs a second are tried
SLOW = 0.5  # seconds for a file of 200 kB; the bound in production is 15 MB in the same linear passes
HOME = Path(__file__).resolve().parents[2] / "var" / "fuzz"
INTERESTING = [0, 1, 2, 7, 8, 16, 63, 64, 127, 128, 216, 217, 218, 254, 255]


def one(data: bytes) -> str:
    """Try one input; AssertionError (or any escaped exception) is a finding. Returns what became of it."""
    began = time.process_time()
    try:
        header = admit(data, LIMITS)
    except Problem as refusal:
        assert time.process_time() - began < SLOW, "the gate is slow"
        return refusal.code
    assert time.process_time() - began < SLOW, "the gate is slow"
    assert header.width * header.height <= LIMITS.pixels and header.end <= len(data)
    try:
        done = normalise(data, header, stored_bytes=LIMITS.stored_bytes)
    except ImageRefused as refusal:
        return refusal.code
    except MemoryError:
        return "memory"
    again = admit(done.jpeg, Limits())
    assert (again.width, again.height) == (done.width, done.height)
    assert sorted((done.width, done.height)) == sorted((header.width, header.height))
    assert b"Exif" not in done.jpeg[:1000] and again.end == len(done.jpeg)
    return "accepted"


def seeds() -> list[bytes]:
    from tests.evidence import corpus

    whole = [*corpus.odd().values(), *(data for data, _ in corpus.bad().values())]
    return [data for data in whole if 0 < len(data) <= 20_000]


def mutated(data: bytes, other: bytes, by: random.Random) -> bytes:
    """One to eight small damages: a byte, a run, a cut, a copy, a splice with another seed."""
    work = bytearray(data)
    for _ in range(by.randint(1, 8)):
        at = by.randrange(len(work) or 1)
        match by.randrange(6):
            case 0 if work:
                work[at] = by.choice(INTERESTING)
            case 1 if work:
                work[at] ^= 1 << by.randrange(8)
            case 2:
                del work[at : at + by.randint(1, 64)]
            case 3:
                work[at:at] = by.randbytes(by.randint(1, 16))
            case 4:
                start = by.randrange(len(other))
                work[at:at] = other[start : start + by.randint(1, 400)]
            case 5:
                start = by.randrange(len(work) or 1)
                work[at:at] = work[start : start + by.randint(1, 200)]
    return bytes(work[: LIMITS.bytes + 10])


def guided(seconds: int, folder: Path) -> None:
    """libFuzzer's loop; ends the process itself when the time is over or something is found."""
    import atheris

    starting = folder / "corpus"
    starting.mkdir(exist_ok=True)
    for data in seeds():
        (starting / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    for name in ("formats", "headers", "gate"):
        module = sys.modules[f"kyc.evidence.{name}"]
        for function in [v for v in vars(module).values() if getattr(v, "__module__", "") == module.__name__]:
            if type(function).__name__ == "function":
                setattr(module, function.__name__, atheris.instrument_func(function))
    options = [f"-max_total_time={seconds}", f"-max_len={LIMITS.bytes}", f"-artifact_prefix={folder}/", "-timeout=20",
               "-rss_limit_mb=2048", "-print_final_stats=1"]  # fmt: skip
    atheris.Setup([sys.argv[0], *options, str(starting)], lambda data: one(data) and None)
    atheris.Fuzz()


def blind(seconds: int, folder: Path, seed: int) -> dict[str, int]:
    by, outcomes, started = random.Random(seed), {}, seeds()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        data = mutated(by.choice(started), by.choice(started), by)
        try:
            outcome = one(data)
        except BaseException:
            (folder / f"crash-{hashlib.sha256(data).hexdigest()[:16]}").write_bytes(data)
            raise
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
    return outcomes


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    parser.add_argument("--blind", action="store_true", help="without Atheris even if it is installed")
    given = parser.parse_args()
    HOME.mkdir(parents=True, exist_ok=True)
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    try:
        import atheris  # noqa: F401
    except ImportError:
        given.blind = True
    if not given.blind:
        guided(given.seconds, HOME)
        return
    print(f"without Atheris: blind mutation, seed {given.seed}")
    outcomes = blind(given.seconds, HOME, given.seed)
    for outcome, count in sorted(outcomes.items(), key=lambda item: -item[1]):
        print(f"{count:>8}  {outcome}")
    print(f"{sum(outcomes.values()):>8}  inputs, nothing found")


if __name__ == "__main__":
    main()
