"""docs/media.md lists what the code can answer, no more and no less."""

import re

from kyc.core.errors import Problem
from kyc.evidence import errors, uploads
from tests.data import REPOSITORY


def raised() -> dict[str, int]:
    found = {}
    for module in (errors, uploads):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Problem) and value.__module__ == module.__name__:
                found[value.code] = value.status
    return {code: status for code, status in found.items() if code != errors.ImageRefused.code}


def test_every_refusal_is_documented_with_its_status():
    table = re.findall(r"^\| `(\w+)` \| (\d+) \|", (REPOSITORY / "docs" / "media.md").read_text(), re.MULTILINE)
    assert {code: int(status) for code, status in table} == raised()
