"""Stacks of these tests' own: they are killed, and the suite's shared one must not be."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from kyc.localstack import Stack


@pytest.fixture
def home() -> Iterator[Path]:
    # not pytest's tmp_path: that lies under a 0700 directory, which moves root's stack elsewhere
    directory = Path(tempfile.mkdtemp(prefix="vouch-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="module")
def one_stack() -> Iterator[Stack]:
    directory = Path(tempfile.mkdtemp(prefix="vouch-"))
    directory.chmod(0o755)
    stack = Stack(directory)
    yield stack
    stack.erase()
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def stack(one_stack: Stack) -> Stack:
    """A running stack, whatever the test before did to it; making one takes a second, mending one a tenth."""
    one_stack.start()
    return one_stack
