"""What the hand-off costs: latency, throughput beside Celery alone and procrastinate, poison, recovery from kills.

python -m bench.queue [--jobs 2000] [--procrastinate PYTHON]      a table, and var/bench/queue.json

Every comparison is made in one run, one after the other on the same servers. PYTHON is the interpreter of a virtual
environment with procrastinate in it; without, that line is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from kyc.localstack.service import ROOT, Part, Service

THREADS = 16  # of each worker, as `python -m workers --role io` has
LEASE = 60  # seconds, as shipped: what recovery is measured against
STREAM = 20.0  # jobs a second while something is killed
JOB_SECONDS = 0.05  # of each job in that stream, so that some are under way at any moment


class Queue(Service):
    """Relay and two io workers, without web, schedule and models."""

    def __init__(self, home: Path):
        packs = ROOT / "var" / "packs"
        given = {"VOUCH_POISON": str(home / "poison")} | (
            {"VOUCH_PACKS": str(packs)} if (packs / "active.toml").exists() else {}
        )
        super().__init__(home, extra_env=given)
        self.keeper_stops = threading.Event()
        io = next(p for p in self.parts if p.name == "io")
        relay = next(p for p in self.parts if p.name == "relay")
        self.parts: tuple[Part, ...] = (relay, io, replace(io, name="io2"))

    def start(self) -> None:
        (self.home / "log").mkdir(parents=True, exist_ok=True)
        self.stack.__enter__()
        self._prepare()
        for name in ("relay", "io"):
            self.launch(name)
        while "ready." not in self.tail("io", 20_000):
            time.sleep(0.1)
        threading.Thread(target=self._keep, daemon=True).start()

    def stop(self) -> None:
        self.keeper_stops.set()
        time.sleep(0.3)
        super().stop()

    def _keep(self) -> None:
        while not self.keeper_stops.wait(0.1):
            for name, process in list(self.running.items()):
                if process.poll() is not None:
                    self.launch(name)

    def kill(self, name: str) -> None:
        os.killpg(self.running[name].pid, signal.SIGKILL)


@contextmanager
def queue() -> Iterator[Queue]:
    home = Path(tempfile.mkdtemp(prefix="vouch-bench-"))
    home.chmod(0o755)
    service = Queue(home)
    try:
        with service:
            os.environ |= service.env(cross_tenant=True, process="bench")
            from workers.boot import boot

            boot("bench")
            yield service
    finally:
        service.stack.erase()
        shutil.rmtree(home, ignore_errors=True)


# -- jobs -------------------------------------------------------------------------------------------------


def send(subject: str, seconds: float = 0.0) -> float:
    """One job, committed; when that was (Unix seconds)."""
    from kyc.core import clock
    from kyc.core.scope import acting_as_system, atomic
    from kyc.outbox.services import enqueue

    with acting_as_system("bench"), atomic():
        enqueue(kind="nothing", queue="io", subject_type="bench", subject_id=subject, payload={"seconds": seconds},
                now=clock.now())  # fmt: skip
    return time.time()


def send_many(prefix: str, count: int) -> None:
    from kyc.core import clock
    from kyc.core.scope import acting_as_system, atomic
    from kyc.outbox.models import Job

    now = clock.now()
    with acting_as_system("bench"), atomic():
        Job.objects.bulk_create(
            [Job(kind="nothing", queue="io", subject_type="bench", subject_id=f"{prefix}{n}", run_after=now,
                 created_at=now) for n in range(count)], batch_size=500)  # fmt: skip


def stream(prefix: str, seconds: float) -> dict[str, float]:
    """A steady stream of short jobs; when each was committed. A job that could not be committed was not accepted."""
    sent, began = {}, time.time()
    for n in range(int(seconds * STREAM)):
        time.sleep(max(0.0, began + n / STREAM - time.time()))
        try:
            sent[f"{prefix}{n}"] = send(f"{prefix}{n}", JOB_SECONDS)
        except Exception:
            from django.db import connections

            connections.close_all()
    return sent


def times(service: Queue, prefix: str, *, within: float = 120.0) -> dict[str, tuple[float, float]]:
    """(started, finished) of each job with this prefix, once all are done."""
    ends = time.monotonic() + within
    with psycopg.connect(service.stack.urls.superuser, autocommit=True) as c:
        while c.execute("select 1 from outbox_job where subject_id like %s and state in ('pending', 'leased') limit 1",
                        [prefix + "%"]).fetchone():  # fmt: skip
            if time.monotonic() > ends:
                raise TimeoutError(f"{prefix} jobs were not done within {within:.0f} s")
            time.sleep(0.1)
        rows = c.execute("select subject_id, extract(epoch from started_at), extract(epoch from finished_at)"
                         " from outbox_job where subject_id like %s and state = 'done'", [prefix + "%"])  # fmt: skip
        return {name: (float(a), float(b)) for name, a, b in rows}


def p(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1]


# -- measurements -----------------------------------------------------------------------------------------


def hand_off(service: Queue, name: str, count: int, pause: float) -> dict:
    """Milliseconds from the commit's return to the task's start."""
    sent = {}
    for n in range(count):
        sent[f"{name}{n}"] = send(f"{name}{n}")
        time.sleep(pause)
    started = times(service, name)
    waits = [(started[s][0] - t) * 1000 for s, t in sent.items()]
    return {"jobs": count, "p50_ms": round(p(waits, 50), 1), "p99_ms": round(p(waits, 99), 1)}


def hand_off_under_load(service: Queue, rate: float) -> dict:
    """The same while others keep the queue half busy."""
    stop = threading.Event()

    def others() -> None:
        n = 0
        while not stop.wait(10 / rate):
            send_many(f"other{n}-", 10)
            n += 1

    thread = threading.Thread(target=others)
    thread.start()
    try:
        return hand_off(service, "loaded", 200, 0.02) | {"others_per_second": round(rate)}
    finally:
        stop.set()
        thread.join()
        times(service, "other")


def ours_per_second(service: Queue, count: int, prefix: str) -> float:
    began = time.time()
    send_many(prefix, count)
    return count / (max(b for _, b in times(service, prefix, within=300).values()) - began)


def celery_per_second(service: Queue, count: int) -> float:
    """Celery's own worker, the same number of threads, and a publisher beside it."""
    from bench.celery_alone import app, nothing

    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "bench.celery_alone", "worker", "--pool=threads",
         f"--concurrency={THREADS}", "--loglevel=INFO", "--without-gossip", "--without-mingle", "--without-heartbeat",
         "--queues=alone"], cwd=ROOT, env=dict(os.environ), stderr=subprocess.STDOUT,
        stdout=(service.home / "log" / "celery.log").open("wb"))  # fmt: skip
    try:
        while b"ready." not in (service.home / "log" / "celery.log").read_bytes():
            time.sleep(0.1)
        began = time.time()
        with app.producer_pool.acquire(block=True) as producer:
            for n in range(count):
                nothing.apply_async(args=[str(n)], producer=producer, retry=False)
        with app.connection_for_read() as connection:
            client = connection.default_channel.client
            while client.llen("alone") or client.hlen("unacked"):
                time.sleep(0.02)
        return count / (time.time() - began)
    finally:
        worker.terminate()
        worker.wait(20)


