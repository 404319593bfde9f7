"""Every error as application/problem+json (RFC 9457), with a stable code and the next step."""

from __future__ import annotations

import structlog
from django.core.exceptions import PermissionDenied as DjangoDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, JsonResponse
from rest_framework import exceptions as drf

from kyc.core.errors import InvalidInput, NotFound, Problem, Unavailable

log = structlog.get_logger("vouch.http")


class Unauthenticated(Problem):
    status, code = 401, "unauthenticated"
    detail = "No valid credential came with the request."
    next_step = "Send `Authorization: Bearer <API key>`. Expired and revoked keys answer the same."


class MissingScope(Problem):
    status, code = 403, "missing_scope"
    detail = "The key is not allowed to do this."
    next_step = "Use a key with the scope named in the detail, or ask an administrator for one."


class BadJson(Problem):
    status, code = 400, "invalid_json"
    detail = "The body is not valid JSON."
    next_step = "Send UTF-8 encoded JSON, without NaN, NUL characters or lone surrogates."


class WrongMediaType(Problem):
    status, code = 415, "unsupported_media_type"
    detail = "The body's Content-Type is not accepted here."
    next_step = "Send the Content-Type that the API documentation names for this endpoint."


class WrongMethod(Problem):
    status, code = 405, "method_not_allowed"
    detail = "This resource has no such method."
    next_step = "See the Allow header."


class TooManyRequests(Problem):
    status, code = 429, "rate_limited"
    detail = "The key has sent more requests than its limit allows."
    next_step = "Wait the seconds in Retry-After, then continue."
    retryable = True


class Internal(Problem):
    status, code = 500, "internal_error"
    detail = "Something went wrong on our side; nothing was half-written."
    next_step = "Send the request again with the same Idempotency-Key; if it persists, report the request id."
    retryable = True


def handle(error: Exception, context: dict):
    """DRF's EXCEPTION_HANDLER."""
    request = context.get("request")
    problem = as_problem(error)
    if isinstance(problem, Internal):
        log.error("unhandled", exc_info=error)
    response = answer(problem, request_id=getattr(getattr(request, "_request", request), "id", ""))
    if isinstance(error, drf.MethodNotAllowed):
        response["Allow"] = ", ".join(context["view"].allowed_methods)
    return response


def as_problem(error: Exception) -> Problem:
    match error:
        case Problem():
            return error
        case drf.ValidationError():
            return InvalidInput(fields=fields(error.detail))
        case drf.ParseError():
            return BadJson(str(error.detail))
        case drf.NotAuthenticated() | drf.AuthenticationFailed():
            return Unauthenticated()
        case drf.PermissionDenied() | DjangoDenied():
            return MissingScope()
        case Http404() | drf.NotFound():
            return NotFound()
        case drf.MethodNotAllowed():
            return WrongMethod()
        case drf.UnsupportedMediaType():
            return WrongMediaType()
        case drf.NotAcceptable():
            return Problem("Only application/json is served here.", next_step="Accept application/json.")
        case drf.Throttled():
            return TooManyRequests(retry_after=max(1, round(error.wait or 1)))
        case OperationalError() | InterfaceError():
            return Unavailable()
    return Internal()


def fields(detail, prefix: str = "") -> dict[str, list[str]]:
    """DRF's nested detail flattened: {"a.b": ["sentence"]}."""
    if isinstance(detail, dict):
        flat: dict[str, list[str]] = {}
        for name, inner in detail.items():
            flat |= fields(inner, f"{prefix}.{name}" if prefix else str(name))
        return flat
    if isinstance(detail, list) and any(isinstance(i, dict | list) for i in detail):
        return {k: v for n, inner in enumerate(detail) for k, v in fields(inner, f"{prefix}[{n}]").items()}
    return {prefix or "body": [str(i) for i in (detail if isinstance(detail, list) else [detail])]}


def answer(problem: Problem, *, request_id: str) -> JsonResponse:
    body = {
        "type": f"https://vouch.dev/problems/{problem.code}",
        "title": problem.code.replace("_", " ").capitalize(),
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        "next_step": problem.next_step,
        "retryable": problem.retryable,
        "request_id": request_id,
    }
    if problem.fields:
        body["fields"] = problem.fields
    response = JsonResponse(body, status=problem.status, content_type="application/problem+json")
    if problem.retry_after is not None:
        response["Retry-After"] = str(problem.retry_after)
    if problem.status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="vouch"'
    return response


def not_found(request, exception=None):
    return answer(NotFound("There is no such address."), request_id=getattr(request, "id", ""))


def server_error(request):
    return answer(Internal(), request_id=getattr(request, "id", ""))
