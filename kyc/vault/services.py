"""Sealing, opening and destroying, for the owner's data key.

A cache miss asks the key service: a file read, or a call to KMS or Vault. `warm` does it before a caller opens
its transaction, and `mint` + `keep` do it for a new owner:

    key = vault.mint(applicant_id)                 # the key service is asked here
    fields.put(row, key=key, name="Ada Lovelace")
    with atomic():
        vault.keep(key, now=now)
        row.save()
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.conf import settings

from kyc.core.scope import NoScope, atomic, current
from kyc.vault import boxes, queries
from kyc.vault.boxes import KEY_BYTES, Box, Place
from kyc.vault.cache import CachedKey, KeyCache
from kyc.vault.errors import BoxTampered, NoDataKey
from kyc.vault.models import DataKey, data_key_id
from kyc.vault.owners import owner_of
from kyc.vault.wrappers import Context, KeyWrapper, Wrapped, from_url

BATCH = 200  # keys per rotation step: one short transaction each, and little to redo after a crash

_keys = KeyCache()


@dataclass(frozen=True, slots=True)
class MintedKey:
    """A data key that no row holds yet."""

    tenant_id: str
    owner: str
    key: CachedKey
    wrapped: Wrapped


@cache
def wrapper() -> KeyWrapper:
    return from_url(settings.KEYS_URL)


def mint(whose: str) -> MintedKey:
    """A fresh data key for a new owner in the present tenant. Asks the key service, not the database."""
    tenant_id, owner = _tenant(), owner_of(whose)
    key = os.urandom(KEY_BYTES)
    wrapped = wrapper().wrap(key, Context(tenant_id, owner))
    return MintedKey(tenant_id, owner, CachedKey(data_key_id(), key), wrapped)


def keep(minted: MintedKey, *, now: datetime) -> None:
    """Store a minted key, in the transaction that creates its owner."""
    with atomic():
        _row(minted, now).save(force_insert=True)


def new_data_key(whose: str, *, now: datetime) -> None:
    """`mint` and `keep` in one."""
    keep(mint(whose), now=now)


def ensure(whose: str, *, now: datetime) -> None:
    """The owner has a data key afterwards, whoever of several callers made it. A destroyed one stays destroyed."""
    tenant_id, owner = _tenant(), owner_of(whose)
    if _keys.get((tenant_id, owner)):
        return
    with atomic():
        if DataKey.objects.filter(tenant_id=tenant_id, owner=owner).exists():
            return
    minted = mint(whose)
    with atomic():
        DataKey.objects.bulk_create([_row(minted, now)], ignore_conflicts=True)


def seal(whose: str, kind: str, version: int, plaintext: bytes, *, key: MintedKey | None = None) -> Box:
    """Seal for one place of the owner in the present tenant; see kyc.vault.boxes for the format.

    `kind` names the thing, with its row's id where the owner has several. Raises NoDataKey, KeyDestroyed,
    KekUnavailable (retry), KekRefused.
    """
    place = Place(_tenant(), owner_of(whose), kind, version)
    if key and (key.tenant_id, key.owner) != (place.tenant_id, place.owner):
        raise ValueError("that key was minted for somebody else")
    held = key.key if key else _unwrapped(place.tenant_id, place.owner)
    return boxes.seal(held.key, held.id, place, plaintext)


def open_sealed(whose: str, kind: str, version: int, box: bytes) -> bytes:
    """The plaintext. BoxTampered for a changed, moved or foreign box; else as `seal`."""
    place = Place(_tenant(), owner_of(whose), kind, version)
    held = _unwrapped(place.tenant_id, place.owner)
    if boxes.key_id_of(box) != held.id:
        raise BoxTampered()
    return boxes.open_sealed(held.key, place, box)


def warm(whose: str) -> None:
    """Have the owner's key at hand before a transaction is opened. Raises as `seal`."""
    _unwrapped(_tenant(), owner_of(whose))


def derive(whose: str, purpose: str) -> bytes:
    """32 secret bytes that only the owner's key gives, one value per purpose; gone when the key is destroyed."""
    if purpose == boxes.SEALING:
        raise ValueError("that purpose is the vault's own")
    held = _unwrapped(_tenant(), owner_of(whose))
    return boxes.derive(held.key, purpose)


def destroy(whose: str, *, now: datetime) -> bool:
    """Zero the wrapped key: everything sealed under it is gone. True if it was still there; NoDataKey if never.

    Other processes may hold the unwrapped key for cache.TTL seconds more. The old row version stays in the heap
    until VACUUM and in backups until they expire: wrapped, so readable only to whoever also has the key service.
    """
    tenant_id, owner = _tenant(), owner_of(whose)
    try:
        with atomic():
            rows = DataKey.objects.filter(tenant_id=tenant_id, owner=owner)
            gone = rows.filter(destroyed_at=None).update(wrapped=b"", kek_id="", destroyed_at=now)
            if not gone and not rows.exists():
                raise NoDataKey()
    finally:
        _keys.evict((tenant_id, owner))
    return bool(gone)


def rotate(*, batch: int = BATCH, progress: Callable[[int, int], None] = lambda done, failed: None) -> tuple[int, int]:
    """Re-wrap every living key that is not under the current key-encryption key: (re-wrapped, failed).

    Nothing waits for it: the old key keeps unwrapping. The WHERE is the progress, so a run that was cut off is
    simply run again, and two runs at once do the work once. One key's failure (a damaged row) does not stop the rest.
    """
    kek, done, failed, after = wrapper().current(), 0, 0, ""
    while rows := queries.due_for_rewrapping(current_kek=kek, after=after, limit=batch):
        for row in rows:
            try:
                done += _rewrap(row)
            except BoxTampered:
                failed += 1
        after = rows[-1].id
        progress(done, failed)
    return done, failed


def _rewrap(row: DataKey) -> int:
    old = Wrapped(bytes(row.wrapped), row.kek_id)
    new = wrapper().rewrap(old, Context(row.tenant_id, row.owner))
    with atomic():
        # compare-and-set: a key destroyed or re-wrapped meanwhile is left as it is
        same = DataKey.objects.filter(pk=row.pk, destroyed_at=None, kek_id=old.kek_id, wrapped=old.blob)
        return same.update(wrapped=new.blob, kek_id=new.kek_id)


def _row(minted: MintedKey, now: datetime) -> DataKey:
    return DataKey(
        id=minted.key.id,
        tenant_id=minted.tenant_id,
        owner=minted.owner,
        created_at=now,
        wrapped=minted.wrapped.blob,
        kek_id=minted.wrapped.kek_id,
    )


def _unwrapped(tenant_id: str, owner: str) -> CachedKey:
    if held := _keys.get((tenant_id, owner)):
        return held
    row = queries.living(tenant_id=tenant_id, owner=owner)
    key = wrapper().unwrap(Wrapped(bytes(row.wrapped), row.kek_id), Context(tenant_id, owner))
    held = CachedKey(row.id, key)
    _keys.put((tenant_id, owner), held)
    return held


def _tenant() -> str:
    tenant_id = current().tenant_id
    if tenant_id is None:
        raise NoScope("sealing needs a tenant: enter kyc.core.scope.acting_for(...)")
    return tenant_id
