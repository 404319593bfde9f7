"""The rules a new tenant begins with. Every figure has a source; a bank changes them by adding a version."""

from __future__ import annotations

# Quality limits were read off ordinary, usable photographs (ml/quality/defaults.json tells how) and set where an
# applicant would agree that the picture is poor; portraits of documents are smaller and flatter, so ask less.
DEFAULT_RULES: dict = {
    "match": {"fmr": 1e-3, "review_fmr": 1e-2},
    "duplicates": {"search": True, "fmr": 1e-3},
    "quality": {},
    "portrait_quality": {},
}
