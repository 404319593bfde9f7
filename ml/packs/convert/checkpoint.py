"""torch checkpoints (.pt, .pth) into our modules: batch norms folded, layers renamed.

Read with `weights_only=True`, which admits tensors and plain containers and refuses every other name.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator

import torch

from ml.errors import PackError
from ml.nets import ARCHITECTURES
from ml.nets.minifasnet import V1, V2, Widths
from ml.nets.mobilefacenet import STAGES
from ml.packs.convert.widen import widened

State = dict[str, torch.Tensor]
BATCH_NORM_EPSILON = 1e-5  # torch's default, which both origins used


def mobilefacenet(files: dict[str, bytes]) -> State:
    """foamliu's mobilefacenet.pt -> state dict of MobileFaceNet."""
    source = _Source(_read(files))
    state: State = {}
    for name, conv, norm in _mobilefacenet_layers():
        state |= source.folded(name, conv, norm)
    return source.finished(state)


def minifasnet_v2(files: dict[str, bytes]) -> State:
    """2.7_80x80_MiniFASNetV2.pth -> state dict of minifasnet_v2."""
    return _minifasnet(_read(files), V2, squeeze=False)


def minifasnet_v1se(files: dict[str, bytes]) -> State:
    """4_0_0_80x80_MiniFASNetV1SE.pth -> state dict of minifasnet_v1se."""
    return _minifasnet(_read(files), V1, squeeze=True)


def _read(files: dict[str, bytes]) -> State:
    (data,) = files.values()
    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise PackError("pack_source", f"not a checkpoint of plain tensors: {error}") from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise PackError("pack_source", "not a state dict")
    # saved from DataParallel, which prefixes everything
    return {name.removeprefix("module."): value for name, value in state.items()}


class _Source:
    """Hands out tensors once each, so that a layer forgotten is a layer noticed."""

    def __init__(self, state: State) -> None:
        self.left = {name: value for name, value in state.items() if not name.endswith("num_batches_tracked")}

    def take(self, name: str) -> torch.Tensor:
        if name not in self.left:
            raise PackError("pack_source", f"the checkpoint has no '{name}'")
        return self.left.pop(name).float()

    def norm(self, name: str) -> tuple[torch.Tensor, torch.Tensor]:
        """A batch norm as gain and offset per channel."""
        weight, bias, mean, variance = (
            self.take(f"{name}.{one}").double() for one in ("weight", "bias", "running_mean", "running_var")
        )
        gain = weight / (variance + BATCH_NORM_EPSILON).sqrt()
        return gain, bias - mean * gain

    def folded(self, ours: str, conv: str, norm: str) -> State:
        gain, offset = self.norm(norm)
        weight = self.take(f"{conv}.weight").double() * gain[:, None, None, None]
        if f"{conv}.bias" in self.left:
            offset = offset + self.take(f"{conv}.bias").double() * gain
        return {f"{ours}.weight": weight.float(), f"{ours}.bias": offset.float()}

    def finished(self, state: State) -> State:
        if self.left:
            raise PackError("pack_source", f"the checkpoint has layers we do not know, e.g. '{next(iter(self.left))}'")
        return state


def _mobilefacenet_layers() -> Iterator[tuple[str, str, str]]:
    """(our layer, its convolution, its batch norm) in the checkpoint."""
    yield "stem", "conv1.0", "conv1.1"
    yield "stem_filter", "dw_conv.depthwise", "dw_conv.bn1"
    yield "stem_mix", "dw_conv.pointwise", "dw_conv.bn2"
    for i in range(sum(count for _, _, count, _ in STAGES)):
        yield f"blocks.{i}.widen", f"features.{i}.conv.0.0", f"features.{i}.conv.0.1"
        yield f"blocks.{i}.filter", f"features.{i}.conv.1.0", f"features.{i}.conv.1.1"
        yield f"blocks.{i}.narrow", f"features.{i}.conv.2", f"features.{i}.conv.3"
    yield "tail", "conv2.0", "conv2.1"
    yield "pool", "gdconv.depthwise", "gdconv.bn"
    yield "head", "conv3", "bn"


def _minifasnet(checkpoint: State, widths: Widths, *, squeeze: bool) -> State:
    source = _Source(checkpoint)
    state: State = {}
    for ours, act, theirs in (
        ("stem", "act1", "conv1"), ("stem_filter", "act2", "conv2_dw"), ("tail", "act3", "conv_6_sep"),
    ):  # fmt: skip
        state |= _activated(source, ours, act, theirs)
    state |= source.folded("pool", "conv_6_dw.conv", "conv_6_dw.bn")
    for index, (theirs, squeezed) in enumerate(_bottlenecks(widths)):
        ours = f"blocks.{index}"
        state |= _activated(source, f"{ours}.widen", f"{ours}.act1", f"{theirs}.conv")
        state |= _activated(source, f"{ours}.filter", f"{ours}.act2", f"{theirs}.conv_dw")
        state |= source.folded(f"{ours}.narrow", f"{theirs}.project.conv", f"{theirs}.project.bn")
        if squeeze and squeezed:
            se = f"{theirs}.se_module"
            state |= source.folded(f"{ours}.squeeze.reduce", f"{se}.fc1", f"{se}.bn1")
            state |= source.folded(f"{ours}.squeeze.expand", f"{se}.fc2", f"{se}.bn2")
    state |= _head(source)
    return widened(source.finished(state), ARCHITECTURES["minifasnet_v1se" if squeeze else "minifasnet_v2"])


def _activated(source: _Source, ours: str, act: str, theirs: str) -> State:
    prelu = {f"{act}.weight": source.take(f"{theirs}.prelu.weight")}
    return source.folded(ours, f"{theirs}.conv", f"{theirs}.bn") | prelu


def _bottlenecks(widths: Widths) -> Iterator[tuple[str, bool]]:
    """Names in the checkpoint, and whether a squeeze module may follow."""
    stages = zip(("conv_23", "conv_34", "conv_45"), ("conv_3", "conv_4", "conv_5"), widths, strict=True)
    for down, stage, (_, _, inner) in stages:
        yield down, False
        for i in range(len(inner)):
            yield f"{stage}.model.{i}", i == len(inner) - 1


def _head(source: _Source) -> State:
    """prob(bn(linear(x))) as one matrix and offset."""
    gain, offset = source.norm("bn")
    linear, classes = source.take("linear.weight").double(), source.take("prob.weight").double()
    weight = classes @ (linear * gain[:, None])  # (3, 512)
    return {"head.weight": weight.float(), "head.bias": (classes @ offset).float()}
