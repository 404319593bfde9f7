"""The whole of Vouch on one machine: servers, migrations, default models, web, relay, schedule and workers.

    with Service(home) as service:
        httpx.get(f"{service.url}/v1/docs")

Each part is its own process, as in production; all end with this one, even when it is killed.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from kyc.localstack import Stack, StackError

ROOT = Path(__file__).resolve().parents[2]
PDEATHSIG = 1  # prctl(2): the kernel's signal to a child whose parent died
STOP_WITHIN = 15.0  # seconds; longer than the slowest inference, then SIGKILL
READY_WITHIN = 90.0  # seconds; a cold start reads every module from disk

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Part:
    name: str
    command: tuple[str, ...]
    cross_tenant: bool  # holds the vouch_system login; the web does not


class Service:
    def __init__(
        self,
        home: Path,
        *,
        port: int = 0,
        say: Say = lambda _: None,
        threads: int = 8,
        extra_env: dict[str, str] | None = None,
    ):
        self.home, self.say = Path(home).resolve(), say
        self.stack = Stack(self.home)
        self.extra_env = extra_env or {}  # said last, so it wins
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.running: dict[str, subprocess.Popen] = {}
        python = sys.executable
        worker = (python, "-m", "workers", "--role")
        self.parts = (
            Part("web", (python, "-m", "gunicorn", "kyc.wsgi", "--bind", f"127.0.0.1:{self.port}", "--worker-class",
                         "gthread", "--threads", str(threads), "--no-control-socket"), cross_tenant=False),
            Part("relay", (*worker, "relay"), cross_tenant=True),
            Part("schedule", (*worker, "schedule"), cross_tenant=True),
            Part("io", (*worker, "io"), cross_tenant=True),
            Part("gpu", (*worker, "gpu"), cross_tenant=True),
        )  # fmt: skip

    def __enter__(self) -> Service:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_) -> None:
        self.stop()

    def start(self) -> None:
        (self.home / "log").mkdir(parents=True, exist_ok=True)
        self.say("starting PostgreSQL and Valkey")
        self.stack.__enter__()
        self._prepare()
        for part in self.parts:
            self.say(f"starting {part.name}")
            self.launch(part.name)
        self._wait_ready()

    def stop(self) -> None:
        """End every part, the outermost first; work under way is finished or returned."""
        for process in self.running.values():
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        ends = time.monotonic() + STOP_WITHIN
        for process in self.running.values():
            try:
                process.wait(max(0.1, ends - time.monotonic()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self.running.clear()
        self.stack.__exit__(None, None, None)

    def launch(self, name: str) -> subprocess.Popen:
        """Start (again) one part by name."""
        part = next(p for p in self.parts if p.name == name)
        with (self.home / "log" / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                part.command, cwd=ROOT, env=self.env(cross_tenant=part.cross_tenant, process=name), stdout=log,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True, preexec_fn=_die_with_parent,
            )  # fmt: skip
        return self.running[name]

    def env(self, *, cross_tenant: bool, process: str, owner: bool = False) -> dict[str, str]:
        """What a part is told. A login it does not need it does not get."""
        told = self.stack.urls.env()
        if not cross_tenant:
            told.pop("DATABASE_SYSTEM_URL")
        if not owner:
            told.pop("DATABASE_OWNER_URL")
        inherited = {k: v for k, v in os.environ.items() if k not in self.stack.urls.env()}
        return inherited | told | {
            "VOUCH_HOME": str(self.home),
            "VOUCH_PROCESS": process,
            "VOUCH_PUBLIC_URL": self.url,
            "VOUCH_SECRET_KEY": self._secret("secret_key"),
            "VOUCH_OPERATIONS_TOKEN": self._secret("operations_token"),
            "VOUCH_WEBHOOK_ALLOW_PRIVATE": "true",  # on this machine the receivers are on it, too
            "DJANGO_SETTINGS_MODULE": "kyc.settings",
        } | {k: v for k, v in self.extra_env.items() if k in told or not k.startswith("DATABASE_")}  # fmt: skip

    def manage(self, *arguments: str, cross_tenant: bool = False, owner: bool = False) -> str:
        """A management command's output. Raises StackError with what it said."""
        command = [sys.executable, "manage.py", *arguments]
        env = self.env(cross_tenant=cross_tenant, process="manage", owner=owner)
        done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            raise StackError(f"manage.py {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
        return done.stdout

    def _prepare(self) -> None:
        """Migrate and import models, unless nothing changed since the last time."""
        stamp = self.stack.state / "migrated"  # beside the data it speaks of
        now = digest_of("kyc/*/migrations/*.py", "requirements/dev.lock")
        if not stamp.exists() or stamp.read_text() != now:
            self.say("migrating the database")
            self.manage("migrate", "--database", "owner", "--no-input", owner=True)
            stamp.write_text(now)
        told = self.extra_env.get("VOUCH_PACKS") or os.environ.get("VOUCH_PACKS")
        packs = Path(told or self.home / "packs")
        imported, shipped = packs / "imported", digest_of("ml/packs/manifests/*")
        if not imported.exists() or imported.read_text() != shipped:
            self.say("importing the default models")
            env = self.env(cross_tenant=False, process="packs")
            done = subprocess.run(
                [sys.executable, "-m", "ml", "packs", "import", "default"], cwd=ROOT, env=env, capture_output=True,
                text=True, check=False,
            )  # fmt: skip
            if done.returncode:
                raise StackError(f"importing the default models failed:\n{done.stderr[-2000:]}")
            imported.write_text(shipped)

    def _wait_ready(self) -> None:
        self.say("waiting for the web server and the workers")
        ends = time.monotonic() + READY_WITHIN
        while time.monotonic() < ends:
            for name, process in self.running.items():
                if process.poll() is not None:
                    raise StackError(f"{name} ended at once:\n{self.tail(name)}")
            if self._answers() and self._gpu_ready():
                return
            time.sleep(0.1)
        raise StackError(f"not ready within {READY_WITHIN:.0f} s:\n{self.tail('web')}\n{self.tail('gpu')}")

    def _answers(self) -> bool:
        try:
            with urlopen(f"{self.url}/health/live", timeout=2) as answer:  # noqa: S310  (our own address)
                return answer.status == 200
        except (URLError, OSError):
            return False

    def _gpu_ready(self) -> bool:
        return "celery@" in (text := self.tail("gpu", 20_000)) and " ready." in text.rsplit("celery@", 1)[-1]

    def tail(self, name: str, size: int = 2000) -> str:
        return (self.home / "log" / f"{name}.log").read_bytes()[-size:].decode(errors="replace")

    def _secret(self, name: str) -> str:
        path = self.home / name
        if not path.exists():
            path.touch(mode=0o600)
            path.write_text(secrets.token_urlsafe(48))
        return path.read_text()


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def digest_of(*patterns: str) -> str:
    """Changes when any file of the checkout that matches does."""
    whole = hashlib.sha256()
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern)):
        whole.update(path.name.encode() + path.read_bytes())
    return whole.hexdigest()


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PDEATHSIG, signal.SIGTERM)
