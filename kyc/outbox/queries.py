from __future__ import annotations

from django.db.models import QuerySet

from kyc.outbox.models import Job


def quarantined() -> QuerySet[Job]:
    return Job.objects.filter(state=Job.State.QUARANTINED)
