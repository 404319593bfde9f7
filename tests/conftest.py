"""Real servers for every test; see tests/database.py for how they are shared.

Tests that take `db` run in a transaction that is rolled back. Tests that need real commits (several logins,
several connections, another process) take `committed_db` and make a tenant of their own: nothing is cleaned up,
because the application's role may not truncate. Tests that count rows across tenants take `fresh_db`, an empty
database. All of them work as `vouch_app` under row-level security; `owner` is there to look behind it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest

from kyc.localstack import Stack, Urls
from tests import database
from tests.browser import browser, browser_program, page  # noqa: F401  (fixtures)
from tests.data import REPOSITORY, data_dir

# Settings are read when Django starts, so everything they read is said here, before.
STACK = Stack(database.HOME)
URLS = STACK.urls.for_database(database.MINE)
TEMPORARY = Path(tempfile.mkdtemp(prefix="vouch-test-home-"))
os.environ |= URLS.env() | {
    "DJANGO_SETTINGS_MODULE": "kyc.settings",
    "VOUCH_HOME": str(TEMPORARY),
    "VOUCH_PACKS": str(REPOSITORY / "var" / "packs"),
    "VOUCH_SECRET_KEY": "only-for-tests",
    "VOUCH_PROCESS": "test",
    "STORAGE_URL": f"file://{TEMPORARY}/evidence",
}
os.environ.setdefault("OMP_NUM_THREADS", "1")  # test processes share the cores; each taking all is slower
ALIASES = ("default", "system")


def pytest_configure(config: pytest.Config) -> None:
    """Load the settings, upon which pytest-django sets Django up; the engine's tests do without."""
    if not all("tests/ml" in argument for argument in config.args):
        from django.conf import settings

        assert settings.DATABASES


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes() -> None:
    """Each process of a parallel run has a database of its own: ours must not be inherited before it says so."""
    os.environ.pop("DJANGO_SETTINGS_MODULE", None)


def pytest_unconfigure() -> None:
    shutil.rmtree(TEMPORARY, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if data_dir() is None:
        for item in items:
            if item.get_closest_marker("data"):
                item.add_marker(pytest.mark.skip(reason="VOUCH_DATA names no local data"))


@pytest.fixture(scope="session")
def template() -> Iterator[str]:
    """The name of a migrated, empty database on running servers."""
    with STACK:
        yield database.ensure_template(STACK)


@pytest.fixture(scope="session")
def stack_urls(template: str) -> Iterator[Urls]:
    """The running servers and this process's own, migrated database."""
    STACK.create_database(database.MINE, template=template)
    yield URLS
    _disconnect()
    STACK.drop_database(database.MINE)


@pytest.fixture(scope="session")
def django_db_setup(stack_urls: Urls) -> None:
    """pytest-django's own would create the database as the application, which may not."""


@pytest.fixture
def _django_db_helper(request, django_db_setup, django_db_blocker) -> Iterator[None]:
    """What `db` and `@pytest.mark.django_db` do: a transaction per login, rolled back; or, if asked, commits."""
    marker = request.node.get_closest_marker("django_db")
    commits = {"transactional_db", "live_server", "committed_db", "fresh_db"} & set(request.fixturenames)
    with django_db_blocker.unblock():
        if commits or (marker and marker.kwargs.get("transaction")):
            yield
        else:
            with ExitStack() as transactions:
                for alias in ALIASES:
                    transactions.enter_context(_rolled_back(alias))
                yield


def _rolled_back(alias: str):
    from django.db import transaction

    class Atomic(transaction.Atomic):
        def __enter__(self):
            self._from_testcase = True  # code under test may still ask for a durable transaction of its own
            super().__enter__()

        def __exit__(self, *_):
            transaction.set_rollback(True, using=alias)
            super().__exit__(None, None, None)

    return Atomic(alias, savepoint=True, durable=False)


@pytest.fixture
def committed_db(_django_db_helper) -> None:
    """Commits are real and stay. Make a tenant of your own; count only what is yours."""


@pytest.fixture
def fresh_db(_django_db_helper, template: str) -> Iterator[Urls]:
    """A migrated database with nothing in it, for tests that look across tenants. Gone afterwards."""
    name = f"{database.MINE}_fresh"
    STACK.drop_database(name)
    urls = STACK.create_database(name, template=template)
    _use(urls)
    yield urls
    _use(URLS)
    STACK.drop_database(name)


@pytest.fixture
def owner(stack_urls: Urls) -> Iterator[psycopg.Cursor]:
    """A cursor of the tables' owner, on what is committed: for looking behind the application's back."""
    with psycopg.connect(_present().database_owner, autocommit=True) as c:
        yield c.cursor()


@pytest.fixture
def superuser(stack_urls: Urls) -> Iterator[psycopg.Cursor]:
    """A cursor of PostgreSQL's superuser: the attacker that the audit log must withstand."""
    with psycopg.connect(_present().superuser, autocommit=True) as c:
        yield c.cursor()


@pytest.fixture
def own_stack() -> Iterator[Stack]:
    """Servers that a test may kill: nobody else's, empty but for roles and the database `vouch`."""
    # not pytest's tmp_path: that lies under a 0700 directory, which moves root's stack elsewhere
    home = Path(tempfile.mkdtemp(prefix="vouch-stack-"))
    home.chmod(0o755)
    stack = Stack(home)
    stack.start()
    yield stack
    stack.erase()
    shutil.rmtree(home, ignore_errors=True)


def _use(urls: Urls) -> None:
    """Point every login of this process at another database."""
    from django.db import connections

    _disconnect()
    for alias in connections:
        connections[alias].settings_dict["NAME"] = urls.name
    os.environ.update(urls.env())  # and the processes that a test starts


def _present() -> Urls:
    from django.db import connections

    return URLS.for_database(connections["default"].settings_dict["NAME"])


def _disconnect() -> None:
    from django.db import connections

    connections.close_all()
