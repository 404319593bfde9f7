"""Where the photographs are: the public ones in the repository, and local research data where there is any."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PHOTOS = REPOSITORY / "tests" / "photos"


def data_dir() -> Path | None:
    """The local data (verification/, pad/, mrz/, packs/) that VOUCH_DATA names, or None. It is never committed."""
    directory = Path(os.environ.get("VOUCH_DATA") or REPOSITORY.parent / "shared" / "data")
    return directory if directory.is_dir() else None
