"""Is the process up (live), and can it serve (ready)? For load balancers: no authentication, no detail."""

from __future__ import annotations

from django.db import Error, connections
from django.http import JsonResponse


def live(request):
    return JsonResponse({"status": "live"})


def ready(request):
    """503 while PostgreSQL does not answer. The broker may be away: what is accepted waits in PostgreSQL."""
    try:
        with connections["default"].cursor() as cursor:
            cursor.execute("select 1")
    except Error:
        return JsonResponse({"status": "not_ready", "waiting_for": "postgresql"}, status=503)
    return JsonResponse({"status": "ready"})
