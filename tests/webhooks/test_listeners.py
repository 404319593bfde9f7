from __future__ import annotations

from kyc.audit import services as audit
from kyc.core import clock
from kyc.core.scope import Scope, acting, acting_as_system, atomic
from kyc.webhooks.models import Event
from tests.webhooks.worlds import a_bank, an_endpoint, deliveries


def test_a_signed_checkpoint_is_told_to_the_bank_that_asked_and_to_no_other(fresh_db):
    with a_bank() as asked:
        an_endpoint(event_types=["audit_checkpoint.signed"])
    with a_bank() as silent:
        an_endpoint(event_types=["*"])
    with acting_as_system("sealer"):
        audit.seal(now=clock.now())
    with acting(Scope(asked.pk, "key:test")), atomic():
        (event,) = Event.objects.all()
        assert (event.object_type, event.object_id) == ("audit_log", asked.pk)
        assert event.status.startswith("size:")
        assert len(deliveries()) == 1
    with acting(Scope(silent.pk, "key:test")), atomic():
        assert not Event.objects.exists()
