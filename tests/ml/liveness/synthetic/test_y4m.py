from __future__ import annotations

import numpy as np
import pytest

from ml.liveness.synthetic.y4m import LiveY4m, header, write_y4m


def grey(level: int) -> np.ndarray:
    return np.full((48, 64, 3), level, np.uint8)


def test_a_film_of_two_frames_has_the_size_its_header_says(tmp_path):
    path = tmp_path / "film.y4m"
    assert write_y4m(path, [grey(10), grey(200)], rate=10) == 2
    assert path.stat().st_size == len(header(64, 48, 10)) + 2 * (len(b"FRAME\n") + 64 * 48 * 3 // 2)


def test_a_live_file_keeps_its_size_and_shows_the_last_frame(tmp_path):
    live = LiveY4m(tmp_path / "live.y4m", 64, 48, 10)
    size = (tmp_path / "live.y4m").stat().st_size
    live.show(grey(200))
    data = (tmp_path / "live.y4m").read_bytes()
    assert len(data) == size and data[len(header(64, 48, 10)) + 6] == 200


def test_odd_sides_are_refused(tmp_path):
    with pytest.raises(ValueError, match="even"):
        write_y4m(tmp_path / "odd.y4m", [np.zeros((47, 64, 3), np.uint8)], rate=10)
