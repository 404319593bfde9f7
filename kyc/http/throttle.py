from __future__ import annotations

from django.conf import settings
from rest_framework.throttling import SimpleRateThrottle


class PerKey(SimpleRateThrottle):
    """Requests a minute per API key, counted in each web process.

    Counting in the broker would make Redis a part of every request; a process-local window is exact with
    one web process and at most `processes` times too generous with several.
    """

    scope = "key"

    def get_rate(self):
        return f"{settings.RATE_LIMIT_PER_MINUTE}/min"

    def get_cache_key(self, request, view):
        return f"throttle:{request.user.pk}" if request.user else None
