"""The bench run on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from ml.batching_rates import Rates
from ml.bench.aims import Aim
from ml.bench.findings import Findings
from ml.bench.gpu import GpuRun
from ml.bench.networks import NetworkRun
from ml.bench.peers import ABSENT, Peer
from ml.bench.timing import Sample


def show(console: Console, run: Findings, aims: Sequence[Aim]) -> None:
    here = run.machine
    console.print(
        f"[bold]{here.processor}[/bold], {here.cores} cores, {here.memory:.0f} GB; matrix product "
        f"{here.gemm:.0f} GFLOP/s (one thread {here.gemm_one:.0f}), copy {here.bandwidth:.0f} GB/s",
        highlight=False,
    )
    console.print(_conditions(run.clock, run.others), highlight=False)
    console.print(_stages([*run.stages, *run.detection.values(), *run.cage.values()]))
    console.print(_networks(run.networks))
    if run.batching:
        console.print(_batching(run.batching), highlight=False)
    if run.peers:
        console.print(_peers(run.peers))
    console.print(_gpu(run.gpu) if run.gpu else "no GPU here, not measured", highlight=False)
    console.print(_aims(aims))


def _batching(rates: Rates) -> str:
    direct, batched = rates.alone_direct, rates.alone_batched
    return (
        f"micro-batching: engine {rates.engine:.1f}/s, {rates.callers} callers {rates.saturated:.1f}/s; alone "
        f"p50/p99 {direct[0]:.1f}/{direct[1]:.1f} ms direct, {batched[0]:.1f}/{batched[1]:.1f} ms batched"
    )


def _conditions(clock: str, others: float) -> str:
    if clock == "cpu":
        return f"clock: processor time on one thread (others used {others:.0%} of the machine meanwhile)"
    warning = "; [yellow]compare ratios of the fastest, or use --clock cpu[/yellow]" if others > 0.1 else ""
    return f"clock: wall; others used {others:.0%} of the machine meanwhile{warning}"


def _stages(samples: Sequence[Sample]) -> Table:
    table = _table("Stages", "", "batch", "images/s", "ms/image", "p50 ms", "p99 ms", "fastest", "peak MB", "calls")
    for s in samples:
        table.add_row(
            s.name,
            str(s.batch),
            f"{s.rate:.1f}",
            f"{s.p50 / s.batch:.2f}",
            f"{s.p50:.1f}",
            f"{s.p99:.1f}",
            f"{s.fastest:.1f}",
            "" if s.peak is None else f"{s.peak:.0f}",
            str(s.calls),
        )
    return table


def _networks(runs: Sequence[NetworkRun]) -> Table:
    table = _table("Networks", "", "runtime", "batch", "images/s", "p50 ms", "p99 ms", "GFLOP/s", "of limit", "peak MB")
    for run in runs:
        name = f"{run.pack} {run.part}".strip()
        s = run.sample
        table.add_row(
            name,
            run.runtime + (" *" if run.chosen else ""),
            str(s.batch),
            f"{s.rate:.1f}",
            f"{s.p50:.2f}",
            f"{s.p99:.2f}",
            f"{run.gflops:.0f}",
            f"{run.share:.0%}",
            "" if s.peak is None else f"{s.peak:.0f}",
        )
    table.caption = "* the runtime that the engine takes"
    return table


def _peers(peers: Mapping[str, Peer]) -> Table:
    table = _table("Peers", "", "version", "batch", "p50 ms", "fastest")
    for peer in peers.values():
        if peer.error:
            table.add_row(peer.name, "", "", peer.error, "")
        else:
            table.add_row(peer.name, peer.version, str(peer.batch), f"{peer.p50:.2f}", f"{peer.fastest:.2f}")
    for name, why in ABSENT.items():
        table.add_row(name, "", "", f"not measured: {why}", "")
    return table


def _gpu(runs: Sequence[GpuRun]) -> Table:
    table = _table("GPU, batch 64", "", "precision", "layout", "graph", "ms", "images/s", "of limit", "MB")
    for r in runs:
        table.add_row(
            r.pack,
            r.precision,
            r.layout,
            "yes" if r.graph else "",
            f"{r.milliseconds:.2f}",
            f"{r.rate:.0f}",
            f"{r.share:.0%}",
            f"{r.memory:.0f}",
        )
    return table


def _aims(aims: Sequence[Aim]) -> Table:
    table = _table("Aims", "", "wanted", "reached", "", "note")
    for aim in aims:
        verdict = {True: "[green]met[/green]", False: "[red]missed[/red]", None: ""}[aim.met]
        reached = "not measured" if aim.reached is None else f"{aim.reached:.2f}"
        table.add_row(aim.what, aim.wanted, reached, verdict, aim.note)
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right" if i > 1 else "left")
    return table
