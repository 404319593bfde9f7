"""Submit-to-decided latency, its parts, and throughput against the engine alone: a table and var/bench/path.json."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import psycopg
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "sdk"))

from vouch_client import Vouch  # noqa: E402

from demo.photos import photo  # noqa: E402
from kyc.localstack.service import Service  # noqa: E402

HOME = Path(os.environ.get("VOUCH_HOME") or ROOT / "var")
MODELS = ("decode", "detect", "detail", "align", "quality", "liveness", "embed")

# One row per decided case: what the database saw of it. Milliseconds.
SEEN = """
    select extract(epoch from j.started_at - j.created_at) * 1000 as queue,
           extract(epoch from j.finished_at - j.started_at) * 1000 as work,
           (select sum(c.milliseconds) from verifications_check c
             where c.verification_id = v.id and c.name like 'quality.%%') as models,
           (select jsonb_object_agg(k, ms) from (
               select s.key as k, sum(s.value::float8) as ms from verifications_check c,
                      jsonb_each_text(c.detail -> 'milliseconds') s
               where c.verification_id = v.id and c.name like 'quality.%%' group by 1) stages) as stages
    from verifications_verification v join outbox_job j on j.subject_id = v.id and j.kind = 'verify'
    where v.id = any(%s)
"""


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds."""

    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values: list[float]) -> Latency:
        cuts = statistics.quantiles(values, n=100, method="inclusive")
        return cls(*(round(cuts[p - 1], 1) for p in (50, 95, 99)))


class Bank:
    """One applicant with both pictures uploaded; each submission is a new verification of them."""

    def __init__(self, service: Service):
        keys = json.loads(service.manage("provision", f"Bench {time.time_ns()}", "--json"))
        self.vouch = Vouch(service.url, key=keys["live"]["key"])
        self.person = self.vouch.applicants.create("bench")["id"]
        self.vouch.consents.give(self.person, version="1")
        self.media = {kind: self.vouch.media.upload(self.person, kind, photo(name))
                      for kind, name in (("selfie", "obama2"), ("id_portrait", "obama"))}  # fmt: skip

    def decide(self) -> tuple[str, float, float]:
        """(id, ms until accepted, ms until decided), by the caller's clock."""
        began = time.perf_counter()
        case = self.vouch.verifications.create(self.person, "document_selfie", **self.media)
        accepted = time.perf_counter()
        while case["state"] == "processing":
            case = self.vouch.verifications.get(case["id"])
        return case["id"], (accepted - began) * 1000, (time.perf_counter() - began) * 1000

    def held(self) -> tuple[str, float]:
        """(id, ms until the held request answered with the decision)."""
        began = time.perf_counter()
        case = self.vouch.verifications.create(self.person, "document_selfie", **self.media, wait=30)
        return case["id"], (time.perf_counter() - began) * 1000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--alone", type=int, default=60, help="verifications one at a time")
    parser.add_argument("--crowd", type=int, default=300, help="verifications at saturation")
    parser.add_argument("--clients", type=int, default=16, help="callers at once at saturation")
    asked = parser.parse_args()
    console = Console()
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("starting", total=asked.alone + asked.crowd + 20)

        def tick(what: str) -> Callable[[], None]:
            bar.update(task, description=what)
            return lambda: bar.advance(task)

        with Service(HOME, threads=asked.clients + 4) as service:
            bank = Bank(service)
            step = tick("warming up")
            for _ in range(10):
                bank.held()
                step()
            step = tick("one at a time")
            alone = [(*bank.held(), step()) for _ in range(asked.alone)]
            step = tick("at saturation")
            began = time.perf_counter()
            with ThreadPoolExecutor(asked.clients) as pool:
                crowd = [(*f.result(), step()) for f in [pool.submit(bank.held) for _ in range(asked.crowd)]]
            per_second = asked.crowd / (time.perf_counter() - began)
            parts = seen(service, [id_ for id_, *_ in alone])
            parts_crowd = seen(service, [id_ for id_, *_ in crowd])
        tick("the engine alone")
        engine = engine_alone()
    result = {
        "one_at_a_time": {"latency_ms": asdict(Latency.of([ms for _, ms, _ in alone])), "parts_ms": parts,
                          "share_outside_models": round(1 - parts["models"] / mean(alone), 3)},
        "saturated": {"clients": asked.clients, "latency_ms": asdict(Latency.of([ms for _, ms, _ in crowd])),
                      "parts_ms": parts_crowd, "decided_per_second": round(per_second, 2)},
        "engine_alone_per_second": round(engine, 2),
        "ratio_to_engine": round(per_second / engine, 3),
        "aims": {"share_outside_models": "<= 0.20", "ratio_to_engine": ">= 0.8"},
    }  # fmt: skip
    out = HOME / "bench" / "path.json"
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(result, indent=2))
    show(console, result, mean(alone), mean(crowd))
    console.print(f"JSON: {out}")


