"""`manage.py audit verify`: the database held against its own checkpoints and those outside.

It runs the same verifier as `vouch-verify`, on an export that is never written down.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from django.conf import settings

from kyc.audit import export, keys, queries, worm
from kyc.audit.models import Checkpoint
from kyc.audit.note import Verifier
from kyc.audit.queries import fetch
from kyc.audit.verify.export import verify
from kyc.audit.verify.findings import Report
from kyc.core.errors import NotFound
from kyc.core.scope import atomic

# Below the horizon the sealer no longer looks: whatever has no leaf there lost it, or was smuggled in.
STRAYS = """
    select coalesce(e.tenant_id, 'platform'), e.id from audit_event e
    where e.id <= (select mark from audit_horizon)
      and not exists (select from audit_leaf l where l.event_id = e.id)
    order by e.id limit 100
"""


def verify_store(logs: Sequence[str] | None = None, *, outside: Sequence[str] = ()) -> Iterator[Report]:
    """One report per log; all logs that the database or a published checkpoint knows of. Under the system login."""
    verifiers = keys.verifiers(Path(settings.AUDIT_KEYS))
    published = [*outside, *_published()]
    with atomic():
        strays = fetch(STRAYS)
        known = {*queries.logs(), *_signed_logs(), *map(_log_of, published), *(log for log, _ in strays)}
    for log in logs or sorted(known):
        with atomic():
            report = _verify_log(log, [note for note in published if _log_of(note) == log], verifiers)
        for event_id in (i for owner, i in strays if owner == log):
            report.add("inserted", f"Event id {event_id} was never sealed, though younger ones were.",
                       event_id=event_id)  # fmt: skip
        yield report


def _verify_log(log: str, notes: Sequence[str], verifiers: Sequence[Verifier]) -> Report:
    notes = [*notes, *Checkpoint.objects.filter(log=log).values_list("note", flat=True)]
    try:
        return verify(export.lines(log), verifiers=verifiers, checkpoints=notes)
    except NotFound as e:  # no checkpoint, or the tree itself has holes
        report = Report(log, "range", 0)
        report.add("missing", f"The log cannot be read: {e.detail}")
        return report


def _signed_logs() -> list[str]:
    return list(Checkpoint.objects.values_list("log", flat=True).distinct())


def _published() -> list[str]:
    place = worm.from_url(settings.AUDIT_WORM_URL)
    return [place.get(name).decode() for name in place.names()]


def _log_of(note: str) -> str:
    return note.partition("\n")[0].rpartition("/")[2]
