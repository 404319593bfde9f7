from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from kyc.localstack import Urls
from tests import database
from tests.conftest import STACK, URLS, _use

LOG_TABLES = ("audit_event", "audit_leaf", "audit_node", "audit_checkpoint", "audit_publication")


@pytest.fixture
def vault_of_its_own(settings, tmp_path):
    """A signing key and a WORM directory that no other test writes to."""
    settings.AUDIT_KEYS = tmp_path / "keys"
    settings.AUDIT_WORM_URL = f"file://{tmp_path / 'worm'}"
    return tmp_path


@pytest.fixture(scope="module")
def log_database(template: str) -> Iterator[Urls]:
    """One database for a module whose tests look at whole logs; making one for each test takes seconds."""
    name = f"{database.MINE}_log"
    STACK.drop_database(name)
    yield STACK.create_database(name, template=template)
    STACK.drop_database(name)


@pytest.fixture
def empty_log(committed_db, log_database: Urls) -> Iterator[Urls]:
    """A database in which nothing was ever logged."""
    with psycopg.connect(log_database.superuser, autocommit=True) as c:
        for table in LOG_TABLES:
            c.execute(f"alter table {table} disable trigger append_only")
        c.execute(f"truncate {', '.join(LOG_TABLES)}, audit_head restart identity")
        c.execute("update audit_horizon set mark = 0, candidate = 0, candidate_xid = 0")
        for table in LOG_TABLES:
            c.execute(f"alter table {table} enable always trigger append_only")
    _use(log_database)
    yield log_database
    _use(URLS)
