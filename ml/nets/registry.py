"""Which networks exist by the name that pack.toml uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from ml.errors import PackError
from ml.nets.dlib_resnet import DlibResNet
from ml.nets.minifasnet import minifasnet_v1se, minifasnet_v2
from ml.nets.mobilefacenet import MobileFaceNet
from ml.nets.mtcnn import ONet, PNet, RNet
from ml.nets.yunet import YuNet


@dataclass(frozen=True, slots=True)
class Architecture:
    """One network, or several that share a pack (`parts`)."""

    make: dict[str, Callable[[], nn.Module]]  # part -> constructor; the part of a lone network is ""

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(self.make)

    def build(self, part: str = "") -> nn.Module:
        if part not in self.make:
            raise PackError("pack_invalid", f"no part '{part}', there are: {', '.join(map(repr, self.make))}")
        return self.make[part]()


ARCHITECTURES: dict[str, Architecture] = {
    "dlib_resnet": Architecture({"": DlibResNet}),
    "minifasnet_v1se": Architecture({"": minifasnet_v1se}),
    "minifasnet_v2": Architecture({"": minifasnet_v2}),
    "mobilefacenet": Architecture({"": MobileFaceNet}),
    "mtcnn": Architecture({"pnet": PNet, "rnet": RNet, "onet": ONet}),
    "yunet": Architecture({"": YuNet}),
}
