from __future__ import annotations

import json
import threading

import pytest
from django.db import connections, transaction

from kyc.core.scope import Scope, acting, atomic
from kyc.webhooks import services
from kyc.webhooks.models import Event
from tests.webhooks.worlds import NOW, Scripted, a_bank, an_endpoint, deliveries, due, something_happens, work


def test_the_events_of_an_object_are_numbered_from_one_and_objects_count_apart(db):
    with a_bank():
        a = [something_happens("vrf_a").sequence for _ in range(3)]
        b = something_happens("vrf_b").sequence
    assert a == [1, 2, 3] and b == 1


def test_a_rolled_back_change_leaves_no_event_and_no_gap(db):
    with a_bank(), atomic():
        something_happens("vrf_a")
        try:
            with transaction.atomic():
                something_happens("vrf_a")
                raise RuntimeError
        except RuntimeError:
            pass
        something_happens("vrf_a")
        assert list(Event.objects.order_by("sequence").values_list("sequence", flat=True)) == [1, 2]


def test_writers_at_once_take_numbers_without_gap_or_twin(committed_db):
    with a_bank() as bank:
        an_endpoint()

        def write():
            try:
                with acting(Scope(bank.pk, "key:test")):
                    for _ in range(10):
                        something_happens("vrf_contended" + bank.pk)
            finally:
                connections.close_all()

        threads = [threading.Thread(target=write) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with atomic():
            rows = Event.objects.filter(object_id="vrf_contended" + bank.pk)
            assert sorted(rows.values_list("sequence", flat=True)) == list(range(1, 41))
        sender = Scripted(200)
        work(sender=sender)
        assert [json.loads(body)["sequence"] for _, body, _ in sender.sent] == list(range(1, 41))


def test_an_event_without_subscribers_is_kept_for_reading(db):
    with a_bank(), atomic():
        event = something_happens()
        assert Event.objects.filter(pk=event.pk).exists()
        assert due() == []


@pytest.mark.parametrize(
    ("wanted", "told"),
    [(["*"], True), (["verification.*"], True), (["verification.approved"], True), (["verification.declined"], False),
     (["applicant.*"], False)],
)  # fmt: skip
def test_an_endpoint_hears_what_it_subscribed_to(db, wanted, told):
    with a_bank():
        an_endpoint(event_types=wanted)
        something_happens(status="approved")
        assert bool(deliveries()) is told


def test_another_banks_endpoint_hears_nothing(db):
    with a_bank("Other"):
        an_endpoint()
    with a_bank():
        something_happens()
        assert deliveries() == []
        assert due() == []


def test_a_deleted_and_a_disabled_endpoint_hear_nothing(db):
    with a_bank():
        gone, _ = an_endpoint()
        off, _ = an_endpoint()
        services.delete_endpoint(endpoint_id=gone.pk, now=NOW)
        services.disable_endpoint(endpoint_id=off.pk, reason="requested", now=NOW)
        something_happens("vrf_after")
        assert deliveries(object_id="vrf_after") == []


def test_an_event_that_is_not_in_the_catalogue_is_a_bug(db):
    with a_bank(), pytest.raises(ValueError, match="catalogue"):
        services.emit(event_type="verification.guessed", object_type="x", object_id="y", status="z", now=NOW)


def test_a_body_holds_ids_and_status_and_nothing_else(db):
    with a_bank():
        an_endpoint()
        event = something_happens("vrf_a")
        sender = Scripted(200)
        work(sender=sender)
    body = json.loads(sender.sent[0][1])
    assert body == {
        "id": event.pk,
        "type": "verification.approved",
        "created_at": "2030-01-07T09:00:00Z",
        "sequence": 1,
        "object": {"type": "verification", "id": "vrf_a", "status": "approved"},
    }


def test_an_event_cannot_be_rewritten(db):
    from django.db import ProgrammingError

    with a_bank(), atomic():
        event = something_happens()
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            Event.objects.filter(pk=event.pk).update(status="declined")


def test_old_events_are_purged_but_never_one_that_is_on_its_way(db):
    from tests.webhooks.worlds import after

    with a_bank():
        something_happens("vrf_silent")
        an_endpoint()
        something_happens("vrf_waiting")
        assert services.purge(now=after(days=89)) == 0
        assert services.purge(now=after(days=91)) == 1
        with atomic():
            assert [e.object_id for e in Event.objects.all()] == ["vrf_waiting"]
        assert something_happens("vrf_silent").sequence == 2
