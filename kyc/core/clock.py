"""The only place that asks for the time; services take `now`."""

from datetime import datetime

from django.utils import timezone


def now() -> datetime:
    return timezone.now()
