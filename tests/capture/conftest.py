from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ml.conftest import packs_root  # noqa: F401  (a fixture)


@pytest.fixture
def engine(packs_root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # noqa: F811
    """A real engine on the default packs, in this process."""
    from ml.decode import Bare
    from ml.engine import Engine
    from ml.liveness.active.trial import SAME_FACE
    from workers import engine as held

    made = Engine.from_packs(packs_root, threads=1, decoder=Bare())
    monkeypatch.setattr(held, "_engine", made)
    # the packs made for tests carry no calibration; what the number means is tested where calibrations are
    monkeypatch.setattr(held, "same_face", lambda: SAME_FACE)
    yield
    made.close()
