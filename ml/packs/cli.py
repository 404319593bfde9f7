"""python -m ml packs list | show | verify | import | pull | export | use"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tqdm import tqdm

from ml.errors import EngineError, PackError
from ml.packs.archive import export_tar, read_directory, read_tar
from ml.packs.build import adopt, build_from_packages, import_default
from ml.packs.download import Progress
from ml.packs.licences import from_environment
from ml.packs.manifest import Manifest
from ml.packs.pack import MANIFEST, Pack, read_manifest
from ml.packs.pull import pull
from ml.packs.ready import ready, ready_manifest
from ml.packs.store import active, default_root, load_pack, present, use


def main(argv: list[str]) -> int:
    arguments = _parser().parse_args(argv)
    try:
        return int(arguments.run(arguments) or 0)
    except EngineError as error:
        print(f"packs: {error.detail} ({error.code})", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m ml packs", description="Model packs: weights with a manifest.")
    parser.add_argument("--root", type=Path, default=default_root(), help="where packs live (default: %(default)s)")
    verbs = parser.add_subparsers(required=True, metavar="VERB")

    def verb(name: str, run: object, what: str) -> argparse.ArgumentParser:
        one = verbs.add_parser(name, help=what, description=what)
        one.set_defaults(run=run)
        return one

    verb("list", _list, "what is installed, what is in use, what could be pulled")
    verb("show", _show, "everything a pack says about itself").add_argument("name")
    verb("verify", _verify, "hash every file of the named packs, or of all").add_argument("names", nargs="*")
    one = verb("import", _import, "from installed packages, a local copy, a directory or an exported .tar")
    one.add_argument("what", help="'default', the name of a ready pack, a directory with a pack.toml, or a .tar")
    _origins(one)
    one = verb("pull", _pull, "a ready pack by its URL, resumed and verified")
    one.add_argument("what", metavar="name")
    _origins(one)
    one = verb("export", _export, "a pack as one .tar")
    one.add_argument("name")
    one.add_argument("--to", type=Path, help="default: NAME.tar")
    one = verb("use", _use, "choose the packs that serve a role")
    one.add_argument("role", choices=("detector", "recogniser", "pad", "quality"))
    one.add_argument("names", nargs="*", help="one for detector and recogniser; any number for pad and quality")
    return parser


def _origins(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="files", type=Path, action="append", default=[], metavar="FILE",
                        help="a local copy of the weights as their origin publishes them")  # fmt: skip
    parser.add_argument("--sha256", help="for origins that publish none")


def _list(arguments: argparse.Namespace) -> None:
    here = present(arguments.root)
    chosen = {name for pack_names in active(arguments.root).values() for name in pack_names}
    rows: list[tuple[str, ...]] = [("", "NAME", "ROLE", "LICENCE", "CALIBRATED", "STATE")]
    rows += [_installed_row(name, arguments.root, name in chosen) for name in here]
    rows += [("", one.name, one.role, one.licence, "", _how(one)) for one in ready().values() if one.name not in here]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _installed_row(name: str, root: Path, used: bool) -> tuple[str, ...]:
    mark, state = ("*", "in use") if used else ("", "installed")
    try:
        one, _ = read_manifest(root / name)
    except PackError as error:
        return mark, name, "", "", "", f"REFUSED: {error.detail}"
    return mark, name, one.role, one.licence, "yes" if one.calibration else "no", state


def _how(manifest: Manifest) -> str:
    if all(one.package for one in manifest.origin):
        return "import (from packages)"
    return "pull" if all(one.sha256 for one in manifest.origin) else "pull --sha256 (none published)"


def _show(arguments: argparse.Namespace) -> None:
    path = arguments.root / arguments.name / MANIFEST
    if path.is_file():
        load_pack(arguments.name, root=arguments.root, allowed_licences=from_environment())
        print(path.read_text(), end="")
    else:
        manifest = ready_manifest(arguments.name)
        print(f"# not installed: {_how(manifest)}")
        print((Path(__file__).parent / "manifests" / f"{arguments.name}.toml").read_text(), end="")


def _verify(arguments: argparse.Namespace) -> int:
    wanted = arguments.names or present(arguments.root)
    if not wanted:
        raise PackError("pack_missing", f"no packs under {arguments.root}")
    bad = 0
    for name in wanted:
        try:
            pack = load_pack(name, root=arguments.root, allowed_licences=from_environment())
            print(f"ok      {name}  {len(pack.manifest.files)} files")
        except PackError as error:
            bad += 1
            print(f"REFUSED {name}  {error.detail}")
    return 1 if bad else 0


def _import(arguments: argparse.Namespace) -> None:
    options = {"root": arguments.root, "allowed_licences": from_environment()}
    path = Path(arguments.what)
    if arguments.what == "default":
        packs = import_default(**options)
    elif arguments.files:
        packs = [_pulled(arguments)]
    elif path.is_dir():
        packs = [adopt(*read_directory(path), **options)]
    elif path.suffix == ".tar":
        packs = [adopt(*read_tar(path), **options)]
    else:
        packs = [build_from_packages(arguments.what, **options)]
    for pack in packs:
        _report(pack)


def _pull(arguments: argparse.Namespace) -> None:
    _report(_pulled(arguments))


def _pulled(arguments: argparse.Namespace) -> Pack:
    with tqdm(unit="B", unit_scale=True, unit_divisor=1024, desc=arguments.what, disable=None) as bar:
        return pull(
            arguments.what, root=arguments.root, allowed_licences=from_environment(), files=arguments.files,
            sha256=arguments.sha256, progress=_onto(bar),
        )  # fmt: skip


def _onto(bar: tqdm) -> Progress:
    def progress(done: int, total: int | None) -> None:
        bar.total = total
        bar.update(done - bar.n)

    return progress


def _report(pack: Pack) -> None:
    manifest = pack.manifest
    print(f"{manifest.name} {manifest.version}: {manifest.role}, {manifest.licence}, {pack.directory}")
    for name, difference in manifest.parity.items():
        print(f"  {name}: at most {difference:.1e} away from torch")
    if manifest.notes:
        print(f"  {manifest.notes}")


def _export(arguments: argparse.Namespace) -> None:
    target = arguments.to or Path(f"{arguments.name}.tar")
    export_tar(load_pack(arguments.name, root=arguments.root, allowed_licences=from_environment()), target)
    print(f"{target}: {target.stat().st_size} bytes")


def _use(arguments: argparse.Namespace) -> None:
    use(role=arguments.role, names=arguments.names, root=arguments.root, allowed_licences=from_environment())
    print(f"{arguments.role}: {', '.join(arguments.names) or 'none'}")
