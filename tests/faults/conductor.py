"""Runs the whole of Vouch with banks at its door, and does to it what the plan says."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import redis
from celery import Celery

from demo.photos import photo
from kyc.localstack.service import ROOT, Service
from tests.faults.load import Bank, Customer
from tests.faults.plan import Fault
from tests.support.receiver import Receiver

LEASE = 4  # seconds, instead of 60: so that a run sees many leases end
FORGOTTEN = 5  # seconds, instead of 30
SETTINGS = {
    "VOUCH_LEASE": str(LEASE),
    "VOUCH_FORGOTTEN": str(FORGOTTEN),
    "VOUCH_VISIBILITY_TIMEOUT": "1",  # the broker hands every task under way out again
    "VOUCH_MAX_OPEN_PER_TENANT": "15",  # so that a queue can be filled in seconds
    "VOUCH_RATE_LIMIT": "100000",
    "OMP_NUM_THREADS": "1",
}
# Per passing: soon enough to be seen, late enough that other work is under way in the process.
CRASH_CHANCE = {
    "after_effect_before_response": 0.3,
    "after_commit_before_publish": 0.3,
    "after_claim": 0.1,
    "mid_inference": 0.3,
    "after_result_before_ack": 0.15,
    "mid_webhook": 0.15,
}
STARTS_WITHIN = 12.0  # seconds, on a machine that does other things too
QUIET_WITHIN = 480.0  # seconds after the last fault for everything to end, the slow retries of webhooks included

Say = Callable[[str], None]


@dataclass
class Happened:
    fault: Fault
    began: float  # Unix seconds
    ended: float


@dataclass
class Run:
    """What the counting needs of a run that is over, its servers still up."""

    service: Service
    banks: list[Bank]
    receivers: dict[str, Receiver]  # by tenant
    happened: list[Happened]
    began: float
    quiet_after: float | None  # seconds from the last fault to the last job; None: it never was
    deaths: Counter[str] = field(default_factory=Counter)  # by crash point
    duplicated: int = 0


class Conductor:
    def __init__(self, *, seed: int, plan: list[Fault], say: Say = lambda _: None, banks: int = 3, pace: float = 0.5,
                 real: bool = True):  # fmt: skip
        self.seed, self.plan, self.say, self.count, self.pace, self.real = seed, plan, say, banks, pace, real
        self.home = Path(tempfile.mkdtemp(prefix="vouch-faults-"))
        self.home.chmod(0o755)
        self.lines = self.home / "lines"
        self.lines.mkdir()
        self.over, self.sprint = threading.Event(), threading.Event()
        self.happened: list[Happened] = []
        self.held: set[str] = set()  # parts that the keeper leaves alone
        self.keeping = threading.RLock()
        self.sent_twice_more = 0
        self.released: list[str] = []

    def __enter__(self) -> Conductor:
        self.exits = ExitStack()
        self.service = Service(self.home, say=self.say, threads=16, extra_env=self._environment())
        self.exits.callback(self._erase)
        self.exits.callback(self._keep_logs)
        self._start_proxy()
        self.exits.enter_context(self.service)
        return self

    def __exit__(self, *_) -> None:
        self.over.set()
        self.exits.close()

    def run(self) -> Run:
        banks, receivers = self._open_banks()
        stop = threading.Event()
        customers = [Customer(bank, self.seed * 1000 + n, self.pace * (1 if bank.name != "live" else 3),
                              bank.name != "live", stop, self.sprint)
                     for n, bank in enumerate(banks)]  # fmt: skip
        self.banks = banks
        for work in (self._keep, self._duplicate):
            threading.Thread(target=work, daemon=True).start()
        began = time.time()
        for customer in customers:
            customer.start()
        for fault in self.plan:
            time.sleep(max(0.0, began + fault.at - time.time()))
            self.say(f"{time.time() - began:5.0f} s  {fault}")
            self._commit(fault)
        self.say("no more faults: letting it come to rest")
        stop.set()
        for customer in customers:
            customer.join(200)
            if customer.error:
                raise customer.error
            assert not customer.is_alive(), f"{customer.bank.name} still waits for an answer"
        quiet = self._rest()
        return Run(self.service, banks, receivers, self.happened, began, quiet, self._deaths(), self.sent_twice_more)

    # -- the world ------------------------------------------------------------------------------------

    def _environment(self) -> dict[str, str]:
        host = str(self.lines).replace("/", "%2F")
        packs = ROOT / "var" / "packs"
        return SETTINGS | {
            "DATABASE_URL": f"postgresql://vouch_app@/vouch?host={host}",
            "DATABASE_SYSTEM_URL": f"postgresql://vouch_system@/vouch?host={host}",
            "BROKER_URL": f"redis+socket://{self.lines}/valkey.sock?virtual_host=1",
            "VOUCH_POISON": str(self.home / "poison"),
            "VOUCH_CRASH_LOG": str(self.home / "crashes"),
            "STORAGE_URL": f"file://{self.home}/evidence",
        } | ({"VOUCH_PACKS": str(packs)} if (packs / "active.toml").exists() else {})  # fmt: skip

    def _start_proxy(self) -> None:
        sockets = self.service.stack.urls.sockets
        self.proxy = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.proxy", str(self.lines), str(sockets)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.exits.callback(self.proxy.kill)
        assert self.proxy.stdout and self.proxy.stdout.readline() == "ready\n"

    def _open_banks(self) -> tuple[list[Bank], dict[str, Receiver]]:
        banks, receivers = [], {}
        images = {"selfie": photo("obama2"), "id_portrait": photo("obama")}
        for n in range(self.count + 1):
            mode, name = ("sandbox", f"bank {n}") if n < self.count else ("live", "live")
            if mode == "live" and not self.real:
                break
            keys = json.loads(self.service.manage("provision", f"Faults {n}", "--json"))[mode]
            bank = Bank(self.service.url, keys["key"], keys["tenant"], name)
            bank.meet(images)
            receiver = self.exits.enter_context(Receiver())
            receiver.secret = bank.listen(receiver.url)
            receivers[bank.tenant] = receiver
            banks.append(bank)
        return banks, receivers

    def _keep_logs(self) -> None:
        if kept := os.environ.get("VOUCH_FAULT_LOGS"):
            shutil.copytree(self.home / "log", kept, dirs_exist_ok=True)

    def _erase(self) -> None:
        self.service.stack.erase()
        shutil.rmtree(self.home, ignore_errors=True)

    def superuser(self) -> psycopg.Connection:
        return psycopg.connect(self.service.stack.urls.superuser, autocommit=True, connect_timeout=5)

    def _broker(self) -> redis.Redis:
        return redis.Redis(unix_socket_path=str(self.service.stack.urls.sockets / "valkey.sock"), db=1)

    # -- always under way -------------------------------------------------------------------------------

    def _keep(self) -> None:
        """What a supervisor does: start again what has ended."""
        while not self.over.wait(0.2):
            with self.keeping:
                for name, process in list(self.service.running.items()):
                    if name not in self.held and process.poll() is not None:
                        self.service.launch(name)

    def _duplicate(self) -> None:
        """Deliver every task three times: what the relay publishes is sent twice more."""
        broker, last = self.service.stack.urls.broker, "epoch"
        with Celery("duplicator", broker=broker) as app:
            while not self.over.wait(0.2):
                try:
                    with self.superuser() as c:
                        new = c.execute("select id, kind, queue, published_at from outbox_job where published_at > %s"
                                        " order by published_at", [last]).fetchall()  # fmt: skip
                    for id_, kind, queue, last in new:  # noqa: B007
                        for _ in range(2):
                            app.send_task(f"workers.{kind}", args=[id_], queue=queue, retry=False, ignore_result=True)
                        self.sent_twice_more += 1
                except Exception:
                    time.sleep(0.5)  # the servers are away

    # -- faults ---------------------------------------------------------------------------------------

    def _commit(self, fault: Fault) -> None:
        began = time.time()
        getattr(self, f"_{fault.kind}")(fault)
        self.happened.append(Happened(fault, began, time.time()))

    def _signal(self, name: str, number: int) -> None:
        process = self.service.running[name]
        if process.poll() is None:
            os.killpg(process.pid, number)

    def _kill(self, fault: Fault) -> None:
        if fault.target in ("postgres", "valkey"):
            server = getattr(self.service.stack, fault.target)
            server.kill()
            time.sleep(fault.seconds)
            server.start()
        else:
            self._signal(fault.target, signal.SIGKILL)

    def _terminate(self, fault: Fault) -> None:
        process = self.service.running[fault.target]
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            self._signal(fault.target, signal.SIGKILL)

    def _crash(self, fault: Fault) -> None:
        """From its next start on, this part dies at the named point now and then; over when it has once."""
        chance = {"VOUCH_CRASH": f"{fault.value}={CRASH_CHANCE[fault.value]}"}
        before = self._deaths()[fault.value]
        self.held.add(fault.target)
        with self.keeping:
            self.service.extra_env |= chance
            self._again(fault.target)
            del self.service.extra_env["VOUCH_CRASH"]
        ends = time.monotonic() + fault.seconds + STARTS_WITHIN
        while time.monotonic() < ends and self._deaths()[fault.value] == before:
            time.sleep(0.1)
        self.held.discard(fault.target)
        with self.keeping:
            self._again(fault.target)

    def _again(self, name: str) -> None:
        self._signal(name, signal.SIGKILL)
        self.service.running[name].wait()
        self.service.launch(name)

    def _pause(self, fault: Fault) -> None:
        self._signal(fault.target, signal.SIGSTOP)
        time.sleep(fault.seconds)
        self._signal(fault.target, signal.SIGCONT)

    def _flushall(self, fault: Fault) -> None:
        self._broker().flushall()

    def _delay(self, fault: Fault) -> None:
        self._order(f"{fault.target} delay {fault.value}")
        time.sleep(fault.seconds)
        self._order(f"{fault.target} ok")

    def _cut(self, fault: Fault) -> None:
        self._order(f"{fault.target} cut")
        time.sleep(fault.seconds)
        self._order(f"{fault.target} ok")

    def _reset(self, fault: Fault) -> None:
        self._order(f"{fault.target} reset")

    def _order(self, line: str) -> None:
        assert self.proxy.stdin
        self.proxy.stdin.write(line + "\n")
        self.proxy.stdin.flush()

    def _fill(self, fault: Fault) -> None:
        """Nobody works and everybody sends: the queue fills until it refuses."""
        self.held.add(fault.target)
        self._signal(fault.target, signal.SIGKILL)
        self.sprint.set()
        time.sleep(fault.seconds)
        self.sprint.clear()
        self.held.discard(fault.target)

    def _poison(self, fault: Fault) -> None:
        """A case that kills whichever worker begins it."""
        bank = random.Random(fault.at).choice([b for b in self.banks if b.name != "live"])
        case = bank.open("approved")
        case.poisoned = True
        with (self.home / "poison").open("a") as ids:
            ids.write(case.id + "\n")
        threading.Thread(target=bank.submit, args=[case], daemon=True).start()

    # -- afterwards -------------------------------------------------------------------------------------

    def _rest(self) -> float | None:
        """Wait until nothing is open; seconds from the last fault to then, None when that never came."""
        calm = time.time()
        while time.time() < calm + QUIET_WITHIN:
            try:
                with self.superuser() as c:
                    (left,) = c.execute("select count(*) from outbox_job where state in ('pending', 'leased')"
                                        " and kind <> 'canary'").fetchone()  # fmt: skip
            except psycopg.Error:
                left = -1
            if left == 0:
                return time.time() - calm
            if int(time.time() - calm) % 5 == 0:
                self.say(f"{left} jobs left")
            time.sleep(1)
        return None

    def _deaths(self) -> Counter[str]:
        log = self.home / "crashes"
        return Counter(log.read_text().split()) if log.exists() else Counter()
