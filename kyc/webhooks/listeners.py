"""What lower areas announce and webhooks act on, in the announcer's transaction."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

from kyc.core.scope import acting, current
from kyc.tenants.models import Tenant
from kyc.webhooks import queries, services
from kyc.webhooks.catalogue import CHECKPOINT


def on_quarantine(sender: Any, *, job: Any, now: datetime, **_: Any) -> None:
    if job.kind != "deliver":
        return
    # the quarantine's login, and the delivery's tenant: the next delivery's job must belong to somebody
    with acting(replace(current(), tenant_id=job.tenant_id)):
        services.abandon_quarantined(delivery_id=job.subject_id, now=now)


def on_checkpoint(sender: Any, *, checkpoint: Any, now: datetime, **_: Any) -> None:
    """A log is a tenant's or the platform's; only a tenant's has subscribers."""
    if not Tenant.objects.filter(pk=checkpoint.log).exists():
        return
    # still the sealer's login, so that event and checkpoint commit together
    with acting(replace(current(), tenant_id=checkpoint.log)):
        # one a minute: not worth an event that nobody asked for
        if queries.subscribers(CHECKPOINT).exists():
            services.emit(event_type=CHECKPOINT, object_type="audit_log", object_id=checkpoint.log,
                          status=f"size:{checkpoint.tree_size}", now=now)  # fmt: skip
