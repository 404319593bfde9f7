"""What a confined process can still do, tried by one that has been taken over."""

from __future__ import annotations

import json
import struct
import subprocess
import sys

import pytest

from ml.decode.confine import SYSCALLS, seccomp_program
from tests.data import REPOSITORY

ATTEMPTS = """
import ctypes, json, mmap, os, socket, sys
sys.path.insert(0, {root!r})
from ml.decode.confine import lock_down
secret = {secret!r}
held = lock_down(memory=1 << 30, cpu_seconds=5)
def tried(what):
    try:
        what()
        return "done"
    except BaseException as error:
        return type(error).__name__
said = dict(
    held=held,
    read_a_key=tried(lambda: open(secret).read()),
    list_processes=tried(lambda: os.listdir("/proc")),
    reach_the_database=tried(lambda: socket.socket(socket.AF_UNIX)),
    reach_the_network=tried(lambda: socket.socket(socket.AF_INET)),
    fork=tried(os.fork),
    run_a_program=tried(lambda: os.execv("/bin/true", ["true"])),
    kill_the_parent=tried(lambda: os.kill(os.getppid(), 9)),
    become_root=tried(lambda: os.setuid(0)),
    take_two_gigabytes=tried(lambda: bytearray(2 << 30)),
    raise_a_limit=tried(lambda: __import__("resource").setrlimit(7, (100, 100))),
)
os.write(1, json.dumps(said).encode())
os._exit(0)
"""


@pytest.fixture(scope="module")
def attempts(tmp_path_factory):
    secret = tmp_path_factory.mktemp("keys") / "master.key"
    secret.write_text("secret")
    code = ATTEMPTS.format(root=str(REPOSITORY), secret=str(secret))
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    said = json.loads(done.stdout)
    if not said["held"]["system_calls"]:
        pytest.skip("this kernel grants no system call filter: Caged.confinement says so, too")
    return said


@pytest.mark.parametrize(
    "attempt",
    [
        "read_a_key",
        "list_processes",
        "reach_the_database",
        "reach_the_network",
        "fork",
        "run_a_program",
        "kill_the_parent",
        "become_root",
        "raise_a_limit",
    ],
)
def test_what_decoding_does_not_need_is_refused(attempts, attempt):
    assert attempts[attempt] in ("PermissionError", "ValueError")  # setrlimit says the latter


def test_memory_ends_at_the_limit(attempts):
    assert attempts["take_two_gigabytes"] == "MemoryError"


@pytest.mark.parametrize("machine", sorted(SYSCALLS))
def test_the_filter_lets_listed_calls_pass_and_no_others(machine):
    """Run the BPF program by hand, as the kernel would."""
    architecture, calls = SYSCALLS[machine]
    for number in range(500):
        assert run(seccomp_program(machine), number, architecture) == (
            0x7FFF0000 if number in calls.values() else 0x00050001
        )
    assert run(seccomp_program(machine), 0, architecture ^ 1) == 0x80000000
    assert run(seccomp_program(machine), 0x40000000, architecture) == 0x80000000


def run(program: bytes, number: int, architecture: int) -> int:
    steps = [struct.unpack_from("HBBI", program, at) for at in range(0, len(program), 8)]
    at = word = 0
    while True:
        code, yes, no, value = steps[at]
        if code == 0x06:
            return value
        if code == 0x20:
            word = {0: number, 4: architecture}[value]
            at += 1
        else:
            holds = word == value if code == 0x15 else word >= value
            at += 1 + (yes if holds else no)
