"""docs/audit.md: what it tells an examiner to do works."""

from __future__ import annotations

import re

from kyc.audit.verify.findings import Exit
from tests.audit.worlds import a_range, events
from tests.data import REPOSITORY

PAGE = (REPOSITORY / "docs" / "audit.md").read_text()


def test_the_ten_lines_of_the_page_recompute_the_root():
    code = re.search(r"<!-- snippet: root -->\n```python\n(.*?)```", PAGE, re.DOTALL)[1]
    names: dict = {}
    exec(code, names)
    for size in (1, 2, 7, 40):
        lines = [line.rstrip(b"\n") for line in a_range(events(size))]
        assert names["root_of"](lines) == names["stated"](lines)


def test_every_exit_status_and_every_finding_is_explained():
    assert all(f"| {int(status)} |" in PAGE for status in Exit)
    sources = "".join(path.read_text() for path in (REPOSITORY / "kyc" / "audit").rglob("*.py"))
    for code in set(re.findall(r'report\.add\(\s*"(\w+)"', sources)):
        assert f"`{code}`" in PAGE, code


def test_every_setting_is_explained():
    settings = (REPOSITORY / "kyc" / "settings.py").read_text()
    for name in re.findall(r'"(VOUCH_(?:AUDIT|WORM)\w+)"', settings):
        assert f"`{name}`" in PAGE, name
