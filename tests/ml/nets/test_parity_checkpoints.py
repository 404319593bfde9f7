"""MobileFaceNet and MiniFASNet: folded and widened weights against the checkpoint computed layer by layer."""

from __future__ import annotations

import zipfile
from io import BytesIO

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from ml.nets.minifasnet import V1, V2, Widths
from ml.nets.mobilefacenet import STAGES
from ml.packs import Pack
from ml.runtime import RuntimeName, load, prepare
from tests.data import PHOTOS, data_dir
from tests.ml.conftest import LOCAL

State = dict[str, torch.Tensor]
RUNTIMES = pytest.mark.parametrize("runtime", ["torch", "onnx"])


@pytest.mark.data
@RUNTIMES
def test_mobilefacenet_equals_its_checkpoint(runtime: RuntimeName, local_packs: dict[str, Pack]):
    pack = local_packs["mobilefacenet-foamliu"]
    batch = prepare(face(112), pack.manifest.input)
    theirs = mobilefacenet(checkpoint(pack), torch.from_numpy(batch).double())
    ours = np.asarray(load(pack, runtime=runtime, threads=1)(batch))
    assert np.abs(ours - theirs.numpy()).max() < 1e-4


@pytest.mark.data
@RUNTIMES
@pytest.mark.parametrize(("name", "widths"), [("minifasnet-v2", V2), ("minifasnet-v1se", V1)])
def test_minifasnet_equals_its_checkpoint(
    name: str, widths: Widths, runtime: RuntimeName, local_packs: dict[str, Pack]
):
    pack = local_packs[name]
    batch = prepare(face(80), pack.manifest.input)
    theirs = minifasnet(checkpoint(pack), torch.from_numpy(batch).double(), widths)
    ours = np.asarray(load(pack, runtime=runtime, threads=1)(batch))
    assert np.abs(ours - theirs.numpy()).max() < 1e-4


@pytest.mark.data
def test_mobilefacenet_tells_people_of_lfw_apart(local_packs: dict[str, Pack]):
    """A sanity figure on 600 pairs of the first fold, not the evaluation: published 99.4 %."""
    pack = local_packs["mobilefacenet-foamliu"]
    network = load(pack, threads=1)
    pairs = first_fold()
    names = sorted({name for pair in pairs for name in pair[:2]})
    root = data_dir()
    assert root is not None
    vectors: dict[str, np.ndarray] = {}
    with zipfile.ZipFile(root / "verification" / "lfw_aligned_112.zip") as archive:
        inside = {path.rsplit("/", 1)[-1]: path for path in archive.namelist()}
        for at in range(0, len(names), 32):
            some = names[at : at + 32]
            pixels = [np.asarray(Image.open(BytesIO(archive.read(inside[name]))).convert("RGB")) for name in some]
            z = np.asarray(network(prepare(np.stack(pixels), pack.manifest.input)))
            vectors |= dict(zip(some, z / np.linalg.norm(z, axis=1, keepdims=True), strict=True))
    cosines = np.array([vectors[a] @ vectors[b] for a, b, _ in pairs])
    same = np.array([same for *_, same in pairs])
    assert max(((cosines > t) == same).mean() for t in np.linspace(0, 1, 101)) > 0.985


def face(size: int) -> np.ndarray:
    """(2, size, size, 3) RGB."""
    image = Image.open(PHOTOS / "obama.jpg").convert("RGB").crop((160, 50, 400, 290)).resize((size, size))
    other = Image.open(PHOTOS / "biden.jpg").convert("RGB").crop((180, 60, 440, 320)).resize((size, size))
    return np.stack([np.asarray(image), np.asarray(other)])


