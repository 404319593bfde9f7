"""The frame of every endpoint: scope entered, reads in a transaction, writes in an idempotent one."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import timedelta
from typing import ClassVar

from django.conf import settings
from django.http import HttpResponse
from rest_framework.generics import GenericAPIView
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from kyc.core import clock, crash
from kyc.core.errors import NotFound
from kyc.core.scope import Scope, acting, atomic
from kyc.http import idempotency
from kyc.http.throttle import PerKey

# Seconds between looks while a request is held: soon at first, then ever less often. A crowd of held requests that
# looked fifty times a second each took more of two cores than the decisions they waited for.
POLL, POLL_GROWS, POLL_MOST = 0.02, 1.25, 0.25


class Accepted(Response):
    """202: the work goes on. `finished` reads the resource again: a Response when done, else None."""

    def __init__(self, data, *, location: str, finished: Callable[[], Response | None]):
        super().__init__(data, status=202, headers={"Location": location})
        self.finished = finished


class ApiView(GenericAPIView):
    """`needs` names the API-key scope of each method."""

    needs: ClassVar[dict[str, str]] = {}
    throttle_classes = [PerKey]

    def dispatch(self, request, *args, **kwargs):
        with ExitStack() as self.entered:
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request, *args, **kwargs):
        super().initial(request, *args, **kwargs)
        if any("\0" in str(value) for value in kwargs.values()):
            raise NotFound()  # PostgreSQL holds no such id, and would say so as an error
        caller = request.user
        self.entered.enter_context(acting(Scope(caller.tenant.pk, caller.actor, request._request.id)))

    def fingerprint(self, request) -> bytes:
        """What makes two requests the same; a view that streams its body overrides this."""
        return idempotency.fingerprint(request._request)

    def valid(self, serializer_class=None) -> dict:
        """The request body, validated; raises what becomes a 422."""
        serializer = (serializer_class or self.get_serializer_class())(
            data=self.request.data, context=self.get_serializer_context()
        )
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    def listed(self, rows, serializer_class):
        """A filtered, paginated answer."""
        page = self.paginate_queryset(self.filter_queryset(rows))
        return self.get_paginated_response(
            serializer_class(page, many=True, context=self.get_serializer_context()).data
        )


def reads(handler):
    """A handler that only reads: one transaction, one tenant."""

    @functools.wraps(handler)
    def wrapped(self, request, *args, **kwargs):
        with atomic():
            return handler(self, request, *args, **kwargs)

    return wrapped


def writes(handler):
    """A handler that changes something: effect and stored response commit together.

    A view may define `prepare(request)`: slow work (decoding, storage) done before the transaction opens; it is
    skipped for a replay. Its result is passed to the handler as `prepared`.
    """

    @functools.wraps(handler)
    def wrapped(self, request, *args, **kwargs):
        key = idempotency.key_of(request)
        print_ = self.fingerprint(request) if key else b""
        if key:
            with atomic():
                if stored := idempotency.replay(key, print_, now=clock.now()):
                    return stored
        if hasattr(self, "prepare"):
            kwargs["prepared"] = self.prepare(request)
        answer, response = _commit(self, handler, request, args, kwargs, key, print_)
        crash.point("after_effect_before_response")
        if isinstance(answer, Accepted) and (seconds := wanted_wait(request)):
            response = _hold(answer, response, seconds, key)
        return response

    return wrapped


def _commit(view, handler, request, args, kwargs, key, print_):
    with atomic():
        now = clock.now()
        if key:
            idempotency.reserve(key)
            if stored := idempotency.replay(key, print_, now=now):
                return None, stored
        answer = handler(view, request, *args, **kwargs)
        response = as_bytes(answer)
        if key:
            wait = wanted_wait(request) if isinstance(answer, Accepted) else 0
            held = now + timedelta(seconds=wait + 5) if wait else None  # +5: reading and sending the answer
            idempotency.store(key, print_, response, now=now, held_until=held)
    return answer, response


def _hold(answer: Accepted, response: HttpResponse, seconds: float, key: str | None) -> HttpResponse:
    ends, pause = time.monotonic() + seconds, POLL
    while time.monotonic() < ends:
        with atomic():
            done = answer.finished()
        if done is not None:
            response = as_bytes(done)
            response["Preference-Applied"] = f"wait={seconds:g}"
            break
        time.sleep(min(pause, max(0.0, ends - time.monotonic())))
        pause = min(pause * POLL_GROWS, POLL_MOST)
    if key:
        with atomic():
            idempotency.settle(key, response)
    return response


def wanted_wait(request) -> float:
    """Seconds from `?wait=10` or `Prefer: wait=10` (RFC 7240), bounded; 0 when not asked or not a number."""
    asked = request.query_params.get("wait", "")
    for preference in request.headers.get("Prefer", "").split(","):
        name, _, value = preference.strip().partition("=")
        if name.strip().lower() == "wait":
            asked = asked or value.strip()
    return float(min(int(asked), settings.MAX_WAIT)) if asked.isascii() and asked.isdigit() else 0.0


def as_bytes(response: Response) -> HttpResponse:
    """Rendered now, so that what is stored and what is sent are the same bytes."""
    if not isinstance(response, Response):
        return response
    body = b"" if response.data is None else JSONRenderer().render(response.data)
    plain = HttpResponse(body, status=response.status_code, content_type="application/json")
    for name, value in response.headers.items():
        if name != "Content-Type":  # an unrendered Response says text/html
            plain[name] = value
    return plain
