"""The deployment that docker/ describes, as far as it can be tried without a Docker engine."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from itertools import pairwise

import psycopg
import pytest
import yaml

from tests.data import REPOSITORY

COMPOSE = yaml.safe_load((REPOSITORY / "docker" / "compose.yml").read_text())
SERVICES: dict[str, dict] = COMPOSE["services"]
DOCKERFILE = (REPOSITORY / "docker" / "Dockerfile").read_text()
OURS = [name for name, service in SERVICES.items() if service["image"].startswith("vouch-")]
# read by boto3, not by us
FOREIGN = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_S3"}


def words(service: dict) -> list[str]:
    """A service's command with shell words taken apart."""
    command = service.get("command", [])
    return [w for part in command for w in (shlex.split(part) if " " in part else [part])]


def sources() -> str:
    trees = [REPOSITORY / tree for tree in ("kyc", "workers", "ml")]
    return "\n".join(p.read_text() for tree in trees for p in tree.rglob("*.py"))


def test_each_process_gets_the_logins_it_needs_and_no_more():
    logins = {name: {k for k in SERVICES[name]["environment"] if k.startswith("DATABASE")} for name in OURS}
    assert logins["web"] == {"DATABASE_URL"}
    assert logins["migrate"] == {"DATABASE_URL", "DATABASE_SYSTEM_URL", "DATABASE_OWNER_URL"}
    for name in ("relay", "schedule", "io", "gpu"):
        assert logins[name] == {"DATABASE_URL", "DATABASE_SYSTEM_URL"}


def test_every_variable_is_one_that_the_program_reads():
    code = sources()
    for name in OURS:
        for variable in set(SERVICES[name]["environment"]) - FOREIGN:
            assert f'"{variable}"' in code, f"{name} is given {variable}, which nothing reads"


def test_every_secret_has_a_line_in_the_example():
    asked = set(re.findall(r"\$\{(\w+):\?\}", (REPOSITORY / "docker" / "compose.yml").read_text()))
    offered = set(re.findall(r"^(\w+)=", (REPOSITORY / "docker" / "example.env").read_text(), re.M))
    assert asked == offered


def test_every_role_and_module_and_management_command_exists():
    from django.core.management import get_commands

    help_text = subprocess.run(
        [sys.executable, "-m", "workers", "--help"], cwd=REPOSITORY, capture_output=True, text=True, check=True
    ).stdout
    for name in OURS:
        said = words(SERVICES[name])
        for before, word in pairwise(said):
            if before == "-m":
                assert find_spec(word), f"{name}: no module {word}"
            elif before == "--role":
                assert word in help_text, f"{name}: workers know no role {word}"
            elif before == "manage.py":
                assert word in get_commands(), f"{name}: no management command {word}"


def test_every_mounted_and_copied_file_exists():
    mounts = [v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", []) if v.startswith("./")]
    copied = [
        path
        for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M)
        for path in line.split()[:-1]
    ]  # fmt: skip
    assert len(mounts) == 3
    for path in [*mounts, *copied]:
        assert (REPOSITORY / path).exists(), path


def test_what_is_copied_is_not_ignored():
    kept = {line[1:] for line in (REPOSITORY / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {path.split("/")[0] for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.M) for path in line.split()[:-1]}  # fmt: skip  # noqa: E501
    assert copied == kept


def test_every_build_target_exists():
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.M))
    for name in OURS:
        if "build" in SERVICES[name]:
            assert SERVICES[name]["build"]["target"] in stages
    assert {s["image"] for s in SERVICES.values() if s["image"].startswith("vouch-")} == {
        s["image"] for s in SERVICES.values() if "build" in s
    }


def test_the_web_image_has_no_torch_and_the_gpu_worker_has():
    web, worker = (REPOSITORY / "requirements" / f"{name}.lock" for name in ("web", "worker"))
    assert not re.search(r"^(torch|onnxruntime|safetensors)==", web.read_text(), re.M)
    assert re.search(r"^safetensors==", worker.read_text(), re.M)
    assert "requirements/install-torch" in DOCKERFILE.split("AS worker-packages")[1].split("\nFROM ")[0]


def test_nothing_of_ours_runs_as_root_or_may_become_it():
    assert DOCKERFILE.count("\nUSER 10001") == 2
    for name in set(OURS) - {"migrate"}:
        assert SERVICES[name]["cap_drop"] == ["ALL"]
        assert SERVICES[name]["read_only"] is True


def test_the_broker_never_evicts_and_keeps_a_log():
    said = words(SERVICES["redis"])
    assert said[said.index("--maxmemory-policy") + 1] == "noeviction"
    assert said[said.index("--appendonly") + 1] == "yes"


def test_gunicorn_accepts_its_arguments(tmp_path):
    command = re.search(r'CMD \["gunicorn", (.+?)\]', DOCKERFILE, re.S)
    arguments = re.findall(r'"([^"]+)"', command[1])
    done = subprocess.run(
        [sys.executable, "-m", "gunicorn", "--check-config", *arguments],
        cwd=REPOSITORY, capture_output=True, text=True, env=os.environ | {"DJANGO_SETTINGS_MODULE": "kyc.settings"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_passwords_come_from_the_environment(own_stack):
    given = {f"VOUCH_{role}_PASSWORD": f"pass-{role}'\"\\" for role in ("OWNER", "APP", "SYSTEM")}
    psql = own_stack.postgres.programs / "psql"
    done = subprocess.run(
        [psql, "-X", "-v", "ON_ERROR_STOP=1", "-d", own_stack.urls.superuser, "-f", "docker/postgres/passwords.sql"],
        cwd=REPOSITORY, env={"PATH": "/usr/bin:/bin"} | given, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    with psycopg.connect(own_stack.urls.superuser) as c:
        rows = c.execute("select rolname from pg_authid where rolpassword like 'SCRAM-SHA-256$%' order by 1").fetchall()
    assert [name for (name,) in rows] == ["vouch_app", "vouch_owner", "vouch_system"]


@pytest.mark.parametrize("variable", ["STORAGE_URL", "VOUCH_KEYS_URL", "VOUCH_WORM_URL"])
def test_the_stores_that_are_named_can_be_opened(variable, monkeypatch):
    from kyc.audit import worm
    from kyc.evidence import stores
    from kyc.vault import wrappers

    opening = {"STORAGE_URL": stores.from_url, "VOUCH_KEYS_URL": wrappers.from_url, "VOUCH_WORM_URL": worm.from_url}
    assert opening[variable](SERVICES["web"]["environment"][variable]) is not None
