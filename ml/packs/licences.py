"""Which licences a pack may carry. The operator decides; nothing loads before the answer."""

from __future__ import annotations

import os
import re
from collections.abc import Collection

from ml.errors import PackError

# SPDX identifiers that ask for no more than attribution. CC0-1.0 and Unlicense are dedications to the
# public domain; LicenseRef-PublicDomain is for works that carry a statement of their own instead.
PERMISSIVE = frozenset(
    {
        "0BSD",
        "Apache-2.0",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "CC-BY-4.0",
        "CC0-1.0",
        "ISC",
        "MIT",
        "Unlicense",
        "LicenseRef-PublicDomain",
    }
)
VARIABLE = "VOUCH_ALLOWED_LICENCES"


def from_environment() -> frozenset[str]:
    """VOUCH_ALLOWED_LICENCES, comma separated SPDX identifiers; the permissive ones when unset."""
    text = os.environ.get(VARIABLE)
    return PERMISSIVE if text is None else frozenset(name.strip() for name in text.split(",") if name.strip())


def require(licence: str, *, allowed: Collection[str], what: str) -> None:
    """PackError(pack_licence) unless the operator allowed it. `A AND B` needs both, `A OR B` either."""
    if not licence or not _holds(licence, allowed):
        raise PackError(
            "pack_licence",
            f"{what} is under '{licence}', which is not allowed here ({', '.join(sorted(allowed)) or 'none'}); "
            f"add it to {VARIABLE} if your organisation accepts it",
        )


def _holds(expression: str, allowed: Collection[str]) -> bool:
    options = re.split(r"\s+OR\s+", expression.strip())
    return any(all(part.strip() in allowed for part in re.split(r"\s+AND\s+", one)) for one in options)
