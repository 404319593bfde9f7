"""The embedded servers start, survive and end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from kyc.localstack import Stack, StackError, places
from kyc.localstack.server import _alive, _children


def processes_of(stack: Stack) -> list[int]:
    pids = [p for p in (stack.postgres.pid(), stack.valkey.pid()) if p]
    return pids + [child for p in pids for child in _children(p)]


def say(stack: Stack, *words: str) -> bytes:
    """One command to Valkey, in its wire protocol."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(stack.valkey.socket))
        s.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(w), w.encode()) for w in words))
        return s.recv(4096)


def test_a_first_start_makes_three_ordinary_roles_and_a_database_with_vectors(stack: Stack):
    with psycopg.connect(stack.urls.superuser) as c:
        roles = c.execute(
            "select rolname, rolsuper or rolbypassrls or rolcreatedb or rolcreaterole from pg_roles"
            " where rolname like 'vouch%' order by 1"
        ).fetchall()
        assert roles == [("vouch_app", False), ("vouch_owner", False), ("vouch_system", False)]
        assert c.execute("select '[1,0]'::vector <=> '[0,1]'::vector").fetchone() == (1.0,)
        assert c.execute("select current_setting('fsync'), current_setting('jit')").fetchone() == ("on", "off")


def test_the_owner_makes_tables_and_the_application_cannot(stack: Stack):
    with psycopg.connect(stack.urls.database_owner) as c:
        c.execute("create table t_a (id int)")
        c.execute("grant select on t_a to vouch_app")
    with psycopg.connect(stack.urls.database) as c:
        assert c.execute("select count(*) from t_a").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            c.execute("create table u (id int)")


def test_the_system_login_can_confine_itself_but_does_not_inherit(stack: Stack):
    with psycopg.connect(stack.urls.database_system) as c:
        c.execute("set local role vouch_app")
        assert c.execute("select current_user").fetchone() == ("vouch_app",)
    with psycopg.connect(stack.urls.database) as c, pytest.raises(psycopg.errors.InsufficientPrivilege):
        c.execute("set role vouch_system")


def test_the_sockets_are_private_and_there_is_no_port(stack: Stack):
    assert stack.urls.sockets.stat().st_mode & 0o777 == 0o700
    with psycopg.connect(stack.urls.superuser) as c:
        assert c.execute("select current_setting('listen_addresses')").fetchone() == ("",)
    assert b"noeviction" in say(stack, "CONFIG", "GET", "maxmemory-policy")


def test_both_killed_come_back_with_everything_committed(stack: Stack):
    with psycopg.connect(stack.urls.database_owner) as c:
        c.execute("create table t_b (id int)")
        c.execute("insert into t_b select generate_series(1, 1000)")
    say(stack, "SET", "k", "v")
    time.sleep(1.1)  # Valkey writes its log through every second
    family = processes_of(stack)
    stack.postgres.kill()
    stack.valkey.kill()
    assert not any(_alive(p) for p in family)
    began = time.monotonic()
    stack.start()
    assert time.monotonic() - began < 10
    with psycopg.connect(stack.urls.database_owner) as c:
        assert c.execute("select count(*) from t_b").fetchone() == (1000,)
    assert b"v" in say(stack, "GET", "k")


def test_a_postmaster_killed_alone_can_be_started_at_once(stack: Stack):
    with psycopg.connect(stack.urls.superuser) as busy:
        os.kill(stack.postgres.pid(), signal.SIGKILL)  # its children are still leaving
        stack.start()
        with pytest.raises(psycopg.OperationalError):
            busy.execute("select 1")
    with psycopg.connect(stack.urls.superuser) as c:
        assert c.execute("select 1").fetchone() == (1,)


def test_a_stale_pid_file_that_names_a_living_stranger_does_not_matter(stack: Stack):
    stack.stop()
    (stack.postgres.directory / "postmaster.pid").write_text(f"{os.getpid()}\n")
    stack.start()
    assert all(stack.status().values())


def test_stop_leaves_no_process_behind(stack: Stack):
    family = processes_of(stack)
    assert len(family) > 5
    stack.stop()
    assert not any(_alive(p) for p in family)
    assert stack.status() == {"postgres": None, "valkey": None}


def test_stop_of_a_paused_server_still_ends_it(stack: Stack, monkeypatch):
    monkeypatch.setattr("kyc.localstack.server.STOP_WITHIN", 0.5)
    pid = stack.valkey.pid()
    os.kill(pid, signal.SIGSTOP)
    stack.stop()
    assert not _alive(pid)


def test_starters_do_not_race(home: Path):
    code = f"from kyc.localstack import Stack; from pathlib import Path; Stack(Path({str(home)!r})).start()"
    starters = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(4)]
    assert [s.wait(60) for s in starters] == [0, 0, 0, 0]
    stack = Stack(home)
    try:
        assert all(stack.status().values())
    finally:
        stack.erase()


@pytest.mark.parametrize("after", [0.1, 0.35, 0.7])
def test_a_starter_killed_at_any_moment_leaves_a_state_that_starts(home: Path, after: float):
    code = f"from kyc.localstack import Stack; from pathlib import Path; Stack(Path({str(home)!r})).start()"
    starter = subprocess.Popen([sys.executable, "-c", code])
    time.sleep(after)
    starter.kill()
    starter.wait()
    stack = Stack(home)
    try:
        urls = stack.start()
        with psycopg.connect(urls.database_owner) as c:
            assert c.execute("select '[1]'::vector is not null").fetchone() == (True,)
    finally:
        stack.erase()


def test_the_last_user_to_leave_turns_it_off(home: Path):
    with Stack(home):
        with Stack(home):
            pass
        assert all(Stack(home).status().values())
    assert not any(Stack(home).status().values())


def test_a_stack_that_was_told_to_stay_outlives_its_users(home: Path):
    stack = Stack(home)
    stack.start(keep=True)
    with Stack(home):
        pass
    assert all(stack.status().values())
    stack.erase()


def test_a_long_or_odd_path_gets_a_short_socket_directory(home: Path):
    odd = home / "a place, with spaces" / ("x" * 60)
    stack = Stack(odd)
    try:
        urls = stack.start()
        assert len(str(urls.sockets)) <= places.LONGEST_SOCKET_DIRECTORY
        with psycopg.connect(urls.database) as c:
            assert c.execute("select 1").fetchone() == (1,)
    finally:
        stack.erase()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root lends the servers another account")
def test_roots_stack_leaves_a_home_that_the_servers_cannot_enter(home: Path):
    home.chmod(0o700)
    stack = Stack(home)
    try:
        assert home not in stack.state.parents
        stack.start()
        assert all(stack.status().values())
    finally:
        stack.erase()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs a second user")
def test_a_directory_of_another_user_is_refused(home: Path):
    (home / "stack").mkdir()
    os.chown(home / "stack", 12345, 12345)
    with pytest.raises(StackError, match="VOUCH_HOME"):
        Stack(home)


def test_a_copy_of_a_database_has_what_the_original_had(stack: Stack):
    with psycopg.connect(stack.urls.database_owner) as c:
        c.execute("create table t_c (id int)")
    urls = stack.create_database("copy", template="vouch")
    with psycopg.connect(urls.database_owner) as c:
        c.execute("select * from t_c")
    stack.drop_database("copy")
    stack.drop_database("copy")  # gone is gone
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(urls.database_owner)


def test_the_package_needs_no_django():
    code = "import kyc.localstack, sys; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
