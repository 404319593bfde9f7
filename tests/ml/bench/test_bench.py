from __future__ import annotations

import io
import json
import time

import pytest
from PIL import Image

from ml.bench import cli, machine, material, peer_child
from ml.bench.aims import aims, at_least
from ml.bench.findings import Findings
from ml.bench.networks import NetworkRun, flops
from ml.bench.peers import Peer
from ml.bench.stages import ONE_BY_ONE
from ml.bench.timing import Sample, measure, sample


def network(runtime: str, milliseconds: float, *, chosen: bool, batch: int = 1) -> NetworkRun:
    timed = sample(runtime, batch, [milliseconds] * 5)
    return NetworkRun("net", "", runtime, chosen, work=0.5, sample=timed, ceiling=100)


def findings(**other) -> Findings:
    nothing = {
        "stages": [],
        "detection": {},
        "cage": {},
        "networks": [],
        "peers": {},
        "batching": None,
        "gpu": [],
        "device": "cpu",
    }
    return Findings(machine=None, clock="wall", others=0.0, recogniser="net", **(nothing | other))


def reached(run: Findings, start: str):
    return next(aim for aim in aims(run) if aim.what.startswith(start))


def test_subjects_take_turns_and_each_is_warmed_up_once():
    calls: list[str] = []
    found = measure({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, batch=4, seconds=0)
    assert calls[:4] == ["a", "b", "a", "b"]
    assert found["a"].calls == found["b"].calls >= 5


def test_the_processors_clock_does_not_count_waiting():
    found = measure({"sleep": lambda: time.sleep(0.02)}, batch=1, seconds=0, clock="cpu")
    assert found["sleep"].p50 < 5


def test_a_rate_counts_images_not_calls():
    assert sample("x", 8, [100.0] * 5).rate == pytest.approx(80)


def test_memory_above_the_start_is_seen():
    found = measure({"large": lambda: bytearray(64 << 20)}, batch=1, seconds=0)["large"]
    if found.peak is None:
        pytest.skip("this kernel does not reset VmHWM")
    assert 50 < found.peak < 200


def test_a_pipeline_slower_than_ten_times_dlib_is_missed():
    ours = Sample(ONE_BY_ONE, 4, 5, 80.0, 80.0, 80.0, None)
    run = findings(stages=[ours], peers={"dlib_end_to_end": Peer("dlib_end_to_end", 400.0, 400.0, batch=4)})
    aim = reached(run, "pipeline")
    assert aim.reached == pytest.approx(5)  # dlib took 100 ms a photograph
    assert aim.met is False


def test_a_faster_runtime_that_the_engine_does_not_take_is_told():
    run = findings(networks=[network("torch", 4.0, chosen=False), network("onnx", 5.0, chosen=True)])
    aim = reached(run, "net: runtime")
    assert (aim.reached, aim.met) == (pytest.approx(0.8), False)
    assert "torch" in aim.note


def test_openvino_counts_among_the_runtimes():
    run = findings(networks=[network("onnx", 5.0, chosen=True)], peers={"openvino net x1": Peer("", 2.5, 2.5)})
    assert reached(run, "net: runtime").reached == pytest.approx(0.5)


def test_the_share_of_the_limit_is_work_over_time_over_the_machines_best():
    # 0.5 GFLOP x 32 in 320 ms is 50 GFLOP/s of 100
    run = findings(networks=[network("onnx", 320.0, chosen=True, batch=32)])
    assert reached(run, "recogniser").reached == pytest.approx(0.5)


def test_on_a_gpu_the_pipeline_is_held_against_its_slowest_stage():
    stages = [sample("detect", 32, [100.0] * 5), sample("embed", 32, [50.0] * 5), sample("pipeline", 32, [160.0] * 5)]
    aim = reached(findings(stages=stages, device="cuda"), "GPU: pipeline")
    assert (aim.reached, aim.met) == (pytest.approx(0.625), False)


def test_what_was_not_measured_is_neither_met_nor_missed():
    assert at_least("x", None, 1.0).met is None
    assert reached(findings(), "GPU").note == "no GPU here, not measured"


def test_flops_are_counted_from_the_network_itself(dlib_resnet):
    assert flops(dlib_resnet, "") == pytest.approx(0.542, abs=0.005)  # 271 M multiply-adds


def test_the_matrix_product_is_measured():
    here = machine.describe(seconds=0.1)
    assert here.gemm >= here.gemm_one > 1
    assert here.bandwidth > 0.5


def test_photographs_have_the_sizes_they_claim():
    given = material.load()
    assert {Image.open(io.BytesIO(data)).size for data in given.vga} == {material.VGA}
    assert {Image.open(io.BytesIO(data)).size for data in given.phone} == {material.PHONE}


def test_a_peer_that_fails_is_a_line_not_a_crash(monkeypatch, capsys):
    job = {
        "seconds": 0.01,
        "clock": "wall",
        "vga": ["/nowhere.jpg"],
        "phone": ["/nowhere.jpg"],
        "files": {},
        "onnx": {},
    }
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(job)))
    peer_child.main()
    found = json.loads(capsys.readouterr().out)
    assert all("error" in one for one in found.values())


@pytest.mark.slow
def test_a_quick_run_writes_what_it_shows(packs_root, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("VOUCH_PACKS", str(packs_root))
    out = tmp_path / "bench.json"
    assert cli.main(["--quick", "--clock", "cpu", "--seconds", "0.01", "--out", str(out)]) == 0
    body = json.loads(out.read_text())
    assert {"pipeline", "decode", "detect", "embed"} <= {one["name"] for one in body["stages"]}
    assert any(aim["what"].startswith("recogniser") for aim in body["aims"])
    assert "no GPU here, not measured" in capsys.readouterr().out
