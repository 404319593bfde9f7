"""What we set out to reach, and what this run shows. An aim that was not measured says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ml.bench.findings import Findings
from ml.bench.gpu import GpuRun
from ml.bench.networks import NetworkRun
from ml.bench.peers import Peer
from ml.bench.stages import ONE_BY_ONE
from ml.bench.timing import Sample

PEERS_OF_STAGES = (  # stage, peer, in words
    ("detect", "opencv_yunet", "detection / OpenCV's own YuNet"),
    ("detect", "dlib_hog", "detection / dlib's HOG (faces from 80 px only)"),
    ("embed", "dlib_resnet", "template / dlib's ResNet"),
)


@dataclass(frozen=True)
class Aim:
    what: str
    wanted: str
    reached: float | None  # None: not measured
    met: bool | None
    note: str = ""


def at_least(what: str, reached: float | None, wanted: float, note: str = "") -> Aim:
    return Aim(what, f">= {wanted:g}", reached, None if reached is None else reached >= wanted, note)


def at_most(what: str, reached: float | None, wanted: float, note: str = "") -> Aim:
    return Aim(what, f"<= {wanted:g}", reached, None if reached is None else reached <= wanted, note)


def aims(run: Findings) -> list[Aim]:
    found = [
        _pipeline(run.stages, run.peers, "dlib_end_to_end", "its faces from 40 px, as users set it; no landmarks"),
        _pipeline(run.stages, run.peers, "dlib_end_to_end_80px", "its faces from 80 px only; no landmarks"),
    ]
    found += [_beside(run, stage, peer, what) for stage, peer, what in PEERS_OF_STAGES]
    found += [_fastest(name, run.networks, run.peers) for name in dict.fromkeys(_label(one) for one in run.networks)]
    found += [
        _of_the_limit(run.networks, run.recogniser),
        *_decode(run.stages, run.cage, run.peers),
        _post(run.detection),
        *_cage(run.cage),
    ]
    if run.batching:
        found += [
            at_least("micro-batching at saturation / bare engine", run.batching.share, 0.9),
            at_most("one job at a time, p99 batched / direct", run.batching.slowdown, 1.5),
        ]
    return [*found, _gpu(run.gpu), *_overlap(run)]


def _pipeline(stages: Sequence[Sample], peers: Mapping[str, Peer], name: str, note: str) -> Aim:
    ours, peer = next((s for s in stages if s.name == ONE_BY_ONE), None), peers.get(name)
    ratio = peer.fastest / peer.batch / (ours.fastest / ours.batch) if ours and peer and peer.fastest else None
    return at_least("pipeline to the template / dlib end to end", ratio, 10, note)


def _beside(run: Findings, stage: str, peer: str, what: str) -> Aim:
    ours, theirs = _stage(run.stages, stage, 1), run.peers.get(peer)
    ratio = theirs.fastest / theirs.batch / ours.fastest if ours and theirs and theirs.fastest else None
    return at_least(what, ratio, 1.0, "one photograph")


def _fastest(label: str, networks: Sequence[NetworkRun], peers: Mapping[str, Peer]) -> Aim:
    """The runtime that the engine takes against the fastest of all, at the batches measured for both."""
    mine = [run for run in networks if _label(run) == label]
    worst, note = None, ""
    for batch in sorted({run.sample.batch for run in mine}):
        times = {run.runtime: run.sample.fastest for run in mine if run.sample.batch == batch}
        peer = peers.get(f"openvino {label} x{batch}")
        if peer and peer.fastest:
            times["openvino"] = peer.fastest
        chosen = next((run.sample.fastest for run in mine if run.sample.batch == batch and run.chosen), None)
        if chosen is None:
            continue
        winner = min(times, key=times.__getitem__)
        if worst is None or times[winner] / chosen < worst:
            worst, note = times[winner] / chosen, f"batch {batch}: {winner} is fastest"
    return at_least(f"{label}: runtime in use / fastest found", None if worst is None else round(worst, 3), 1.0, note)


def _of_the_limit(networks: Sequence[NetworkRun], recogniser: str) -> Aim:
    runs = [run for run in networks if run.pack == recogniser and run.chosen]
    largest = max(runs, key=lambda run: run.sample.batch, default=None)
    if largest is None:
        return at_least("recogniser / measured matrix peak", None, 0.5)
    share = largest.work * 1000 * largest.sample.batch / largest.sample.fastest / largest.ceiling
    return at_least(
        f"recogniser at batch {largest.sample.batch} / measured matrix peak",
        share,
        0.5,
        f"{largest.work:.2f} GFLOP an image",
    )


def _decode(stages: Sequence[Sample], cage: Mapping[str, Sample], peers: Mapping[str, Peer]) -> list[Aim]:
    rows = []
    for what, ours, name in (
        ("12 MP in full", _stage(stages, "decode, 12 MP in full", 1), "simplejpeg_full"),
        ("640 px", cage.get("bare, one"), "simplejpeg_vga"),
    ):
        peer = peers.get(name)
        ratio = peer.fastest / ours.fastest if ours and peer and peer.fastest else None
        rows.append(
            at_least(
                f"decode {what} / simplejpeg",
                ratio,
                0.9,
                "ours also checks the header, turns upright and looks for colour",
            )
        )
    return rows


def _post(detection: Mapping[str, Sample]) -> Aim:
    network, after = detection.get("detect: network"), detection.get("detect: after the network")
    ratio = after.p50 / network.p50 if network and after else None
    return at_most("detector: after the network / the network", ratio, 1)


def _cage(cage: Mapping[str, Sample]) -> list[Aim]:
    if not cage:
        return []
    extra = cage["caged, one"].fastest - cage["bare, one"].fastest
    share = cage["bare, 32"].fastest / cage["caged, 32"].fastest
    return [
        Aim("decode in a cage, extra ms per photograph", "shown", extra, None),
        at_least("decode in a cage, throughput / bare", share, 0.9, "helpers run beside each other"),
    ]


def _gpu(gpu: Sequence[GpuRun]) -> Aim:
    best = max(gpu, key=lambda run: run.share, default=None)
    return at_least(
        "GPU: recogniser at batch 64 / measured matrix peak",
        best.share if best else None,
        0.25,
        f"{best.precision}, {best.layout}" if best else "no GPU here, not measured",
    )


def _overlap(run: Findings) -> list[Aim]:
    """On a GPU the stages could run beside each other; on a CPU they share the cores, so their times add up."""
    if not run.device.startswith("cuda"):
        return []
    largest = max(sample.batch for sample in run.stages)
    rates = {sample.name: sample.rate for sample in run.stages if sample.batch == largest}
    slowest = min((rate for name, rate in rates.items() if name != "pipeline"), default=None)
    return [at_least("GPU: pipeline / its slowest stage", rates["pipeline"] / slowest if slowest else None, 0.8)]


def _label(run: NetworkRun) -> str:
    return f"{run.pack} {run.part}".strip()


def _stage(stages: Sequence[Sample], name: str, batch: int) -> Sample | None:
    return next((s for s in stages if s.name == name and s.batch == batch), None)
