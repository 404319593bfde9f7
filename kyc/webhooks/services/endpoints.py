"""Endpoints come, change, rotate their secret, are disabled and enabled, and go."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from kyc.core.errors import InvalidInput
from kyc.core.scope import atomic, current
from kyc.vault import fields
from kyc.vault import services as vault
from kyc.vault.errors import NoDataKey
from kyc.webhooks import conf, policy, queries
from kyc.webhooks.catalogue import DISABLED, subscriptions
from kyc.webhooks.errors import EndpointDisabled, TooManyEndpoints
from kyc.webhooks.models import Delivery, Endpoint, EndpointHealth, endpoint_id
from kyc.webhooks.services.emitting import again, emit
from kyc.webhooks.signing import new_secret
from kyc.webhooks.states import ABANDONED, FAILED, PENDING
from kyc.webhooks.targets import parse

RECOVER_AT_MOST = 1_000  # deliveries per request: each is a row and a job, in one transaction


@dataclass(frozen=True, slots=True)
class IssuedEndpoint:
    endpoint: Endpoint
    secret: str  # shown once


def create_endpoint(*, url: str, event_types: Iterable[str], now: datetime, description: str = "") -> IssuedEndpoint:
    """UrlRefused, InvalidInput (unknown event type), TooManyEndpoints."""
    types = _known(event_types)
    parse(url, conf.reach(), conf.ports())
    with atomic():
        if queries.endpoints().count() >= policy.MAX_ENDPOINTS:
            raise TooManyEndpoints()
        endpoint = Endpoint(
            id=endpoint_id(), tenant_id=current().tenant_id, url=url, description=description, event_types=types,
            created_at=now,
        )  # fmt: skip
        secret = new_secret()
        _ensure_key(now)
        fields.put(endpoint, owner=owner(), secret=secret)
        endpoint.save(force_insert=True)
        endpoint.health = EndpointHealth.objects.create(endpoint=endpoint, tenant_id=endpoint.tenant_id)
    return IssuedEndpoint(endpoint, secret)


def change_endpoint(
    *, endpoint_id: str, url: str | None = None, event_types: Iterable[str] | None = None,
    description: str | None = None,
) -> Endpoint:  # fmt: skip
    """What is None stays. Deliveries that are waiting go to the new URL."""
    changes: dict[str, object] = {}
    if url is not None:
        parse(url, conf.reach(), conf.ports())
        changes["url"] = url
    if event_types is not None:
        changes["event_types"] = _known(event_types)
    if description is not None:
        changes["description"] = description
    with atomic():
        endpoint = queries.endpoint(endpoint_id)
        if changes:
            Endpoint.objects.filter(pk=endpoint.pk, deleted_at=None).update(**changes)
        return queries.endpoint(endpoint_id)


def rotate_secret(*, endpoint_id: str, now: datetime, overlap: timedelta = policy.SECRET_OVERLAP) -> IssuedEndpoint:
    """A new secret; the old one signs beside it until the overlap ends. A third one is never alive."""
    with atomic():
        endpoint = _locked(endpoint_id)
        old, new = secret_of(endpoint, "secret"), new_secret()
        ends = now + overlap if overlap else None
        fields.put(endpoint, owner=owner(), secret=new, previous=old if ends else None)
        endpoint.previous_expires_at = ends
        endpoint.save(update_fields=["secret", "previous", "previous_expires_at"])
    return IssuedEndpoint(endpoint, new)


def enable_endpoint(*, endpoint_id: str) -> Endpoint:
    """With a clean slate. What was given up meanwhile is not sent by itself: see `recover`."""
    with atomic():
        endpoint = _locked(endpoint_id)
        if endpoint.state == Endpoint.State.DISABLED:
            Endpoint.objects.filter(pk=endpoint.pk).update(state=Endpoint.State.ENABLED, disabled_reason=None)
            EndpointHealth.objects.filter(pk=endpoint.pk).update(failures=0, failing_since=None, held_until=None)
        return queries.endpoint(endpoint_id)


def disable_endpoint(*, endpoint_id: str, reason: str, now: datetime) -> Endpoint:
    """Nothing is sent any more, what is on its way is given up, and the tenant's other endpoints hear of it."""
    with atomic():
        endpoint = queries.endpoint(endpoint_id)
        # before the endpoint's own row: `deliver` takes the two in this order
        emit(event_type=DISABLED, object_type="webhook_endpoint", object_id=endpoint.pk, status="disabled", now=now)
        moved = Endpoint.objects.filter(pk=endpoint.pk, state=Endpoint.State.ENABLED).update(
            state=Endpoint.State.DISABLED, disabled_reason=reason
        )
        if not moved:
            raise EndpointDisabled()
        _give_up(endpoint.pk, now)
        return queries.endpoint(endpoint_id)


def delete_endpoint(*, endpoint_id: str, now: datetime) -> None:
    """Its secrets go at once; the record of its deliveries stays."""
    with atomic():
        endpoint = _locked(endpoint_id)
        Endpoint.objects.filter(pk=endpoint.pk).update(
            state=Endpoint.State.DISABLED, disabled_reason="deleted", deleted_at=now, secret=None, previous=None,
            previous_expires_at=None,
        )  # fmt: skip
        _give_up(endpoint.pk, now)


def recover(*, endpoint_id: str, since: datetime, now: datetime) -> list[Delivery]:
    """Send again what this endpoint never got: the deliveries given up since then, oldest first."""
    with atomic():
        endpoint = queries.endpoint(endpoint_id)
        if endpoint.state != Endpoint.State.ENABLED:
            raise EndpointDisabled()
        lost = queries.undelivered(endpoint_id=endpoint.pk, since=since)[:RECOVER_AT_MOST]
        return [again(event, endpoint.pk, now) for event in lost]


def secrets_in_use(endpoint: Endpoint, *, now: datetime) -> list[str]:
    """The secrets that sign now, the new one first."""
    live = [secret_of(endpoint, "secret")]
    if endpoint.previous is not None and endpoint.previous_expires_at and endpoint.previous_expires_at > now:
        live.append(secret_of(endpoint, "previous"))
    return live


def secret_of(endpoint: Endpoint, name: str) -> str:
    return fields.get(endpoint, name, owner=owner())[name]


def owner() -> str:
    return f"tenant:{current().tenant_id}"


def _ensure_key(now: datetime) -> None:
    """A bank's own data key is made when it first has something to seal."""
    try:
        vault.warm(owner())
    except NoDataKey:
        vault.new_data_key(owner(), now=now)


def _give_up(endpoint_id: str, now: datetime) -> None:
    waiting = Delivery.objects.filter(endpoint_id=endpoint_id, state__in=[PENDING, FAILED])
    waiting.update(state=ABANDONED, last_error="endpoint_disabled", finished_at=now, next_attempt_at=None)


def _locked(endpoint_id: str) -> Endpoint:
    queries.endpoint(endpoint_id)
    Endpoint.objects.select_for_update(no_key=True).get(pk=endpoint_id)
    return queries.endpoint(endpoint_id)


def _known(event_types: Iterable[str]) -> list[str]:
    types = sorted(set(event_types))
    unknown = [t for t in types if t not in subscriptions()]
    if unknown or not types:
        why = f"Unknown: {', '.join(unknown)}." if unknown else "Name at least one event type, or `*`."
        raise InvalidInput(fields={"event_types": [why]})
    return types
