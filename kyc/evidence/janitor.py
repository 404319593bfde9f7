"""Finishes what a killed process left half-done in the evidence store. Runs on a schedule, under the system login.

Three kinds of leftovers (docs/adr/0053): an upload that was announced and never finished; a shredded image whose
object is still there; an object that no row names (a write that came after its row was given up, or a database
restored from before the upload).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from django.db.models import QuerySet

from kyc.core.scope import acting_for, atomic
from kyc.evidence.models import Media
from kyc.evidence.services import delete_shredded, the_store
from kyc.evidence.stores import Store

GIVE_UP = timedelta(minutes=15)  # the slowest upload that anyone waits for is over by then
STRAY = timedelta(hours=24)  # an object without a row may belong to a restore that an operator has under way
BATCH = 500  # rows or keys at a time: one short transaction each


@dataclass(frozen=True, slots=True)
class Swept:
    unfinished: int = 0  # rows of uploads given up, with their objects
    shredded: int = 0  # objects of shredded images
    strays: int = 0  # objects without a row


def sweep(*, now: datetime, store: Store | None = None) -> Swept:
    """Every minute: what rows say. Call under `acting_as_system`; safe to run beside itself and beside uploads."""
    store = store or the_store()
    return Swept(unfinished=_unfinished(now, store), shredded=_shredded(store))


def sweep_strays(*, now: datetime, store: Store | None = None) -> Swept:
    """Every day: what the store holds and no row names. Walks the whole store."""
    return Swept(strays=_strays(now, store or the_store()))


def _unfinished(now: datetime, store: Store) -> int:
    """The row goes first: from then on its uploader can no longer finish, and deletes what it still writes."""
    given_up = 0
    for row in _batches(Media.objects.filter(state=Media.State.UPLOADING, created_at__lt=now - GIVE_UP)):
        with acting_for(row.tenant_id, system=True), atomic():
            gone, _ = Media.objects.filter(pk=row.pk, state=Media.State.UPLOADING).delete()
        if gone:
            store.delete(row.object_key or "")
            given_up += 1
    return given_up


def _shredded(store: Store) -> int:
    deleted = 0
    for row in _batches(Media.objects.filter(state=Media.State.SHREDDED, object_key__isnull=False)):
        with acting_for(row.tenant_id, system=True):
            delete_shredded(media_id=row.pk, stored_in=store)
        deleted += 1
    return deleted


def _strays(now: datetime, store: Store) -> int:
    deleted = 0
    keys = iter(store.older_than(now - STRAY))
    while batch := list(islice(keys, BATCH)):
        with atomic():
            known = set(Media.objects.filter(object_key__in=batch).values_list("object_key", flat=True))
        for key in set(batch) - known:
            store.delete(key)
            deleted += 1
    return deleted


def _batches(rows: QuerySet[Media]) -> Iterable[Media]:
    """Rows by id, a batch at a time; each is handled outside of the transaction that found it."""
    after = ""
    while True:
        with atomic():
            batch = list(rows.filter(id__gt=after).order_by("id")[:BATCH])
        yield from batch
        if len(batch) < BATCH:
            return
        after = batch[-1].id
