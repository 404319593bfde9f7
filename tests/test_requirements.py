"""What the code imports is declared, what is declared is locked, and torch comes through no lock."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections import defaultdict
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.data import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
OWN = {"kyc", "workers", "ml", "demo", "bench", "tests", "vouch_client"}
# installed by requirements/install-torch, or only there on a machine that has the device
APART = {"torch"}
# packages whose module has another name, for where they are not installed
PROVIDERS = {"cv2": ["opencv-python-headless"], "dlib": ["dlib-bin"]}
# which extras a tree may draw on, besides the base
TREES = {
    "kyc": ["local"],
    "workers": [],
    "ml": ["engine", "bench", "train", "peers"],
    "demo": ["engine", "local", "bench"],
    "bench": ["engine", "local", "bench", "peers"],
    "tests": ["engine", "local", "bench", "dev", "train", "fuzz"],
}


def declared(extras: list[str]) -> set[str]:
    lines = [*PROJECT["dependencies"], *(d for e in extras for d in PROJECT["optional-dependencies"][e])]
    return {canonicalize_name(Requirement(line).name) for line in lines}


def locked(name: str) -> dict[str, str]:
    text = (REPOSITORY / "requirements" / f"{name}.lock").read_text()
    return {canonicalize_name(n): v for n, v in re.findall(r"^([A-Za-z0-9._-]+)==([^ ;]+)", text, re.M)}


def imported(tree: str) -> dict[str, set[Path]]:
    """Top-level names that a tree imports, and where; names inside `if TYPE_CHECKING` count too."""
    found = defaultdict(set)
    for path in (REPOSITORY / tree).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and not node.level:
                names = [node.module]
            else:
                continue
            for name in names:
                found[name.partition(".")[0]].add(path.relative_to(REPOSITORY))
    return found


@pytest.mark.parametrize("tree", TREES)
def test_every_import_is_declared(tree: str):
    providers = PROVIDERS | packages_distributions()
    allowed = declared(TREES[tree])
    undeclared = {
        name: sorted(map(str, where))[:3]
        for name, where in imported(tree).items()
        if name not in OWN | APART | sys.stdlib_module_names
        and not {canonicalize_name(d) for d in providers.get(name, [name])} & allowed
    }
    assert undeclared == {}


@pytest.mark.parametrize(
    ("lock", "extras"),
    [("web", []), ("worker", ["engine"]), ("dev", ["engine", "local", "bench", "dev"]), ("train", ["train"])],
)
def test_everything_declared_is_locked(lock: str, extras: list[str]):
    missing = declared(extras) - set(locked(lock))
    assert not missing, f"run `make lock`: {lock}.lock lacks {missing}"


def test_the_locks_agree_on_every_version():
    dev = locked("dev")
    for name in ("web", "worker", "train"):
        assert {n: v for n, v in locked(name).items() if n in dev} == {n: dev[n] for n in locked(name) if n in dev}


@pytest.mark.parametrize("lock", ["web", "worker", "dev", "train", "weights"])
def test_no_lock_brings_torch_or_its_gigabytes(lock: str):
    heavy = [n for n in locked(lock) if re.match(r"(torch|triton|nvidia|cuda)", n)]
    assert heavy == []


@pytest.mark.parametrize("lock", ["web", "worker", "dev", "train", "weights"])
def test_every_locked_file_has_a_hash(lock: str):
    text = (REPOSITORY / "requirements" / f"{lock}.lock").read_text()
    entries = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.M)[1:]
    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)