def first_fold() -> list[tuple[str, str, bool]]:
    root = data_dir()
    assert root is not None
    pairs = []
    for line in (root / "verification" / "lfw_pairs.txt").read_text().splitlines()[1:601]:
        match line.split():
            case [name, a, b]:
                pairs.append((f"{name}_{int(a):04d}.jpg", f"{name}_{int(b):04d}.jpg", True))
            case [one, a, other, b]:
                pairs.append((f"{one}_{int(a):04d}.jpg", f"{other}_{int(b):04d}.jpg", False))
    assert len(pairs) == 600
    return pairs


def checkpoint(pack: Pack) -> State:
    root = data_dir()
    assert root is not None
    state = torch.load(root / LOCAL[pack.manifest.name], map_location="cpu", weights_only=True)
    return {name.removeprefix("module."): value.double() for name, value in state.items()}


def norm(state: State, name: str, x: torch.Tensor) -> torch.Tensor:
    return F.batch_norm(x, *(state[f"{name}.{one}"] for one in ("running_mean", "running_var", "weight", "bias")))


def conv(state: State, name: str, bn: str, x: torch.Tensor, stride: int = 1, padding: int = 0) -> torch.Tensor:
    weight = state[f"{name}.weight"]
    groups = x.shape[1] // weight.shape[1]
    return norm(state, bn, F.conv2d(x, weight, state.get(f"{name}.bias"), stride, padding, groups=groups))


def mobilefacenet(s: State, x: torch.Tensor) -> torch.Tensor:
    x = F.relu6(conv(s, "conv1.0", "conv1.1", x, 2, 1))
    x = F.relu(conv(s, "dw_conv.depthwise", "dw_conv.bn1", x, 1, 1))
    x = F.relu(conv(s, "dw_conv.pointwise", "dw_conv.bn2", x))
    block = 0
    for _, channels, count, stride in STAGES:
        for index in range(count):
            step = stride if index == 0 else 1
            y = F.relu6(conv(s, f"features.{block}.conv.0.0", f"features.{block}.conv.0.1", x))
            y = F.relu6(conv(s, f"features.{block}.conv.1.0", f"features.{block}.conv.1.1", y, step, 1))
            y = conv(s, f"features.{block}.conv.2", f"features.{block}.conv.3", y)
            x = x + y if step == 1 and x.shape[1] == channels else y
            block += 1
    x = F.relu6(conv(s, "conv2.0", "conv2.1", x))
    x = conv(s, "gdconv.depthwise", "gdconv.bn", x)
    return conv(s, "conv3", "bn", x).flatten(1)


def minifasnet(s: State, x: torch.Tensor, widths: Widths) -> torch.Tensor:
    def active(name: str, x: torch.Tensor, stride: int = 1, padding: int = 0) -> torch.Tensor:
        return F.prelu(conv(s, f"{name}.conv", f"{name}.bn", x, stride, padding), s[f"{name}.prelu.weight"])

    def bottleneck(name: str, x: torch.Tensor, stride: int) -> torch.Tensor:
        y = active(f"{name}.conv_dw", active(f"{name}.conv", x), stride, 1)
        y = conv(s, f"{name}.project.conv", f"{name}.project.bn", y)
        return squeezed(f"{name}.se_module", y) if f"{name}.se_module.fc1.weight" in s else y

    def squeezed(name: str, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(conv(s, f"{name}.fc1", f"{name}.bn1", x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(conv(s, f"{name}.fc2", f"{name}.bn2", y))

    x = active("conv2_dw", active("conv1", x, 2, 1), 1, 1)
    stages: list[tuple[str, str]] = [("conv_23", "conv_3"), ("conv_34", "conv_4"), ("conv_45", "conv_5")]
    for (down, stage), (_, _, inner) in zip(stages, widths, strict=True):
        x = bottleneck(down, x, 2)
        for index in range(len(inner)):
            x = x + bottleneck(f"{stage}.model.{index}", x, 1)
    x = conv(s, "conv_6_dw.conv", "conv_6_dw.bn", active("conv_6_sep", x)).flatten(1)
    return F.linear(norm(s, "bn", F.linear(x, s["linear.weight"])), s["prob.weight"])
