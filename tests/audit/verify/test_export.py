"""Whatever is done to an export, an outside checkpoint shows it; and the verifier says where."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kyc.audit.format import BadExport, Entry, parse_entry
from kyc.audit.merkle import leaf_hash
from kyc.audit.verify.export import verify
from kyc.audit.verify.findings import Exit
from tests.audit.worlds import (
    SIGNER,
    THIEF,
    a_checkpoint,
    a_consistency,
    a_range,
    a_selection,
    an_event,
    events,
)

SIZE = 75
LOG_EVENTS = events(SIZE)
OUTSIDE = a_checkpoint(LOG_EVENTS)
EARLIER = a_checkpoint(LOG_EVENTS[:40])
indices = st.integers(0, SIZE - 1)


def judge(lines, *checkpoints, **more):
    return verify(lines, verifiers=[SIGNER.verifier], checkpoints=checkpoints or (OUTSIDE,), **more)


def codes(report):
    return {f.code for f in report.findings}


def lines_of(several):
    """The event lines that an attacker writes afresh, hashes and all."""
    return [Entry(e, i, leaf_hash(e)).line() for i, e in enumerate(several)]


def test_an_untouched_export_is_verified():
    report = judge(a_range(LOG_EVENTS), OUTSIDE, EARLIER)
    assert report.exit == Exit.VERIFIED and report.events == SIZE
    assert f"events 0 to {SIZE - 1} are complete, unchanged and in order" in report.checked


def test_without_an_outside_checkpoint_it_says_what_that_is_worth():
    report = verify(a_range(LOG_EVENTS), verifiers=[SIGNER.verifier])
    assert report.exit == Exit.VERIFIED and "could have rewritten everything" in report.notes[-1]


def test_an_empty_log_is_verified():
    assert judge(a_range([]), a_checkpoint([])).exit == Exit.VERIFIED


@given(st.integers(0, SIZE), st.integers(0, SIZE))
def test_any_piece_of_the_log_is_verified(a, b):
    first, end = sorted((a, b))
    assert judge(a_range(LOG_EVENTS, first, end)).exit == Exit.VERIFIED


@given(indices, st.data())
def test_any_flipped_bit_of_an_event_is_found_and_named(index, data):
    lines = a_range(LOG_EVENTS)
    line = bytearray(lines[1 + index])
    where = data.draw(st.integers(len('{"event":{'), len('{"event":') + len(LOG_EVENTS[index]) - 2))
    line[where] ^= 1 << data.draw(st.integers(0, 7))
    lines[1 + index] = bytes(line)
    report = judge(lines)
    assert report.exit == Exit.TAMPERED
    assert index in {f.index for f in report.findings} or 2 + index in {f.line for f in report.findings}


@given(st.integers(0, 10**9), st.integers(0, 7))
@settings(max_examples=300)
def test_no_bit_of_the_whole_file_can_be_flipped_unnoticed(where, bit):
    """Except in the hints, which are never believed: there the verdict may stay, but only with the events intact."""
    lines = a_range(LOG_EVENTS)
    hints = len(lines[-1])
    raw = bytearray(b"".join(lines))
    where %= len(raw) - hints
    raw[where] ^= 1 << bit
    try:
        report = judge(bytes(raw).splitlines(keepends=True))
    except BadExport:
        return
    if report.exit == Exit.VERIFIED:  # e.g. a letter's case in "selection": not part of what is proved
        entries = [parse_entry(line) for line in bytes(raw).splitlines(keepends=True)[1:]]
        assert [e.event for e in entries if e] == LOG_EVENTS


@given(indices)
def test_any_deleted_line_is_named(index):
    lines = a_range(LOG_EVENTS)
    del lines[1 + index]
    report = judge(lines)
    assert report.exit == Exit.TAMPERED
    assert (report.findings[0].index, codes(report)) == (
        index, {"truncated" if index == SIZE - 1 else "missing"},
    )  # fmt: skip


@given(indices)
def test_a_deletion_with_everything_renumbered_is_located(index):
    lines = a_range(LOG_EVENTS)
    lines[1:-1] = lines_of(LOG_EVENTS[:index] + LOG_EVENTS[index + 1 :])
    report = judge(lines)
    assert report.exit == Exit.TAMPERED
    if index < 48:  # there is a full block after the wounded one to recognise the shift by
        [found] = [f for f in report.findings if f.code == "removed"]
        assert found.index <= index <= found.last_index and found.last_index - found.index < 16


@given(indices, indices)
def test_any_two_exchanged_lines_are_found(a, b):
    lines = a_range(LOG_EVENTS)
    lines[1 + a], lines[1 + b] = lines[1 + b], lines[1 + a]
    assert judge(lines).exit == (Exit.VERIFIED if a == b else Exit.TAMPERED)


@given(st.integers(0, 14), st.integers(1, 15))
def test_an_exchange_with_renumbering_is_recognised_as_one(a, b):
    a, b = sorted((a, b))
    several = LOG_EVENTS.copy()
    several[a], several[b] = several[b], several[a]
    lines = a_range(LOG_EVENTS)
    lines[1:-1] = lines_of(several)
    report = judge(lines)
    if a != b:
        assert report.exit == Exit.TAMPERED
        assert (report.findings[0].code, report.findings[0].index, report.findings[0].last_index) == ("reordered", a, b)


@given(st.integers(0, SIZE - 1))
def test_any_truncation_is_found(end):
    lines = a_range(LOG_EVENTS)
    assert "truncated" in codes(judge(lines[: 1 + end]))
    assert "truncated" in codes(judge([*lines[: 1 + end], lines[-1]]))


@given(st.integers(0, SIZE - 1))
def test_an_older_true_export_is_not_passed_off_as_all(end):
    report = judge(a_range(LOG_EVENTS[:end]))
    assert report.exit == Exit.TAMPERED and f"events {end} to {SIZE - 1} are missing" in report.findings[-1].message


def test_an_archive_may_be_newer_than_the_export():
    report = verify(a_range(LOG_EVENTS[:40]), verifiers=[SIGNER.verifier], archive=[EARLIER, OUTSIDE])
    assert report.exit == Exit.VERIFIED and "The log has grown since" in report.notes[-1]


def test_an_archive_that_never_meets_the_export_decides_nothing():
    report = verify(a_range(LOG_EVENTS[:40]), verifiers=[SIGNER.verifier], archive=[OUTSIDE])
    assert report.exit == Exit.UNDECIDED


@given(indices)
def test_an_event_replaced_together_with_its_hash_is_located(index):
    several = LOG_EVENTS.copy()
    several[index] = an_event(index, actor="user:mallory")
    lines = a_range(LOG_EVENTS)
    lines[1:-1] = lines_of(several)
    report = judge(lines)
    [found] = report.findings
    last = found.index if found.last_index is None else found.last_index
    assert report.exit == Exit.TAMPERED and found.index <= index <= last < found.index + 16


@given(indices)
def test_a_wholesale_rewriting_signed_with_the_real_key_fails_outside(index):
    """The operator himself: database, tree and signing key are his. The checkpoint kept elsewhere is not."""
    several = LOG_EVENTS.copy()
    several[index] = an_event(index, actor="user:mallory")
    assert verify(a_range(several), verifiers=[SIGNER.verifier]).exit == Exit.VERIFIED  # on its own it looks right
    assert judge(a_range(several), OUTSIDE).exit == Exit.TAMPERED
    longer = [*several, an_event(SIZE)]
    report = judge(a_range(longer), OUTSIDE)
    assert report.exit == Exit.TAMPERED and codes(report) == {"rewritten"}


@given(st.integers(40, SIZE - 1))
def test_checkpoints_bracket_where_a_rewriting_began(index):
    several = [*LOG_EVENTS[:index], *(an_event(i, actor="user:mallory") for i in range(index, SIZE))]
    report = judge(a_range(several), EARLIER, OUTSIDE)
    found = report.findings[-1]
    assert (found.code, found.index, found.last_index) == ("rewritten", 40, SIZE - 1)


def test_a_checkpoint_signed_by_a_thief_is_not_believed():
    report = judge(a_range(LOG_EVENTS), a_checkpoint(LOG_EVENTS, signer=THIEF))
    assert report.exit == Exit.BAD_SIGNATURE


def test_another_logs_export_is_not_taken_for_this_one():
    lines = a_range(LOG_EVENTS)
    header = json.loads(lines[0]) | {"log": "tnt_other"}
    assert "wrong_log" in codes(judge([json.dumps(header).encode() + b"\n", *lines[1:]]))


def test_two_roots_for_one_size_are_a_fork():
    other = [*LOG_EVENTS[:-1], an_event(999)]
    report = judge(a_selection(LOG_EVENTS, [3]), a_checkpoint(other))
    assert report.exit == Exit.TAMPERED and "forked" in report.findings[0].message


def test_an_event_deleted_from_the_store_leaves_its_trace():
    lines = a_range(LOG_EVENTS)
    lines[8] = Entry(None, 7, leaf_hash(LOG_EVENTS[7])).line()
    [found] = judge(lines).findings
    assert (found.code, found.index) == ("deleted", 7)


def test_a_name_given_twice_in_an_event_is_refused():
    lines = a_range(LOG_EVENTS)
    lines[5] = lines[5].replace(b'{"event":{', b'{"event":{"actor":"user:innocent",', 1)
    assert judge(lines).exit == Exit.TAMPERED


def test_a_reformatted_export_still_says_the_same():
    lines = a_range(LOG_EVENTS)
    pretty = [json.dumps(json.loads(line)).encode() + b"\r\n" for line in lines[1:-1]]
    report = judge([lines[0], *pretty, lines[-1]])
    assert report.exit == Exit.VERIFIED and "reformatted" in " ".join(report.notes)


@given(st.lists(indices, unique=True, max_size=8).map(sorted))
def test_a_selection_is_proved_event_by_event(chosen):
    report = judge(a_selection(LOG_EVENTS, chosen), OUTSIDE)
    assert report.exit == Exit.VERIFIED and report.events == len(chosen)


@given(indices, indices)
def test_no_other_event_passes_under_a_proof(index, other):
    lines = a_selection(LOG_EVENTS, [index])
    entry = parse_entry(lines[1])
    forged = Entry(an_event(other, actor="user:mallory"), index, entry.leaf, entry.proof)
    with_hash = Entry(forged.event, index, leaf_hash(forged.event), entry.proof)
    moved = Entry(entry.event, other, entry.leaf, entry.proof)
    assert codes(judge([lines[0], forged.line(), lines[2]])) == {"edited"}
    assert codes(judge([lines[0], with_hash.line(), lines[2]])) == {"bad_proof"}
    if other != index:
        assert codes(judge([lines[0], moved.line(), lines[2]])) == {"bad_proof"}


def test_a_selection_cut_short_is_noticed():
    lines = a_selection(LOG_EVENTS, [1, 2, 3])
    assert "truncated" in codes(judge(lines[:-1]))
    assert "truncated" in codes(judge([*lines[:2], lines[-1]]))


@pytest.mark.parametrize("old", [1, 32, 40, 74])
def test_a_consistency_proof_relates_an_older_checkpoint(old):
    older = a_checkpoint(LOG_EVENTS[:old])
    lines = a_selection(LOG_EVENTS, [3])
    assert judge(lines, older).exit == Exit.UNDECIDED
    assert judge(lines, older, consistency=[a_consistency(LOG_EVENTS, old)]).exit == Exit.VERIFIED
    forged = a_checkpoint([an_event(5), *LOG_EVENTS[1:old]])
    assert judge(lines, forged, consistency=[a_consistency(LOG_EVENTS, old)]).exit == Exit.TAMPERED


@pytest.mark.parametrize(
    "lines", [[], [b"hello\n"], [b'{"vouch_export":2}\n'], [b'{"vouch_export":1}\n'], [b"\xff\xfe\n"]]
)
def test_what_is_no_export_is_called_so(lines):
    with pytest.raises(BadExport):
        judge(lines)


@given(st.binary(max_size=200))
def test_no_garbage_line_raises(garbage):
    lines = a_range(LOG_EVENTS[:3])
    assert judge([*lines[:2], garbage + b"\n", *lines[2:]], a_checkpoint(LOG_EVENTS[:3])).exit == Exit.TAMPERED
