"""Signed notes and checkpoints: what passes, and what must not."""

import pytest

from kyc.audit import checkpoint, keys, note
from kyc.audit.checkpoint import Checkpoint, open_checkpoint, origin_of
from kyc.audit.note import BadNote, BadSignature, Signer, Verifier
from tests.audit.worlds import LOG, SIGNER, THIEF, a_checkpoint, events

# The worked example of Go's golang.org/x/mod/sumdb/note, whose format this is.
PETER = Verifier.parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
PETERS_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_a_note_signed_by_another_implementation_opens():
    text, key = note.open_note(PETERS_NOTE, [PETER])
    assert text.startswith("If you think") and key is PETER


def test_a_key_survives_its_text_form():
    assert Verifier.parse(str(SIGNER.verifier)) == SIGNER.verifier
    assert Signer.parse(SIGNER.secret_text()) == SIGNER


def test_a_signer_shows_no_secret_when_printed():
    assert SIGNER.seed.hex() not in repr(SIGNER) and SIGNER.secret_text() not in repr(SIGNER)


def test_no_bit_of_a_checkpoint_can_be_flipped():
    """Every one is tried: base64 has bits that a lenient decoder does not look at."""
    right = a_checkpoint(events(3)).encode()
    for where in range(len(right)):
        for bit in range(8):
            signed = bytearray(right)
            signed[where] ^= 1 << bit
            with pytest.raises((BadNote, BadSignature, UnicodeDecodeError)):
                open_checkpoint(signed.decode(), [SIGNER.verifier])


def test_a_key_of_the_same_name_is_not_the_same_key():
    with pytest.raises(BadSignature):
        open_checkpoint(a_checkpoint(events(3), signer=THIEF), [SIGNER.verifier])


def test_a_key_does_not_speak_for_a_log_of_another_name():
    text = Checkpoint(f"elsewhere.example/audit/{LOG}", 1, b"\0" * 32, "2026-01-01T00:00:00Z").text()
    with pytest.raises(BadSignature, match="another name"):
        open_checkpoint(note.sign(text, SIGNER), [SIGNER.verifier])


def test_a_witness_may_add_its_signature():
    signed = a_checkpoint(events(3))
    text, _ = note.split(signed)
    witness = Signer("witness.example", b"\x03" * 32)
    both = signed + note.sign(text, witness).rpartition("\n\n")[2]
    assert open_checkpoint(both, [SIGNER.verifier])[1] == SIGNER.verifier
    assert note.open_note(both, [witness.verifier])[1] == witness.verifier


@pytest.mark.parametrize("text", ["a\n\n1\n", "o/l\n01\nAA==\nat x\n", "o/l\n1\n!!\nat 2026-01-01T00:00:00Z\n", ""])
def test_what_is_no_checkpoint_is_refused(text):
    with pytest.raises(BadNote):
        checkpoint.parse(text)


def test_a_key_is_made_once_and_only_its_owner_may_read_it(tmp_path):
    made = keys.create(tmp_path / "k", name="bank.example/audit")
    assert keys.create(tmp_path / "k", name="other.example") == made == keys.signer(tmp_path / "k")
    assert (tmp_path / "k" / keys.SECRET).stat().st_mode & 0o777 == 0o600


def test_after_rotation_old_checkpoints_still_open(tmp_path):
    old = keys.create(tmp_path, name=SIGNER.name)
    signed = a_checkpoint(events(2), signer=old)
    new = keys.rotate(tmp_path)
    assert new != old and keys.signer(tmp_path) == new
    assert open_checkpoint(signed, keys.verifiers(tmp_path))[1] == old.verifier
    assert open_checkpoint(a_checkpoint(events(2), signer=new), keys.verifiers(tmp_path))[1] == new.verifier


def test_a_missing_key_says_how_to_make_one(tmp_path):
    with pytest.raises(FileNotFoundError, match="audit keygen"):
        keys.signer(tmp_path)


def test_the_origin_names_the_log():
    assert origin_of("bank.example/audit", LOG).endswith(f"/{LOG}")
