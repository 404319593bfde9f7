"""Both servers together, under one lock."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from kyc.localstack import places
from kyc.localstack.postgres import Postgres
from kyc.localstack.urls import Urls
from kyc.localstack.valkey import Valkey


class Stack:
    """PostgreSQL and Valkey with their state under `home/stack`.

    `start` and `stop` may be called by any number of processes at once. As a context manager it is shared:
    the last one to leave stops the servers, unless `start` was asked to keep them.
    """

    def __init__(self, home: Path):
        who = places.account()
        self.state = places.state_directory(Path(home), who)
        sockets = places.socket_directory(self.state, who)
        with self._alone():
            programs = places.programs(self.state / "programs", who)
        self.postgres = Postgres(self.state / "postgres", sockets, who, programs.postgres)
        self.valkey = Valkey(self.state / "valkey", sockets, who, programs.valkey)
        self.urls = Urls(sockets)
        self._kept = self.state / "kept"
        self._using: IO | None = None

    def start(self, *, keep: bool = False) -> Urls:
        """Bring both up and make roles and database on the first start. Raises StackError."""
        with self._alone():
            if keep:
                self._kept.touch()
            self.postgres.start()
            self.valkey.start()
            done = self.postgres.directory.with_name("provisioned")
            if not done.exists():
                self.postgres.provision()
                done.touch()
        return self.urls

    def stop(self) -> None:
        """End both, whoever uses them."""
        with self._alone():
            self._kept.unlink(missing_ok=True)
            self._stop()

    def erase(self) -> None:
        """Stop, and forget everything: databases, queues, logs."""
        self.stop()
        shutil.rmtree(self.urls.sockets, ignore_errors=True)
        shutil.rmtree(self.state, ignore_errors=True)

    def _stop(self) -> None:
        self.valkey.stop()
        self.postgres.stop()

    def status(self) -> dict[str, int | None]:
        """The pid of each server, None where it does not run or does not answer."""
        return {s.name: s.pid() if s.ready() else None for s in (self.postgres, self.valkey)}

    def create_database(self, name: str, template: str | None = None) -> Urls:
        return self.postgres.create_database(name, template)

    def drop_database(self, name: str) -> None:
        self.postgres.drop_database(name)

    def __enter__(self) -> Urls:
        # a shared lock counts the users, and the kernel lets go of it for one that was killed
        self._using = (self.state / "users").open("w")
        fcntl.flock(self._using, fcntl.LOCK_SH)
        return self.start()

    def __exit__(self, *_) -> None:
        assert self._using is not None
        with self._alone():
            try:
                fcntl.flock(self._using, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                pass  # somebody else still works here
            else:
                if not self._kept.exists():
                    self._stop()
            finally:
                self._using.close()
                self._using = None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.state / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