def mean(runs: list) -> float:
    return statistics.fmean(ms for _, ms, _ in runs)


def seen(service: Service, ids: list[str]) -> dict[str, float]:
    """Mean milliseconds per part over these cases."""
    with psycopg.connect(service.stack.urls.database_system) as connection:
        rows = connection.execute(SEEN, [ids]).fetchall()
    queue, work, models = (statistics.fmean(float(row[n] or 0) for row in rows) for n in range(3))
    stages = {s: statistics.fmean(float((row[3] or {}).get(s, 0)) for row in rows) for s in MODELS}
    return {k: round(v, 2) for k, v in
            {"queue": queue, "models": models, **stages, "worker_outside_models": work - models}.items()}  # fmt: skip


def engine_alone(pairs: int = 64) -> float:
    """Pairs of the same two pictures a second, in batches of 32 images, nothing else running."""
    from ml.engine import Engine
    from ml.packs import default_root

    os.environ.setdefault("VOUCH_HOME", str(HOME))
    engine = Engine.from_packs(default_root(), device=os.environ.get("VOUCH_DEVICE", "cpu"))
    batch = [photo("obama2"), photo("obama")] * 16
    engine.analyse_many(batch)
    began = time.perf_counter()
    for _ in range(pairs // 16):
        engine.analyse_many(batch)
    spent = time.perf_counter() - began
    engine.close()
    return pairs / spent


def show(console: Console, result: dict, alone: float, crowd: float) -> None:
    table = Table(title="Submit to decided, as the caller sees it")
    for heading in ("", "p50 ms", "p95 ms", "p99 ms", "mean ms"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, key, average in (("one at a time", "one_at_a_time", alone), ("at saturation", "saturated", crowd)):
        latency = result[key]["latency_ms"]
        table.add_row(name, *(f"{latency[p]:.1f}" for p in ("p50", "p95", "p99")), f"{average:.1f}")
    console.print(table)
    parts = Table(title="Where it goes (mean ms per verification of two pictures)")
    parts.add_column("")
    parts.add_column("alone", justify="right")
    parts.add_column("saturated", justify="right")
    a, s = result["one_at_a_time"]["parts_ms"], result["saturated"]["parts_ms"]
    for name in a:
        parts.add_row(name.replace("_", " "), f"{a[name]:.1f}", f"{s[name]:.1f}")
    web = alone - a["queue"] - a["models"] - a["worker_outside_models"]
    parts.add_row("web, database commit and the held answer", f"{web:.1f}", "")
    console.print(parts)
    console.print(
        f"Outside the models: {result['one_at_a_time']['share_outside_models']:.0%} of the whole (aim: at most 20 %).\n"
        f"Decided per second: {result['saturated']['decided_per_second']:.1f}; engine alone "
        f"{result['engine_alone_per_second']:.1f}; ratio {result['ratio_to_engine']:.2f} (aim: at least 0.8)."
    )


if __name__ == "__main__":
    main()
