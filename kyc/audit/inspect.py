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

# Whatever the horizon says: an event that was never sealed although younger ones were (its leaf was removed, or
# it was smuggled in), and a leaf that lies beyond its log's last checkpoint.
STRAY = """
    select e.id from audit_event e where e.id <= (select mark from audit_horizon)
    and coalesce(e.tenant_id, 'platform') = %s and not exists (select from audit_leaf l where l.event_id = e.id)
    order by e.id limit 20
"""


def verify_store(logs: Sequence[str] | None = None, *, outside: Sequence[str] = ()) -> Iterator[Report]:
    """One report per log. Under the system login."""
    verifiers = keys.verifiers(Path(settings.AUDIT_KEYS))
    published = [*outside, *_published()]
    with atomic():
        names = list(logs or sorted({*queries.logs(), *_signed_logs(), *map(_log_of, published)}))
    for log in names:
        notes = [note for note in published if _log_of(note) == log]
        with atomic():
            yield _verify_log(log, notes, verifiers)


def _verify_log(log: str, notes: Sequence[str], verifiers: Sequence[Verifier]) -> Report:
    notes = [*notes, *Checkpoint.objects.filter(log=log).values_list("note", flat=True)]
    try:
        report = verify(export.lines(log), verifiers=verifiers, checkpoints=notes)
    except NotFound as e:  # no checkpoint, or the tree itself has holes
        report = Report(log, "range", 0)
        report.add("missing", f"The log cannot be read: {e.detail}")
    for (event_id,) in fetch(STRAY, [log]):
        report.add("inserted", f"Event id {event_id} was never sealed, though younger ones were.",
                   event_id=event_id)  # fmt: skip
    return report


def _signed_logs() -> list[str]:
    return list(Checkpoint.objects.values_list("log", flat=True).distinct())


def _published() -> list[str]:
    place = worm.from_url(settings.AUDIT_WORM_URL)
    return [place.get(name).decode() for name in place.names()]


def _log_of(note: str) -> str:
    return note.partition("\n")[0].rpartition("/")[2]
