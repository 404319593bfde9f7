"""Foreign weight files into state dicts of ours. Each takes bytes whose hash has already matched."""

from __future__ import annotations

import importlib
from collections.abc import Callable

import torch

from ml.errors import PackError

Converter = Callable[[dict[str, bytes]], dict[str, torch.Tensor]]

# by the name that a manifest's `converter` uses: module, function (imported only when needed: onnx and lz4
# belong to packing, not to serving)
_CONVERTERS = {
    "dlib_dat": ("dlib_dat", "convert"),
    "minifasnet_v1se": ("checkpoint", "minifasnet_v1se"),
    "minifasnet_v2": ("checkpoint", "minifasnet_v2"),
    "mobilefacenet": ("checkpoint", "mobilefacenet"),
    "mtcnn_joblib": ("mtcnn_joblib", "convert"),
    "yunet_onnx": ("yunet_onnx", "convert"),
}


def converter(name: str) -> Converter:
    """The converter of that name: file name -> bytes in, tensor name -> tensor out."""
    if name not in _CONVERTERS:
        raise PackError("pack_invalid", f"no converter '{name}', there are: {', '.join(_CONVERTERS)}")
    module, function = _CONVERTERS[name]
    found: Converter = getattr(importlib.import_module(f"{__name__}.{module}"), function)
    return found