def procrastinate_per_second(service: Queue, python: str, count: int) -> float:
    service.stack.create_database("procrastinate")
    conninfo = service.stack.urls.for_database("procrastinate").superuser
    script = ROOT / "bench" / "procrastinate_alone.py"
    command = [python, "-P", str(script), conninfo, str(count), str(THREADS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def poison(service: Queue, seconds: float = 20.0) -> dict:
    """A stream beside two workers, then the same with a job in it that kills whoever takes it."""
    service.launch("io2")
    time.sleep(5)

    def neighbours(prefix: str) -> list[float]:
        sent = stream(prefix, seconds)
        done = times(service, prefix)
        return [(done[s][1] - t) * 1000 for s, t in sent.items()]

    alone = neighbours("calm")
    (service.home / "poison").write_text("the-poison\n")
    threading.Timer(2.0, send, ["the-poison"]).start()
    beside = neighbours("beside")
    end = p(beside, 99)
    with psycopg.connect(service.stack.urls.superuser) as c:
        state, attempt = c.execute("select state, attempt from outbox_job where subject_id = 'the-poison'").fetchone()
    (service.home / "poison").unlink()
    io2 = service.running.pop("io2")
    io2.terminate()
    io2.wait(20)
    return {"workers": 2, "neighbours": len(beside), "poison": f"{state} after {attempt} attempts",
            "p50_ms": round(p(beside, 50), 1), "p99_ms": round(end, 1), "worst_ms": round(max(beside), 1),
            "p50_ms_without": round(p(alone, 50), 1), "p99_ms_without": round(p(alone, 99), 1),
            "ratio_p50": round(p(beside, 50) / p(alone, 50), 2), "ratio_p99": round(end / p(alone, 99), 2)}  # fmt: skip


def recoveries(service: Queue) -> dict[str, float]:
    """Seconds from the kill until the last job accepted before or within a second after it was done."""
    stack = service.stack

    def bounce(server) -> Callable[[], None]:
        return lambda: (server.kill(), server.start())

    def flush() -> None:
        import redis

        redis.Redis(unix_socket_path=str(stack.urls.sockets / "valkey.sock"), db=1).flushall()

    kinds: dict[str, Callable[[], object]] = {
        "relay": lambda: service.kill("relay"),
        "io worker": lambda: service.kill("io"),
        "Valkey": bounce(stack.valkey),
        "PostgreSQL": bounce(stack.postgres),
        "FLUSHALL": flush,
    }
    return {name: _recovery(service, f"kill-{name}-", kill) for name, kill in kinds.items()}


def _recovery(service: Queue, prefix: str, kill: Callable[[], object]) -> float:
    at: list[float] = []

    def strike() -> None:
        at.append(time.time())
        kill()

    timer = threading.Timer(2.0, strike)
    timer.start()
    sent = stream(prefix, 8.0)
    timer.join()
    done = times(service, prefix, within=LEASE * 2)
    return round(max((done[s][1] for s, t in sent.items() if t <= at[0] + 1.0), default=at[0]) - at[0], 2)


# -- the report -------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.queue", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2_000)
    parser.add_argument("--procrastinate", metavar="PYTHON", default=os.environ.get("VOUCH_PROCRASTINATE", ""))
    parser.add_argument("--out", type=Path, default=Path(os.environ.get("VOUCH_HOME") or ROOT / "var") / "bench")
    asked = parser.parse_args()
    out, console = asked.out / "queue.json", Console()
    with queue() as service:
        result: dict = {"load_average": os.getloadavg()[0], "cores": os.cpu_count(), "jobs": asked.jobs}
        hand_off(service, "warm", 20, 0.02)
        console.print("hand-off at rest")
        result["at_rest"] = hand_off(service, "rest", 300, 0.03)
        console.print("throughput, three times in turns")
        ours, celery = [], []
        for n in range(3):
            ours.append(ours_per_second(service, asked.jobs, f"many{n}-"))
            celery.append(celery_per_second(service, asked.jobs))
        rates = {"ours": statistics.median(ours), "celery_alone": statistics.median(celery)}
        if asked.procrastinate:
            console.print("procrastinate")
            rates["procrastinate"] = procrastinate_per_second(service, asked.procrastinate, asked.jobs)
        result["jobs_per_second"] = {k: round(v) for k, v in rates.items()}
        result["ratio_to"] = {k: round(rates["ours"] / v, 2) for k, v in rates.items() if k != "ours"}
        console.print("hand-off under load")
        result["under_load"] = hand_off_under_load(service, rates["ours"] / 2)
        console.print("recovery")
        result["recovery_seconds"] = recoveries(service)
        result["recovery_aim_seconds"] = LEASE + 5
        console.print("poison")
        result["poison"] = poison(service)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=2))
    show(console, result)
    console.print(f"JSON: {out}")


