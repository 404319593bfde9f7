"""The networks: plain torch modules, sizes in one place, no I/O. Weights come from packs."""

from ml.nets.registry import ARCHITECTURES, Architecture

__all__ = ["ARCHITECTURES", "Architecture"]
