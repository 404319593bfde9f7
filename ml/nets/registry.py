"""Which networks exist by the name that pack.toml uses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from ml.errors import PackError


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


ARCHITECTURES: dict[str, Architecture] = {}