def show(console: Console, found: dict) -> None:
    table = Table(title=f"The queue ({found['cores']} cores, load average {found['load_average']:.1f} at the start)")
    for heading in ("measured", "figure", "aim"):
        table.add_column(heading)
    rest, load, ill = found["at_rest"], found["under_load"], found["poison"]
    table.add_row("commit to start, at rest", f"p50 {rest['p50_ms']} ms, p99 {rest['p99_ms']} ms", "p99 <= 20 ms")
    table.add_row(f"commit to start, beside {load['others_per_second']} jobs/s",
                  f"p50 {load['p50_ms']} ms, p99 {load['p99_ms']} ms", "")  # fmt: skip
    for name, rate in found["jobs_per_second"].items():
        ratio = found["ratio_to"].get(name)
        aim = ">= 0.5" if name == "celery_alone" else ""
        table.add_row(f"empty jobs, {name.replace('_', ' ')}",
                      f"{rate}/s" + (f" (ours is {ratio} of it)" if ratio else ""), aim)  # fmt: skip
    for name, seconds in found["recovery_seconds"].items():
        table.add_row(f"all done after the end of {name}", f"{seconds} s", f"<= {found['recovery_aim_seconds']} s")
    table.add_row("neighbours' p99 beside poison",
                  f"{ill['p99_ms']} ms; without {ill['p99_ms_without']} ms; ratio {ill['ratio_p99']}"
                  f" (p50: {ill['ratio_p50']})", "< 2")  # fmt: skip
    console.print(table)


if __name__ == "__main__":
    main()
