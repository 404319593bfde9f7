from __future__ import annotations

import json
import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connections, transaction

from kyc.core.scope import Scope, acting, acting_as_system, atomic
from kyc.outbox import services as outbox
from kyc.outbox.models import Job
from kyc.webhooks import policy, queries, services
from kyc.webhooks.errors import DeliveryUnderWay, EndpointDisabled
from kyc.webhooks.models import Delivery, Endpoint, EndpointHealth
from kyc.webhooks.signing import verify
from kyc.webhooks.states import MOVES
from tests.support.receiver import Receiver
from tests.webhooks.worlds import (
    NOW,
    Scripted,
    a_bank,
    after,
    an_endpoint,
    deliveries,
    due,
    run,
    something_happens,
    work,
    work_on,
)


@pytest.fixture
def bank(db):
    with a_bank() as tenant:
        yield tenant


def the_delivery() -> Delivery:
    (delivery,) = deliveries()
    return delivery


def health(endpoint) -> EndpointHealth:
    with atomic():
        return EndpointHealth.objects.get(pk=endpoint.pk)


# --- one delivery ------------------------------------------------------------------------------------


def test_a_real_receiver_gets_a_signed_event_once(bank, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with Receiver() as receiver:
        _, secret = an_endpoint(receiver.url)
        event = something_happens()
        work()
        (got,) = receiver.wait(1)
    delivery = the_delivery()
    assert verify(got.body, got.headers["vouch-signature"], secret, now=NOW.timestamp()) == NOW.timestamp()
    assert got.headers["vouch-event-id"] == event.pk and got.headers["vouch-delivery-id"] == delivery.pk
    assert got.headers["vouch-attempt"] == "1" and got.headers["content-type"] == "application/json"
    assert delivery.state == "delivered" and delivery.last_status == 200
    (attempt,) = delivery.attempts.all()
    assert (attempt.number, attempt.status, attempt.error, attempt.address) == (1, 200, None, "127.0.0.1")


def test_without_the_development_setting_a_private_receiver_gets_nothing(bank, settings):
    settings.WEBHOOK_ALLOW_PRIVATE = True
    with Receiver() as receiver:
        an_endpoint(receiver.url)
        settings.WEBHOOK_ALLOW_PRIVATE = False
        something_happens()
        (outcome,) = work_on_all()
        assert outcome.error == "url_refused" and receiver.received == []
    assert the_delivery().state == "failed"


def work_on_all(now=NOW):
    from kyc.webhooks.conf import sender

    return [outcome for job in due(now) if (outcome := work_on(job, now, sender=sender()))]


def test_a_failed_attempt_is_repeated_later_with_the_same_event_and_the_same_bytes(bank):
    an_endpoint()
    something_happens()
    sender = Scripted(500, "timeout", 200)
    work(sender=sender)
    assert the_delivery().state == "failed" and due(NOW) == []
    work(after(seconds=11), sender=sender)
    work(after(minutes=1), sender=sender)
    assert [h["Vouch-Attempt"] for _, _, h in sender.sent] == ["1", "2", "3"]
    assert len({(body, h["Vouch-Event-Id"], h["Vouch-Delivery-Id"]) for _, body, h in sender.sent}) == 1
    delivery = the_delivery()
    assert delivery.state == "delivered" and delivery.attempt == 3
    assert [a.error for a in delivery.attempts.all()] == ["status", "timeout", None]


def test_each_attempt_is_signed_at_its_own_time(bank):
    _, secret = an_endpoint()
    something_happens()
    sender = Scripted(500, 200)
    work(sender=sender)
    work(after(seconds=11), sender=sender)
    for (_, body, headers), now in zip(sender.sent, (NOW, after(seconds=11)), strict=True):
        assert verify(body, headers["Vouch-Signature"], secret, now=now.timestamp()) == int(now.timestamp())


def test_what_never_arrives_is_abandoned_within_a_day_after_eleven_attempts(bank):
    an_endpoint()
    something_happens()
    sender = Scripted(500)
    run(NOW, after(days=3), sender=sender)
    delivery = the_delivery()
    assert delivery.state == "abandoned" and delivery.last_error == "status"
    assert len(sender.sent) == len(policy.BACKOFF) + 1
    assert delivery.finished_at - NOW <= policy.GIVE_UP
    assert due(after(days=30)) == []


def test_nothing_is_sent_inside_a_transaction(committed_db):
    with a_bank():
        an_endpoint()
        something_happens()
        sender = Scripted(200)
        inside = []
        object.__setattr__(sender, "before", lambda: inside.append(connections["default"].in_atomic_block))
        work(sender=sender)
    assert inside == [False]


# --- order -------------------------------------------------------------------------------------------


def test_an_objects_next_event_waits_until_the_one_before_has_arrived(bank):
    an_endpoint()
    for status in ("processing", "in_review", "approved"):
        something_happens("vrf_a", status=status)
    something_happens("vrf_b")
    sender = Scripted(500, 200)
    work(sender=sender)
    assert bodies(sender) == [("vrf_a", 1), ("vrf_b", 1)]
    work(after(minutes=1), sender=sender)
    assert bodies(sender)[2:] == [("vrf_a", 1), ("vrf_a", 2), ("vrf_a", 3)]
    assert {d.state for d in deliveries()} == {"delivered"}


def bodies(sender) -> list[tuple[str, int]]:
    contents = [json.loads(body) for _, body, _ in sender.sent]
    return [(c["object"]["id"], c["sequence"]) for c in contents]


def test_an_abandoned_event_lets_the_next_one_go_with_a_day_of_its_own(bank):
    an_endpoint()
    something_happens("vrf_a")
    something_happens("vrf_a", status="reopened")
    first, second = deliveries()
    with atomic():
        Delivery.objects.filter(pk=first.pk).update(expires_at=NOW)
    work(sender=Scripted(500))
    first, second = deliveries()
    assert first.state == "abandoned" and first.last_error == "expired"
    assert second.state == "failed" and second.expires_at == NOW + policy.GIVE_UP


def test_a_stray_job_cannot_break_the_order(bank):
    an_endpoint()
    something_happens("vrf_a")
    something_happens("vrf_a", status="reopened")
    second = deliveries()[1]
    with atomic():
        Job.objects.filter(kind="deliver").update(run_after=after(hours=1))
        outbox.enqueue(kind="deliver", queue="io", subject_type="delivery", subject_id=second.pk, now=NOW)
    sender = Scripted(200)
    work(sender=sender)
    assert sender.sent == []
    work(after(hours=1), sender=sender)
    assert bodies(sender) == [("vrf_a", 1), ("vrf_a", 2)]


def test_postgres_refuses_two_events_of_an_object_in_flight_to_one_endpoint(bank):
    an_endpoint()
    something_happens("vrf_a")
    something_happens("vrf_a", status="reopened")
    with pytest.raises(IntegrityError, match="one_event_of_an_object_at_a_time"), atomic(), transaction.atomic():
        Delivery.objects.update(state="failed")


def test_an_endpoint_that_fails_does_not_hold_up_another_endpoint(bank):
    good, _ = an_endpoint("https://good.example/")
    an_endpoint("https://bad.example/")
    for status in ("processing", "approved"):
        something_happens("vrf_a", status=status)

    class OneIsDown(Scripted):
        def send(self, url, **request):
            return Scripted(500 if "bad" in url else 200).send(url, **request)

    work(sender=OneIsDown())
    assert [d.state for d in deliveries(endpoint_id=good.pk)] == ["delivered", "delivered"]


def test_an_event_committed_while_the_one_before_it_arrives_is_not_forgotten(committed_db):
    """The writer holds the object while the deliverer closes the earlier event: one of them must see the other."""
    with a_bank() as bank:
        an_endpoint()
        name = "vrf_race" + bank.pk
        something_happens(name)
        emitted, closing = threading.Event(), threading.Event()

        def write():
            try:
                with acting(Scope(bank.pk, "key:test")), atomic():
                    something_happens(name, status="reopened")
                    emitted.set()
                    closing.wait(5)
                    # the deliverer is waiting for our lock by now, or will be
            finally:
                connections.close_all()

        writer = threading.Thread(target=write)
        sender = Scripted(200)

        def before():
            if not sender.sent:
                writer.start()
                assert emitted.wait(5)
                threading.Timer(0.2, closing.set).start()

        object.__setattr__(sender, "before", before)
        work(sender=sender)
        writer.join()
        work(sender=sender)
        assert bodies(sender) == [(name, 1), (name, 2)]


# --- fencing and crashes -----------------------------------------------------------------------------


def test_a_worker_that_comes_back_late_changes_nothing(bank):
    """Paused past its lease during the POST; another worker delivered meanwhile."""
    an_endpoint()
    something_happens()
    (job_id,) = due()
    later = NOW + outbox.LEASE + timedelta(seconds=1)
    winner, late = Scripted(200), Scripted(500)
    object.__setattr__(late, "before", lambda: work_on(job_id, later, sender=winner))
    assert work_on(job_id, NOW, sender=late) is None
    delivery = the_delivery()
    assert len(winner.sent) == len(late.sent) == 1
    assert delivery.state == "delivered" and delivery.attempt == 2
    assert [(a.number, a.error) for a in delivery.attempts.all()] == [(1, "worker_lost"), (2, None)]
    assert due(after(days=2)) == []


def test_a_worker_killed_mid_webhook_leads_to_the_same_event_id_again(bank):
    an_endpoint()
    something_happens()
    (job_id,) = due()

    class Killed(BaseException):
        pass

    dying = Scripted(200)

    def die():
        raise Killed

    object.__setattr__(dying, "before", die)
    with pytest.raises(Killed):
        work_on(job_id, NOW, sender=dying)
    assert the_delivery().state == "delivering"
    sender = Scripted(200)
    work_on(job_id, NOW + outbox.LEASE + timedelta(seconds=1), sender=sender)
    assert the_delivery().state == "delivered"
    assert sender.sent[0][2]["Vouch-Attempt"] == "2"


def test_a_task_delivered_three_times_sends_once(bank):
    an_endpoint()
    something_happens()
    (job_id,) = due()
    sender = Scripted(200)
    for _ in range(3):
        work_on(job_id, NOW, sender=sender)
    assert len(sender.sent) == 1 and the_delivery().attempt == 1


def test_a_job_that_kills_its_workers_is_given_up_and_the_objects_next_event_goes(bank):
    an_endpoint()
    something_happens("vrf_a")
    something_happens("vrf_a", status="reopened")
    (job_id,) = due()
    claim = outbox.claim(job_id=job_id, worker="test", now=NOW)
    outbox.fail(claim, reason="killed the worker", retryable=False, now=NOW)
    first = deliveries()[0]
    assert (first.state, first.last_error) == ("abandoned", "quarantined")
    work(sender=Scripted(200))
    assert deliveries()[1].state == "delivered"


def test_a_delivery_that_lost_its_job_is_woken_by_the_sweep(committed_db):
    with a_bank() as bank:
        an_endpoint()
        something_happens("vrf_lost" + bank.pk)
        something_happens("vrf_lost" + bank.pk, status="reopened")
        with atomic():
            Job.objects.filter(kind="deliver").delete()
    with acting_as_system("schedule"):
        services.sweep(now=after(minutes=1))
    with acting(Scope(bank.pk, "key:test")):
        assert due(after(days=1)) == []
    with acting_as_system("schedule"):
        services.sweep(now=after(minutes=5))
        services.sweep(now=after(minutes=5))
    with acting(Scope(bank.pk, "key:test")):
        assert len(due(after(minutes=5))) == 1  # the second event still waits for the first
        sender = Scripted(200)
        work(after(minutes=5), sender=sender)
        assert [sequence for _, sequence in bodies(sender)] == [1, 2]


# --- a dead or slow receiver ----------------------------------------------------------------------


def test_a_dead_endpoint_is_probed_not_hammered(bank):
    endpoint, _ = an_endpoint()
    for _ in range(12):
        something_happens()
    sender = Scripted("connect")
    work(sender=sender)
    assert len(sender.sent) == policy.HOLD_FROM
    run(NOW, after(minutes=20), sender=sender)
    assert len(sender.sent) < 15  # 12 events on their own schedules would be 48
    assert health(endpoint).failures == len(sender.sent)


def test_after_a_recovery_everything_arrives_in_order_without_anybodys_help(bank):
    endpoint, _ = an_endpoint()
    for number in range(5):
        for status in ("processing", "approved"):
            something_happens(f"vrf_{number}", status=status)
    down, up = Scripted("connect"), Scripted(200)
    run(NOW, after(minutes=30), sender=down)
    run(after(minutes=30), after(hours=3), sender=up)
    assert {d.state for d in deliveries()} == {"delivered"}
    seen = bodies(up)
    assert all([n for name, n in seen if name == f"vrf_{i}"] == [1, 2] for i in range(5))
    assert health(endpoint).failures == 0 and health(endpoint).failing_since is None


def test_a_dead_endpoint_of_one_bank_costs_another_nothing(db):
    with a_bank("Dead"):
        an_endpoint("https://dead.example/")
        for _ in range(30):
            something_happens()
        down = Scripted("timeout")
        work(sender=down)
    with a_bank("Alive"):
        an_endpoint("https://alive.example/")
        something_happens()
        work(sender=Scripted(200))
        assert the_delivery().state == "delivered"
    assert len(down.sent) == policy.HOLD_FROM


def test_being_spared_counts_no_attempt_and_ends_within_the_day(bank):
    endpoint, _ = an_endpoint()
    something_happens()
    with atomic():
        EndpointHealth.objects.filter(pk=endpoint.pk).update(failures=9, failing_since=NOW, held_until=after(hours=100))
    sender, now = Scripted(200), NOW
    while the_delivery().state == "pending":
        work(now, sender=sender)
        now += timedelta(hours=1)
    delivery = the_delivery()
    assert sender.sent == [] and delivery.attempt == 0
    assert delivery.state == "abandoned" and delivery.last_error == "expired"
    assert delivery.finished_at <= after(hours=25)


def test_a_slow_endpoint_has_at_most_six_attempts_under_way(bank):
    an_endpoint()
    for _ in range(9):
        something_happens()
    jobs = due()
    claims = [outbox.claim(job_id=job, worker="test", now=NOW) for job in jobs[:7]]
    sent = []

    class Slow(Scripted):
        def send(self, url, **request):
            sent.append(url)
            if len(sent) < len(claims):
                start(len(sent))  # the next worker begins while this one waits for its answer
            return super().send(url, **request)

    def start(position):
        claim = claims[position]
        services.deliver(delivery_id=claim.job.subject_id, claim=claim, now=NOW, sender=Slow(200))

    start(0)
    assert len(sent) == policy.MAX_IN_FLIGHT == [d.state for d in deliveries()].count("delivered")
    work(after(seconds=10), sender=Scripted(200))
    assert {d.state for d in deliveries()} == {"delivered"}


def test_an_endpoint_that_fails_for_three_days_is_disabled_and_the_others_hear_of_it(bank):
    bad, _ = an_endpoint("https://bad.example/")
    other, _ = an_endpoint("https://other.example/", event_types=["webhook_endpoint.*"])
    down, now = Scripted("connect"), NOW
    while now < after(hours=71):
        something_happens(now=now)
        work(now, sender=down)
        now += timedelta(hours=4)
    assert state(bad) == ("enabled", None)
    something_happens(now=after(hours=73))
    work(after(hours=73), sender=down)
    assert state(bad) == ("disabled", "failing")
    assert {d.state for d in deliveries(endpoint_id=bad.pk)} == {"abandoned"}
    (notice,) = deliveries(endpoint_id=other.pk)
    assert notice.event.type == "webhook_endpoint.disabled" and notice.event.object_id == bad.pk


def state(endpoint) -> tuple[str, str | None]:
    with atomic():
        row = Endpoint.objects.get(pk=endpoint.pk)
    return row.state, row.disabled_reason


def test_one_success_resets_the_three_days(bank):
    endpoint, _ = an_endpoint()
    for hour, answer in [(h, 500) for h in range(0, 71, 5)] + [(71, 200), (73, 500)]:
        something_happens(now=after(hours=hour))
        work(after(hours=hour), sender=Scripted(answer))
    assert state(endpoint) == ("enabled", None)


def test_410_gone_disables_at_once(bank):
    endpoint, _ = an_endpoint()
    something_happens()
    work(sender=Scripted(410))
    assert state(endpoint) == ("disabled", "gone")
    assert the_delivery().state == "abandoned"


def test_failures_are_no_audit_events(bank):
    from django.db import connection

    an_endpoint()
    count = "select count(*) from audit_event where object_type = 'webhooks_endpoint'"
    with atomic(), connection.cursor() as cursor:
        cursor.execute(count)
        before = cursor.fetchone()
    something_happens()
    work(sender=Scripted(500))
    with atomic(), connection.cursor() as cursor:
        cursor.execute(count)
        assert cursor.fetchone() == before == (1,)


# --- a person's acts ------------------------------------------------------------------------------


def test_a_delivered_event_can_be_sent_again_as_a_delivery_of_its_own(bank):
    an_endpoint()
    something_happens()
    sender = Scripted(200)
    work(sender=sender)
    again = services.resend(delivery_id=the_delivery().pk, now=NOW)
    work(sender=sender)
    second = deliveries()[1]
    assert second.pk == again.pk and second.manual and second.state == "delivered"
    assert sender.sent[0][2]["Vouch-Event-Id"] == sender.sent[1][2]["Vouch-Event-Id"]
    assert sender.sent[0][1] == sender.sent[1][1]


def test_a_resend_does_not_wait_for_the_objects_other_events_nor_they_for_it(bank):
    an_endpoint()
    something_happens("vrf_a")
    work(sender=Scripted(200))
    old = the_delivery()
    something_happens("vrf_a", status="reopened")
    work(sender=Scripted(500))
    again = services.resend(delivery_id=old.pk, now=NOW)
    sender = Scripted(500)
    work(sender=sender)
    assert bodies(sender) == [("vrf_a", 1)]
    work(after(seconds=11), sender=Scripted(200))
    assert {d.state for d in deliveries(manual=False)} == {"delivered"}
    assert [d.pk for d in deliveries(manual=True)] == [again.pk]


def test_a_failed_delivery_is_tried_at_once_when_asked(bank):
    an_endpoint()
    something_happens()
    work(sender=Scripted(500))
    services.resend(delivery_id=the_delivery().pk, now=after(seconds=1))
    work(after(seconds=1), sender=Scripted(200))
    assert the_delivery().state == "delivered" and the_delivery().attempt == 2
    assert due(after(days=2)) == []


def test_what_is_under_way_is_not_sent_again(bank):
    an_endpoint()
    something_happens()
    with pytest.raises(DeliveryUnderWay):
        services.resend(delivery_id=the_delivery().pk, now=NOW)


def test_a_disabled_endpoint_is_sent_nothing_and_recovers_what_it_missed_when_asked(bank):
    endpoint, _ = an_endpoint()
    something_happens("vrf_a")
    something_happens("vrf_b")
    services.disable_endpoint(endpoint_id=endpoint.pk, reason="requested", now=NOW)
    sender = Scripted(200)
    work(sender=sender)
    assert sender.sent == [] and {d.state for d in deliveries()} == {"abandoned"}
    for act in (
        lambda: services.resend(delivery_id=deliveries()[0].pk, now=NOW),
        lambda: services.ping(endpoint_id=endpoint.pk, now=NOW),
        lambda: services.recover(endpoint_id=endpoint.pk, since=NOW, now=NOW),
    ):
        with pytest.raises(EndpointDisabled):
            act()
    services.enable_endpoint(endpoint_id=endpoint.pk)
    assert len(services.recover(endpoint_id=endpoint.pk, since=NOW, now=NOW)) == 2
    assert services.recover(endpoint_id=endpoint.pk, since=NOW, now=NOW) == []  # already on their way
    work(sender=sender)
    assert bodies(sender) == [("vrf_a", 1), ("vrf_b", 1)]


def test_a_delivery_that_slipped_past_the_disabling_is_given_up_when_it_is_due(bank):
    endpoint, _ = an_endpoint()
    something_happens()
    with atomic():
        Endpoint.objects.filter(pk=endpoint.pk).update(state="disabled", disabled_reason="requested")
    sender = Scripted(200)
    work(sender=sender)
    assert sender.sent == [] and the_delivery().last_error == "endpoint_disabled"


def test_a_ping_goes_to_this_endpoint_whatever_it_subscribed_to(bank):
    endpoint, _ = an_endpoint(event_types=["applicant.erased"])
    an_endpoint("https://other.example/")
    services.ping(endpoint_id=endpoint.pk, now=NOW)
    sender = Scripted(200)
    work(sender=sender)
    ((url, body, _),) = sender.sent
    assert url == endpoint.url and json.loads(body)["type"] == "webhook_endpoint.ping"


# --- secrets ---------------------------------------------------------------------------------------


def test_during_a_rotation_both_secrets_sign_and_afterwards_only_the_new_one(bank):
    endpoint, old = an_endpoint()
    new = services.rotate_secret(endpoint_id=endpoint.pk, now=NOW).secret
    sender = Scripted(200)
    something_happens()
    work(sender=sender)
    something_happens(now=after(hours=24))
    work(after(hours=24), sender=sender)
    (_, body, during), (_, late_body, afterwards) = sender.sent
    assert during["Vouch-Signature"].count("v1=") == 2
    for secret in (old, new):
        verify(body, during["Vouch-Signature"], secret, now=NOW.timestamp())
    assert afterwards["Vouch-Signature"].count("v1=") == 1
    verify(late_body, afterwards["Vouch-Signature"], new, now=after(hours=24).timestamp())


def test_secrets_are_sealed_in_the_database_and_gone_with_the_endpoint(bank):
    endpoint, secret = an_endpoint()
    with atomic():
        assert secret.encode() not in bytes(Endpoint.objects.get(pk=endpoint.pk).secret)
    services.delete_endpoint(endpoint_id=endpoint.pk, now=NOW)
    with atomic():
        assert Endpoint.objects.get(pk=endpoint.pk).secret is None


def test_a_key_service_that_is_away_costs_neither_an_attempt_nor_the_endpoints_health(bank, monkeypatch):
    from kyc.vault import services as vault
    from kyc.vault.errors import KekUnavailable

    endpoint, _ = an_endpoint()
    something_happens()

    def away(*_args, **_kwargs):
        raise KekUnavailable()

    sender = Scripted(200)
    with monkeypatch.context() as patched:
        patched.setattr(vault, "_unwrapped", away)
        work(sender=sender)
    assert sender.sent == [] and the_delivery().attempt == 0
    assert health(endpoint).failures == 0
    work(after(minutes=2), sender=sender)
    assert the_delivery().state == "delivered" and sender.sent[0][2]["Vouch-Attempt"] == "1"


# --- the rest --------------------------------------------------------------------------------------


def test_every_state_but_the_last_two_leads_somewhere():
    assert {state for state, moves in MOVES.items() if not moves} == {"delivered", "abandoned"}
    assert {to for moves in MOVES.values() for to in moves} <= set(MOVES)


def test_the_lag_is_the_age_of_the_longest_waiting_delivery(bank):
    an_endpoint()
    with atomic():
        assert queries.oldest_due(now=NOW) is None
    something_happens()
    with atomic():
        assert queries.oldest_due(now=after(minutes=1)) == NOW


@pytest.mark.usefixtures("committed_db")
def test_after_a_quarantine_the_next_delivery_of_the_object_belongs_to_its_tenant(committed_db):
    with a_bank() as tenant:
        an_endpoint()
        first = something_happens()
        something_happens(first.object_id)
        (job_id,) = due()
        with acting_as_system("relay"):
            claim = outbox.claim(job_id=job_id, worker="w", now=NOW)
            outbox.fail(claim, reason="it broke", retryable=False, now=NOW)
            with atomic():
                (waiting,) = Job.objects.filter(kind="deliver", state="pending", tenant_id=tenant.pk)
                assert not Job.objects.filter(kind="deliver", tenant_id=None).exists()
                assert Delivery.objects.get(pk=waiting.subject_id).sequence == 2
