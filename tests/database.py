"""The suite's databases: one server for every run in this checkout, one template for each set of migrations.

The server stays with whoever uses it last (kyc.localstack counts), so a second run beside the first shares it.
Migrating takes seconds, copying a migrated database a tenth of one: the template is made once for what the
migrations say now, and every test process works in a copy of its own.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from kyc.localstack import Stack, Urls
from tests.data import REPOSITORY

HOME = REPOSITORY / "var" / "tests"
MINE = f"test_{os.getpid()}"
KEPT_TEMPLATES = 4  # a few branches' worth


def template_name() -> str:
    """Changes whenever a migration, or something that migrations are made of, changes."""
    kyc = REPOSITORY / "kyc"
    sources = [p for p in kyc.rglob("*") if p.suffix in (".py", ".sql") and _shapes_the_schema(p)]
    digest = hashlib.sha256()
    for source in sorted(sources):
        digest.update(f"{source.relative_to(kyc)}\0".encode() + source.read_bytes())
    return f"template_{digest.hexdigest()[:12]}"


def _shapes_the_schema(path: Path) -> bool:
    return (
        "migrations" in path.parts
        or path.suffix == ".sql"
        or path.name in ("apps.py", "settings.py")
        or any(word in path.name for word in ("rls", "sql", "triggers"))
    )


def ensure_template(stack: Stack) -> str:
    """The name of a migrated database that nobody is connected to."""
    name = template_name()
    with psycopg.connect(stack.urls.superuser, autocommit=True) as c:
        c.execute("select pg_advisory_lock(hashtext('vouch tests'))")  # until this connection closes
        _forget_the_dead(c)
        if not c.execute("select 1 from pg_database where datname = %s and datistemplate", [name]).fetchone():
            stack.drop_database(name)  # left half-migrated by a run that was interrupted
            migrate(stack.create_database(name))
            c.execute(
                sql.SQL("alter database {} is_template true allow_connections false").format(sql.Identifier(name))
            )
    return name


def migrate(urls: Urls) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--database", "owner", "--verbosity", "0", "--skip-checks"],
        cwd=REPOSITORY,
        env=os.environ | urls.env() | {"VOUCH_PROCESS": "manage"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-12:])
        pytest.fail(f"the migrations do not run on an empty database:\n{last}", pytrace=False)


def _forget_the_dead(c: psycopg.Connection) -> None:
    """Databases of test processes that were killed, and templates nobody needed for a while."""
    names = [row[0] for row in c.execute("select datname from pg_database where datname like 'test\\_%'")]
    dead = [n for n in names if not Path(f"/proc/{n.split('_')[1]}").exists()]
    old = c.execute(
        "select datname from pg_database where datname like 'template\\_%%' order by oid desc offset %s",
        [KEPT_TEMPLATES],
    )
    for name in [*dead, *(row[0] for row in old)]:
        c.execute(sql.SQL("alter database {} is_template false").format(sql.Identifier(name)))
        c.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))
