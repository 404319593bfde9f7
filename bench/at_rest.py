"""What sealing and validating cost: python -m bench.at_rest. No servers; one process and its decode helpers."""

from __future__ import annotations

import io
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.table import Table

from kyc.evidence.cage.pool import Pool
from kyc.evidence.gate import admit
from kyc.evidence.limits import Limits
from kyc.vault import boxes

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "var" / "bench" / "at_rest.json"
KEY, KEY_ID, PLACE = os.urandom(32), "dky_" + "0" * 26, boxes.Place("tnt_a", "applicant:app_a", "bench", 1)


def milliseconds(call: Callable[[], object], *, times: int) -> float:
    """Median of `times` calls."""
    spent = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        spent.append((time.perf_counter() - began) * 1000)
    return statistics.median(spent)


def noise(width: int, height: int) -> bytes:
    """A JPEG with about the detail of a photograph."""
    coarse = Image.effect_noise((width // 8, height // 8), 80)
    file = io.BytesIO()
    coarse.resize((width, height), Image.Resampling.BICUBIC).convert("RGB").save(file, "JPEG", quality=85)
    return file.getvalue()


def measure() -> dict[str, float]:
    """Milliseconds by what was done."""
    field, image = os.urandom(200), os.urandom(4_000_000)
    sealed_field, sealed_image = boxes.seal(KEY, KEY_ID, PLACE, field), boxes.seal(KEY, KEY_ID, PLACE, image)
    found = {
        "seal a field (200 B)": milliseconds(lambda: boxes.seal(KEY, KEY_ID, PLACE, field), times=2000),
        "open a field": milliseconds(lambda: boxes.open_sealed(KEY, PLACE, sealed_field), times=2000),
        "seal an image (4 MB)": milliseconds(lambda: boxes.seal(KEY, KEY_ID, PLACE, image), times=20),
        "open an image": milliseconds(lambda: boxes.open_sealed(KEY, PLACE, sealed_image), times=20),
    }
    limits = Limits()
    photographs = {"512 x 640 (57 kB)": (ROOT / "tests" / "photos" / "obama.jpg").read_bytes(),
                   "12 MP": noise(4000, 3000), "50 MP": noise(8000, 6250)}  # fmt: skip
    began = time.perf_counter()
    pool = Pool(limits, helpers=1)
    assert pool.confinement
    found["start a decode helper"] = (time.perf_counter() - began) * 1000
    for name, data in photographs.items():
        header, times = admit(data, limits), 20 if len(data) < 1_000_000 else 5
        found[f"gate, {name}"] = milliseconds(lambda data=data: admit(data, limits), times=times)
        found[f"normalise in the cage, {name}"] = milliseconds(
            lambda data=data, header=header: pool.normalise(data, header), times=times
        )
    pool.close()
    return found


def main() -> None:
    found = measure()
    table = Table("step", "ms, median")
    for step, ms in found.items():
        table.add_row(step, f"{ms:.3g}")
    Console().print(table)
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(json.dumps({"load": os.getloadavg()[0], "milliseconds": found}, indent=1))


if __name__ == "__main__":
    main()
