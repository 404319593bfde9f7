"""One server process: found in the process table, started, stopped, killed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from pathlib import Path

from kyc.localstack.errors import StackError
from kyc.localstack.places import Account

START_WITHIN = 60.0  # seconds; recovery after kill -9 replays at most max_wal_size, a few seconds' work
STOP_WITHIN = 30.0  # seconds; a fast shutdown's checkpoint on a slow disk. After that, harder signals
TRIES = 10  # right after kill -9 the old server's children hold its shared memory for a moment
POLL = 0.02  # seconds
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}  # nothing of the caller's leaks in


class Server(ABC):
    """What both servers share. The process table is the truth: pid files lie after kill -9."""

    name: str
    shutdown = signal.SIGTERM

    def __init__(self, directory: Path, sockets: Path, who: Account):
        self.directory = directory
        self.sockets = sockets
        self.who = who
        self.log = directory.with_name(f"{self.name}.log")
        self._child: subprocess.Popen | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """Arguments; must contain `self.marker()`, by which the process is recognised later."""

    @abstractmethod
    def marker(self) -> list[str]:
        """Arguments next to each other that no other process on this machine has."""

    @abstractmethod
    def ready(self) -> bool:
        """Whether it serves requests now."""

    def prepare(self) -> None:
        """Make the directory fit to start in."""
        self.who.own(self.directory)

    def pid(self) -> int | None:
        if self._child is not None:
            self._child.poll()  # reaps it, so that its zombie does not count as running
        return next(iter(_processes_with(self.marker())), None)

    def start(self) -> None:
        """Start and wait until it serves; nothing to do when it already does. Raises StackError."""
        for _ in range(TRIES):
            if self.pid() is None:
                self.prepare()
                self._child = self._spawn()
            if self._serves():
                return
            time.sleep(0.2)
        raise StackError(f"{self.name} ended while starting. {self._last_words()}")

    def _serves(self) -> bool:
        """Wait for its first answer; False when it ends before."""
        deadline = time.monotonic() + START_WITHIN
        while not self.ready():
            if self.pid() is None:
                return False
            if time.monotonic() > deadline:
                raise StackError(f"{self.name} did not start within {START_WITHIN:.0f} s. {self._last_words()}")
            time.sleep(POLL)
        return True

    def _spawn(self) -> subprocess.Popen:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self.command(),
                cwd=self.directory,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=ENVIRONMENT,
                start_new_session=True,  # Ctrl-C in the terminal is for the program, not for its database
                **self.who.popen(),
            )

    def stop(self) -> None:
        """Ask, then insist. Returns when no process is left."""
        for sign in (self.shutdown, signal.SIGQUIT, signal.SIGKILL):
            pid = self.pid()
            if pid is None:
                return
            _signal(pid, sign)
            if self._gone_within(STOP_WITHIN):
                return
        raise StackError(f"{self.name} survived SIGKILL; the machine's storage may be hanging")

    def kill(self) -> None:
        """As a power cut would: no goodbye, the children too."""
        pid = self.pid()
        if pid is None:
            return
        family = [pid, *_children(pid)]
        for member in family:
            _signal(member, signal.SIGKILL)
        self._gone_within(STOP_WITHIN)
        deadline = time.monotonic() + STOP_WITHIN
        while any(_alive(member) for member in family) and time.monotonic() < deadline:
            time.sleep(POLL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def _gone_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        while self.pid() is not None:
            if time.monotonic() > deadline:
                return False
            time.sleep(POLL)
        return True

    def _last_words(self) -> str:
        if not self.log.exists():
            return "It wrote no log."
        lines = self.log.read_text(errors="replace").splitlines()[-8:]
        return f"The end of {self.log}:\n  " + "\n  ".join(lines)


def _processes_with(marker: list[str]) -> list[int]:
    """Pids whose arguments contain `marker`, parents first; zombies have no arguments and do not appear."""
    wanted = b"\0" + b"\0".join(os.fsencode(m) for m in marker) + b"\0"
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if wanted in b"\0" + (entry / "cmdline").read_bytes():
                found[int(entry.name)] = _parent(int(entry.name))
        except OSError:
            continue  # it ended while we looked
    # a server's freshly forked child carries its parent's arguments for a moment
    return [pid for pid, parent in found.items() if parent not in found]


def _stat(pid: int) -> list[str]:
    """State, parent, ... of a process (proc(5)); the command name before them may contain anything."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _parent(pid: int) -> int:
    return int(_stat(pid)[1])


def _children(pid: int) -> list[int]:
    children = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and _parent(int(entry.name)) == pid:
                children.append(int(entry.name))
        except OSError:
            continue
    return children


def _alive(pid: int) -> bool:
    try:
        return _stat(pid)[0] not in "ZX"  # a zombie under a parent that never reaps is as good as gone
    except OSError:
        return False


def _signal(pid: int, sign: int) -> None:
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        pass
