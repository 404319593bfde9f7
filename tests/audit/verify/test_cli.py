"""`vouch-verify` as an examiner runs it: another process, without Django, without a database."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import pytest

from kyc.audit import bundle
from kyc.audit.verify.findings import Exit
from tests.audit.worlds import SIGNER, THIEF, a_checkpoint, a_consistency, a_range, a_selection, events
from tests.data import REPOSITORY

# Imports of what the examiner's machine does not have fail, whatever is installed here.
ALONE = """
import sys
class Absent:
    def find_spec(self, name, *_):
        if name.split('.')[0] in ('django', 'rest_framework', 'psycopg', 'numpy', 'boto3', 'cryptography'):
            raise ImportError(f'{name} is not installed')
sys.meta_path.insert(0, Absent())
from kyc.audit.verify.cli import main
sys.exit(main())
"""


@pytest.fixture
def desk(tmp_path):
    """An examiner's directory: export, public key, checkpoint."""
    (tmp_path / "export.jsonl").write_bytes(b"".join(a_range(events(40))))
    (tmp_path / "audit.pub").write_text(f"{SIGNER.verifier}\n")
    (tmp_path / "worm").mkdir()
    (tmp_path / "worm" / "40.checkpoint").write_text(a_checkpoint(events(40)))
    return tmp_path


def run(desk, *arguments):
    found = subprocess.run(
        [sys.executable, "-c", ALONE, *arguments], cwd=desk, capture_output=True, text=True,
        env={"PYTHONPATH": str(REPOSITORY), "PATH": os.environ["PATH"]},
    )  # fmt: skip
    return found.returncode, found.stdout, found.stderr


def test_it_verifies_without_django_and_without_a_database(desk):
    status, out, err = run(desk, "export.jsonl", "--key", "audit.pub", "--checkpoint", "worm/40.checkpoint")
    assert (status, err) == (Exit.VERIFIED, "")
    assert out.startswith("VERIFIED: 40 events") and "complete, unchanged and in order" in out


def test_one_changed_byte_is_named(desk):
    raw = (desk / "export.jsonl").read_bytes()
    (desk / "export.jsonl").write_bytes(raw.replace(b'"object_id":"app_7"', b'"object_id":"app_8"', 1))
    status, out, _ = run(desk, "export.jsonl", "--key", "audit.pub", "--archive", "worm")
    assert status == Exit.TAMPERED
    assert "WRONG edited: Event 7 (id 107) is not what was sealed: it was edited." in out


def test_the_report_is_also_json(desk):
    status, out, _ = run(desk, "export.jsonl", "--key", str(SIGNER.verifier), "--archive", "worm", "--json")
    assert status == 0 and json.loads(out)["verdict"] == "verified"


def test_a_checkpoint_by_another_key_has_its_own_status(desk):
    (desk / "worm" / "40.checkpoint").write_text(a_checkpoint(events(40), signer=THIEF))
    assert run(desk, "export.jsonl", "--key", "audit.pub", "--archive", "worm")[0] == Exit.BAD_SIGNATURE


def test_an_unrelated_checkpoint_is_undecided_until_a_proof_is_given(desk):
    (desk / "some.jsonl").write_bytes(b"".join(a_selection(events(40), [3, 5])))
    (desk / "old.checkpoint").write_text(a_checkpoint(events(10)))
    (desk / "proof.json").write_text(json.dumps(a_consistency(events(40), 10)))
    asked = ["some.jsonl", "--key", "audit.pub", "--checkpoint", "old.checkpoint"]
    assert run(desk, *asked)[0] == Exit.UNDECIDED
    assert run(desk, *asked, "--consistency", "proof.json")[0] == Exit.VERIFIED


@pytest.mark.parametrize(
    "arguments",
    [
        ["absent.jsonl", "--key", "audit.pub"],
        ["audit.pub", "--key", "audit.pub"],
        ["export.jsonl", "--key", "not a key"],
        ["export.jsonl", "--key", "audit.pub", "--checkpoint", "absent"],
        ["export.jsonl", "--key", "audit.pub", "--consistency", "audit.pub"],
        ["export.jsonl"],
    ],
)
def test_what_cannot_be_used_is_said_without_a_traceback(desk, arguments):
    status, _, err = run(desk, *arguments)
    assert status == Exit.UNUSABLE and err and "Traceback" not in err


def test_a_page_for_reading_is_written_on_request(desk):
    status, _, _ = run(desk, "export.jsonl", "--key", "audit.pub", "--archive", "worm", "--html", "page.html")
    page = (desk / "page.html").read_text()
    assert status == 0 and page.count("<tr>") == 41 and "Verified" in page


def test_a_bundle_is_verified_with_the_events_inside(desk):
    files = {"audit/events.jsonl": b"".join(a_selection(events(40), [3])), "images/selfie.jpg": b"\xff\xd8 a face"}
    archive = io.BytesIO()
    bundle.write(archive, files=files, about={"verification": "vrf_1"}, signer=SIGNER)
    (desk / "case.tar").write_bytes(archive.getvalue())
    asked = ["case.tar", "--key", "audit.pub", "--archive", "worm"]
    status, out, _ = run(desk, *asked)
    assert status == 0 and "2 files are as bank.example/audit signed them" in out
    (desk / "case.tar").write_bytes(archive.getvalue().replace(b"a face", b"a fake"))
    status, out, _ = run(desk, *asked)
    assert status == Exit.TAMPERED and "images/selfie.jpg was changed" in out


def test_the_whole_verifier_is_one_small_file(desk):
    """Run by a Python that has nothing installed (-I -S: no site-packages, no environment)."""
    subprocess.run([sys.executable, "-m", "kyc.audit.verify.pack", desk / "v.pyz"], cwd=REPOSITORY, check=True)
    asked = ["export.jsonl", "--key", "audit.pub", "--archive", "worm"]
    found = subprocess.run([sys.executable, "-I", "-S", "v.pyz", *asked], cwd=desk, capture_output=True, text=True)
    assert (found.returncode, found.stderr) == (0, "") and found.stdout.startswith("VERIFIED: 40 events")
    assert (desk / "v.pyz").stat().st_size < 60_000
