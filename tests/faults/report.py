"""The run as JSON, as a table, and as a picture of work against trouble."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import psycopg
from rich.console import Console
from rich.table import Table

from tests.faults.conductor import LEASE, Run
from tests.faults.count import Row

JOBS = """
    select extract(epoch from created_at), extract(epoch from finished_at), kind, state, attempt, deaths, subject_id
    from outbox_job where kind in ('verify', 'verify_scripted') and finished_at is not null order by finished_at
"""
COLOURS = {"kill": "#c0392b", "crash": "#e67e22", "pause": "#8e44ad", "flushall": "#16a085",
           "poison": "#2c3e50", "fill": "#2980b9", "terminate": "#7f8c8d", "delay": "#f1c40f",
           "cut": "#d35400", "reset": "#95a5a6"}  # fmt: skip


def as_json(run: Run, rows: list[Row], seed: int) -> dict:
    with psycopg.connect(run.service.stack.urls.superuser) as c:
        jobs = c.execute(JOBS).fetchall()
        attempts = Counter(j[4] for j in jobs)
        (deliveries,) = c.execute("select count(*) from webhooks_delivery where state = 'delivered'").fetchone()
        (abandoned,) = c.execute("select count(*) from webhooks_delivery where state = 'abandoned'").fetchone()
        twice = sum(len(r.received) - len({x.event["id"] for x in r.received}) for r in run.receivers.values())
    poisoned = {i for b in run.banks for i, case in b.cases.items() if case.poisoned}
    innocent = [j for j in jobs if j[6] not in poisoned]
    seen: Counter[str] = sum((b.seen for b in run.banks), Counter())
    return {
        "seed": seed,
        "lease_seconds": LEASE,
        "verdict": "nothing lost, nothing doubled" if not any(r.wrong for r in rows) else "WRONG",
        "verifications": sum(len(b.cases) for b in run.banks),
        "of_which_real_engine": sum(len(b.cases) for b in run.banks if b.name == "live"),
        "jobs_done": sum(j[3] == "done" for j in jobs),
        "quarantined": {"poison": sum(j[3] == "quarantined" and j[6] in poisoned for j in jobs),
                        "innocent": sum(j[3] == "quarantined" for j in innocent)},
        "deliveries_in_quarantine": abandoned,
        "attempts": {str(k): v for k, v in sorted(attempts.items())},
        "webhooks_delivered": deliveries,
        "webhooks_received_again_under_the_same_id": twice,
        "tasks_sent_twice_more": run.duplicated,
        "faults": Counter(h.fault.kind for h in run.happened),
        "deaths_at_named_points": dict(run.deaths),
        "seconds_to_rest_after_the_last_fault": run.quiet_after,
        "longest_from_accepted_to_done_s": round(max((float(j[1] - j[0]) for j in innocent), default=0.0), 2),
        "longest_wait_for_an_answer_s": round(max(b.slowest for b in run.banks), 2),
        "what_callers_met": dict(seen.most_common()),
        "checks": [r.as_json() for r in rows],
        "timeline": [{"at": round(h.began - run.began, 2), "until": round(h.ended - run.began, 2), "what": str(h.fault)}
                     for h in run.happened],
        "done_at": [round(float(j[1]) - run.began, 2) for j in jobs],
        "accepted_at": sorted(round(float(j[0]) - run.began, 2) for j in jobs),
    }  # fmt: skip


def show(found: dict, console: Console) -> None:
    table = Table(title=f"After {sum(found['faults'].values())} faults (seed {found['seed']})")
    table.add_column("asked")
    table.add_column("looked at", justify="right")
    table.add_column("wrong", justify="right")
    for check in found["checks"]:
        bad = check["wrong"]
        table.add_row(check["question"], str(check["of"]), f"[red]{bad}[/]" if bad else "0")
    console.print(table)
    for check in found["checks"]:
        for example in check["examples"]:
            console.print(f"[red]{check['question']}[/]: {example}", highlight=False)
    for name in ("verdict", "verifications", "of_which_real_engine", "jobs_done", "quarantined",
                 "deliveries_in_quarantine", "attempts",
                 "webhooks_delivered", "webhooks_received_again_under_the_same_id", "tasks_sent_twice_more", "faults",
                 "deaths_at_named_points", "seconds_to_rest_after_the_last_fault", "longest_from_accepted_to_done_s",
                 "longest_wait_for_an_answer_s", "what_callers_met"):  # fmt: skip
        console.print(f"{name.replace('_', ' ')}: {found[name]}", highlight=False)


def draw(run: Run, found: dict, path: Path) -> None:
    """Decisions per second over time, work waiting, and every fault as a bar in its lane."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    lanes = sorted({h.fault.target for h in run.happened})
    end = max([*found["done_at"], *(t["until"] for t in found["timeline"]), 1.0])
    figure, (above, middle, below) = pyplot.subplots(
        3, 1, figsize=(14, 7.5), sharex=True, layout="constrained",
        height_ratios=[3, 2, 0.45 * len(lanes) + 0.6])  # fmt: skip
    bins = [*range(int(min(0, *found["done_at"], 0)), int(end) + 2)]
    above.hist(found["done_at"], bins=bins, color="#27ae60", label="decided")
    above.hist(found["accepted_at"], bins=bins, histtype="step", color="#2c3e50", label="accepted")
    above.set_ylabel("per second")
    above.legend(loc="upper right", ncols=2, frameon=False)
    above.set_title(
        f"Seed {found['seed']}: {len(run.happened)} faults, {found['verifications']} verifications, {found['verdict']}",
        loc="left")  # fmt: skip
    waiting, level = [(0.0, 0)], 0
    for at, step in sorted([(t, 1) for t in found["accepted_at"]] + [(t, -1) for t in found["done_at"]]):
        level += step
        waiting.append((at, level))
    middle.step(*zip(*waiting, strict=True), where="post", color="#2980b9")
    middle.set_ylabel("accepted,\nnot yet decided")
    for h in run.happened:
        began, lasting = h.began - run.began, max(h.ended - h.began, 0.25)
        lane = lanes.index(h.fault.target)
        below.barh(lane, lasting, left=began, height=0.6, color=COLOURS[h.fault.kind])
    below.set_yticks(range(len(lanes)), lanes)
    below.set_xlabel("seconds")
    kinds = dict.fromkeys(h.fault.kind for h in run.happened)
    below.legend([pyplot.Rectangle((0, 0), 1, 1, color=COLOURS[k]) for k in kinds], kinds, ncols=len(kinds),
                 loc="upper center", bbox_to_anchor=(0.5, -0.35), frameon=False)  # fmt: skip
    for axis in (above, middle, below):
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_xlim(0, end)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
