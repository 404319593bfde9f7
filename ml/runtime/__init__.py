"""Networks, run by torch or by ONNX Runtime behind one protocol."""

from ml.runtime.loader import load
from ml.runtime.network import Batch, Network, Outputs, Precision, RuntimeName
from ml.runtime.prepare import prepare

__all__ = ["Batch", "Network", "Outputs", "Precision", "RuntimeName", "load", "prepare"]
