"""`python -m kyc.audit.verify.pack vouch-verify.pyz`: the verifier as one file that any Python 3.11 runs.

What goes in is what the verifier really imports, so nothing is forgotten and nothing of the rest comes along.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parents[3]
MAIN = "import sys\n\nfrom kyc.audit.verify.cli import main\n\nsys.exit(main())\n"
LIST = (
    "import sys, kyc.audit.verify.cli;"
    "print('\\n'.join(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] == 'kyc'))"
)
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that zip knows: the same sources give the same bytes


def pack(target: Path) -> None:
    listed = subprocess.run([sys.executable, "-c", LIST], cwd=HERE, check=True, capture_output=True, text=True)
    with target.open("wb") as out:
        out.write(b"#!/usr/bin/env python3\n")
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            _add(archive, "__main__.py", MAIN)
            for source in sorted(map(Path, listed.stdout.split("\n")[:-1])):
                _add(archive, str(source.relative_to(HERE)), source.read_text())
    os.chmod(target, 0o755)  # noqa: S103  (a program for everyone)


def _add(archive: zipfile.ZipFile, name: str, text: str) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, text)


if __name__ == "__main__":
    pack(Path(sys.argv[1] if len(sys.argv) > 1 else "vouch-verify.pyz"))
