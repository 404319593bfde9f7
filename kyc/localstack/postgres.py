"""PostgreSQL with pgvector on a local socket, its three roles and its databases."""

from __future__ import annotations

import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg
from psycopg import sql

from kyc.localstack.errors import StackError
from kyc.localstack.places import Account
from kyc.localstack.server import ENVIRONMENT, Server
from kyc.localstack.urls import Urls

INITDB = (
    "--username=postgres",
    "--auth=trust",  # the socket's directory is the lock
    "--encoding=UTF8",
    "--locale=C",
    "--locale-provider=builtin",  # the same order of strings on every machine, whatever its libc
    "--builtin-locale=C.UTF-8",
    "--data-checksums",
)
SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # "accepted means never lost" rests on these three; a benchmark that turns them off measures another product
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "200",  # web threads + workers + relay, twice over for the tests' parallel stacks
    "shared_buffers": "128MB",  # a laptop's share; a deployment sets its own
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",  # an HNSW build that spills is ten times slower
    "jit": "off",  # compiling costs more than our short queries take
    "random_page_cost": "1.1",  # SSD
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "log_error_verbosity": "terse",  # DETAIL lines quote the row: personal data does not belong in a log
    "log_min_error_statement": "panic",
}


class Postgres(Server):
    name = "postgres"
    shutdown = signal.SIGINT  # "fast": end sessions, checkpoint, leave

    def __init__(self, directory: Path, sockets: Path, who: Account, programs: Path):
        super().__init__(directory, sockets, who)
        self.programs = programs
        self.urls = Urls(sockets)

    def marker(self) -> list[str]:
        return ["-D", str(self.directory)]

    def command(self) -> list[str]:
        settings = SETTINGS | {"unix_socket_directories": str(self.sockets)}
        return [str(self.programs / "postgres"), *self.marker(), *(f"--{k}={v}" for k, v in settings.items())]

    def prepare(self) -> None:
        if not (self.directory / "PG_VERSION").exists():
            self._initialise()
        # we hold the lock and the process table shows no server here: this file is left by a kill -9,
        # and its number may belong to a stranger by now
        (self.directory / "postmaster.pid").unlink(missing_ok=True)

    def _initialise(self) -> None:
        """A new cluster, made beside its place and renamed into it: an interrupted one is never mistaken for whole."""
        parent = self.directory.parent
        for left in parent.glob(".initdb-*"):
            shutil.rmtree(left, ignore_errors=True)
        draft = Path(tempfile.mkdtemp(dir=parent, prefix=".initdb-"))
        self.who.own(draft)
        done = subprocess.run(
            [str(self.programs / "initdb"), "-D", str(draft), *INITDB],
            cwd=draft,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env=ENVIRONMENT,
            **self.who.popen(),
        )
        if done.returncode:
            raise StackError(f"initdb failed: {done.stderr.strip() or done.stdout.strip()}")
        if self.directory.exists():
            self.directory.rmdir()  # only ever empty: a cluster has PG_VERSION
        draft.rename(self.directory)

    def ready(self) -> bool:
        # a bare connect succeeds while the server still recovers; pg_isready asks the right question
        answer = subprocess.run(
            [str(self.programs / "pg_isready"), "-q", "-h", str(self.sockets), "-U", "postgres", "-t", "2"],
            env=ENVIRONMENT,
            cwd="/",
        )
        return answer.returncode == 0

    def provision(self) -> None:
        """The roles and the database `vouch`. Running it again changes nothing."""
        with self._superuser("postgres") as c:
            c.execute(Path(__file__).with_name("roles.sql").read_bytes())
        if not self._exists("vouch"):
            self.create_database("vouch")
        self._furnish("vouch")  # also after a start that was killed between the two

    def create_database(self, name: str, template: str | None = None) -> Urls:
        """A database owned by vouch_owner, empty or a copy of `template` (which nobody may be connected to)."""
        with self._superuser("postgres") as c:
            c.execute(
                sql.SQL("create database {} owner vouch_owner template {}").format(
                    sql.Identifier(name), sql.Identifier(template or "template0")
                )
            )
        if template is None:
            self._furnish(name)
        return self.urls.for_database(name)

    def drop_database(self, name: str) -> None:
        """Gone, with its sessions; no complaint when it never was."""
        with self._superuser("postgres") as c:
            c.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))

    def _furnish(self, name: str) -> None:
        with self._superuser(name) as c:
            c.execute(Path(__file__).with_name("database.sql").read_bytes())

    def _exists(self, name: str) -> bool:
        with self._superuser("postgres") as c:
            return c.execute("select 1 from pg_database where datname = %s", [name]).fetchone() is not None

    def _superuser(self, database: str) -> psycopg.Connection:
        return psycopg.connect(self.urls.for_database(database).superuser, autocommit=True, connect_timeout=10)
