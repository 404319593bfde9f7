"""The commands in docs/models.md are commands."""

from __future__ import annotations

import shlex

import pytest

from ml.packs.cli import _parser
from ml.packs.ready import ready
from tests.data import REPOSITORY

TEXT = (REPOSITORY / "docs" / "models.md").read_text()
COMMANDS = [line.split("#")[0].strip() for line in TEXT.splitlines() if line.startswith("    python -m ml packs ")]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_documented_command_is_understood(command: str):
    words = shlex.split(command)
    arguments = _parser().parse_args(words[4:])
    name = getattr(arguments, "what", getattr(arguments, "name", None))
    assert name is None or name == "default" or name in ready()


def test_the_documentation_shows_every_verb_and_every_ready_pack():
    assert {command.split()[4] for command in COMMANDS} == {"list", "import", "pull", "use", "verify", "show", "export"}
    assert all(f"`{name}`" in TEXT for name in ready())
