"""For operators' machines, beside the API: metrics and the canary. A shared token opens them; without one, nobody."""

from __future__ import annotations

import hmac
import os
from functools import wraps
from pathlib import Path

from django.conf import settings
from django.http import HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest

from kyc.core import clock
from kyc.core.scope import Scope, acting
from kyc.http.problems import Unauthenticated, answer
from kyc.operations import queries, services
from kyc.operations.health import LIMITS, findings


def for_operators(view):
    @wraps(view)
    def guarded(request):
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not settings.OPERATIONS_TOKEN or not hmac.compare_digest(
            given.encode("utf-8", "replace"), settings.OPERATIONS_TOKEN.encode()
        ):
            return answer(Unauthenticated(), request_id=request.id)
        with acting(Scope(None, "operator:token", request.id)):
            return view(request)

    return guarded


@require_GET
@for_operators
def metrics(request):
    """Prometheus text format; one gauge per figure."""
    registry = CollectorRegistry()
    says = {limit.figure: f"{limit.unit} {limit.says}" for limit in LIMITS}
    for name, value in measured().items():
        if value is not None:
            Gauge(f"vouch_{name}", says.get(name, name.replace("_", " ")), registry=registry).set(value)
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


@require_GET
@for_operators
def detail(request):
    """What `manage.py doctor` prints, as JSON; 503 when something is not well."""
    found = findings(measured())
    body = [
        {"figure": f.limit.figure, "value": f.value, "most": f.limit.most, "unit": f.limit.unit, "well": f.well,
         "says": f.limit.says, "advice": None if f.well else f.limit.advice}
        for f in found
    ]  # fmt: skip
    return JsonResponse({"findings": body}, status=200 if all(f.well for f in found) else 503)


@csrf_exempt
@require_POST
@for_operators
def canary(request):
    return JsonResponse({"sent": services.send(now=clock.now())}, status=202)


def measured() -> dict[str, float | None]:
    return queries.figures() | {"disk_used": disk_used(settings.VOUCH_HOME)}


def disk_used(path: Path) -> float | None:
    """Per cent, as df counts it for an ordinary user."""
    try:
        disk = os.statvfs(path)
    except OSError:
        return None
    used = disk.f_blocks - disk.f_bfree
    return round(100 * used / (used + disk.f_bavail), 1)
