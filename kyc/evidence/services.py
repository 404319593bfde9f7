"""Writes on images: announce, upload, store; read; shred. (docs/adr/0053)

    row 'uploading'  ->  object written  ->  row 'stored'  ->  row 'shredded'  ->  object deleted

Each arrow is a commit of its own, and no file or network is touched inside a transaction: a kill between any two
leaves a row that says what may be in the store, and the janitor (kyc.evidence.janitor) finishes or undoes it.
"""

from __future__ import annotations

from datetime import datetime
from functools import cache

from django.conf import settings

from kyc.audit import services as audit
from kyc.core.errors import LostRace, NotFound
from kyc.core.ids import looks_like
from kyc.core.scope import atomic, current
from kyc.evidence import fingerprints, queries
from kyc.evidence.cage.pool import pool
from kyc.evidence.cage.result import Normalised
from kyc.evidence.errors import MediaLost, MediaShredded, StorageUnavailable
from kyc.evidence.gate import admit
from kyc.evidence.limits import Limits
from kyc.evidence.models import Media, media_id
from kyc.evidence.stores import Store, from_url, new_key
from kyc.vault import services as vault

LAYOUT = 1  # of the sealed content: a JPEG


@cache
def the_store() -> Store:
    return from_url(settings.STORAGE_URL)


@cache
def limits() -> Limits:
    return Limits(bytes=settings.MEDIA_MAX_BYTES, pixels=settings.MEDIA_MAX_PIXELS)


def store(*, applicant_id: str, kind: str, data: bytes, now: datetime, into: Store | None = None) -> Media:
    """Validate, normalise, seal and store one image. `upload`, then `finish` in a transaction of its own."""
    return finish(upload(applicant_id=applicant_id, kind=kind, data=data, now=now, into=into), now=now)


def upload(*, applicant_id: str, kind: str, data: bytes, now: datetime, into: Store | None = None) -> Media:
    """Everything but the last step: the returned row says 'uploading', its object is whole.

    Call outside a transaction. Raises NotFound (no such applicant), KeyDestroyed (an erased one), UploadTooLarge,
    ImageRefused and its kin, and DecoderBusy, StorageUnavailable, KekUnavailable (retry).
    """
    if not looks_like("app", applicant_id):
        raise NotFound()
    vault.warm(applicant_id)  # whoever has no data key here is no applicant of this tenant
    image = _normalised(data)
    row = _announced(applicant_id, Media.Kind(kind), data, image, now)
    box = vault.seal(applicant_id, _kind(row), LAYOUT, image.jpeg)
    row.size = len(box)
    with atomic():
        row.save(force_insert=True)
    try:
        (into or the_store()).put(row.object_key, box)
    except StorageUnavailable:
        _withdraw(row, into or the_store())
        raise
    return row


def finish(row: Media, *, now: datetime) -> Media:
    """The object is there: say so. LostRace when the janitor gave the upload up meanwhile."""
    with atomic():
        waiting = Media.objects.filter(pk=row.pk, state=Media.State.UPLOADING)
        if not waiting.update(state=Media.State.STORED, stored_at=now):
            raise LostRace("The upload took so long that it was given up.", next_step="Upload the image again.")
    row.state, row.stored_at = Media.State.STORED, now
    return row


def read(media_id: str, *, purpose: str, stored_in: Store | None = None) -> bytes:
    """The normalised JPEG. `purpose` is noted in the audit log: "api", "verification", "review", "export".

    Raises NotFound, MediaShredded, KeyDestroyed, MediaLost, BoxTampered, StorageUnavailable.
    """
    with atomic():
        row = queries.one(media_id)
        audit.note(
            action="media.read", object_type="evidence_media", object_id=row.pk,
            detail={"purpose": purpose, "kind": row.kind},
        )  # fmt: skip
    return open_box(row, stored_in=stored_in)


def open_box(row: Media, *, stored_in: Store | None = None) -> bytes:
    """As `read`, for a row at hand and a reader that notes the access itself."""
    if row.state == Media.State.SHREDDED or row.object_key is None:
        raise MediaShredded()
    box = (stored_in or the_store()).get(row.object_key)
    if box is None:
        raise MediaLost()
    return vault.open_sealed(row.applicant_id, _kind(row), LAYOUT, box)


def shred(*, media_id: str, now: datetime, forget: bool = False) -> Media:
    """The image goes; what is known about it stays. The object is deleted after the commit (`delete_shredded`).

    forget: also drop what would recognise the picture again (erasure; retention keeps it against reuse).
    """
    gone: dict[str, object] = {"state": Media.State.SHREDDED, "shredded_at": now}
    if forget:
        gone |= {"original_digest": None, "phash": None, "source": {}}
    with atomic():
        rows = Media.objects.filter(pk=media_id)
        # an upload under way is caught too: it can then no longer finish
        if not rows.exclude(state=Media.State.SHREDDED).update(**gone):
            row = rows.filter(state=Media.State.SHREDDED).first()
            if row is None:
                raise NotFound()
            if forget:
                rows.update(original_digest=None, phash=None, source={})
        return rows.get()


def delete_shredded(*, media_id: str, stored_in: Store | None = None) -> None:
    """Delete a shredded image's object. Call after the shredding committed; the janitor does, when nobody did."""
    with atomic():
        row = Media.objects.filter(pk=media_id, state=Media.State.SHREDDED, object_key__isnull=False).first()
    if row is None:
        return
    (stored_in or the_store()).delete(row.object_key)
    with atomic():
        Media.objects.filter(pk=row.pk, object_key=row.object_key).update(object_key=None)


def _normalised(data: bytes) -> Normalised:
    header = admit(data, limits())
    return pool(limits(), helpers=settings.DECODERS).normalise(data, header)


def _announced(applicant_id: str, kind: str, data: bytes, image: Normalised, now: datetime) -> Media:
    tenant_id = current().tenant_id
    secrets = fingerprints.Secrets.of(_tenant_seed(str(tenant_id), now))
    return Media(
        id=media_id(), tenant_id=tenant_id, applicant_id=applicant_id, kind=kind, state=Media.State.UPLOADING,
        object_key=new_key(), width=image.width, height=image.height, grayscale=image.grayscale,
        source={**image.source, "stored_quality": image.quality}, created_at=now,
        original_digest=fingerprints.digest(data, secrets), phash=fingerprints.mask(image.phash, secrets),
    )  # fmt: skip


def _tenant_seed(tenant_id: str, now: datetime) -> bytes:
    """The tenant's secret for fingerprints; its data key is made at first need."""
    vault.ensure(tenant_id, now=now)
    return vault.derive(tenant_id, "media-fingerprints")


def _withdraw(row: Media, store: Store) -> None:
    """Best effort, at once; what fails here the janitor does later."""
    try:
        store.delete(row.object_key or "")
    except StorageUnavailable:
        return
    with atomic():
        Media.objects.filter(pk=row.pk, state=Media.State.UPLOADING).delete()


def _kind(row: Media) -> str:
    """What the box is bound to besides its owner: this image and no other."""
    return f"evidence.media:{row.pk}:{row.kind}"
