"""Health that means something: the canary's way, and what each figure says when it goes wrong."""

from datetime import timedelta

import pytest
from django.test import Client

from kyc.core import clock
from kyc.core.scope import Scope, acting, acting_as_system
from kyc.operations import queries, services
from kyc.operations.health import LIMITS, findings
from kyc.outbox import services as outbox
from tests.outbox.test_jobs import a_job, claimed, fail
from tests.support.worlds import a_bank


def bad(figures) -> set[str]:
    return {f.limit.figure for f in findings(figures) if not f.well}


def figures() -> dict:
    with acting(Scope(None, "test")):
        return queries.figures()


def test_every_limit_says_what_to_do():
    assert all(limit.advice and limit.says for limit in LIMITS)


def test_every_limit_but_the_disks_has_a_figure_behind_it(fresh_db):
    assert {limit.figure for limit in LIMITS} - {"disk_used"} <= set(figures())


def test_an_idle_deployment_is_well(fresh_db):
    assert bad(figures()) == set()


def test_a_canary_that_does_not_return_is_noticed(fresh_db):
    with acting(Scope(None, "test")):
        services.send(now=clock.now() - timedelta(minutes=5))
    assert bad(figures()) >= {"canary_age_gpu", "canary_age_io", "oldest_pending_gpu", "unpublished_age"}


def test_a_canary_that_returned_is_proof(fresh_db):
    with acting(Scope(None, "test")):
        sent = services.send(now=clock.now() - timedelta(minutes=5))
    assert len(sent) == 2
    with acting_as_system("test"):
        from kyc.outbox.models import Job

        for id_ in sent:
            job = Job.objects.get(subject_id=id_)
            claim = outbox.claim(job_id=job.pk, worker="w", now=clock.now())
            services.returned(claim=claim, worker="w", now=clock.now())
    assert bad(figures()) == set()


def test_canaries_do_not_pile_up_before_a_chain_that_stands_still(fresh_db):
    with acting(Scope(None, "test")):
        assert len(services.send(now=clock.now())) == 2
        assert services.send(now=clock.now()) == []


def test_quarantine_and_expired_leases_are_counted(fresh_db):
    world = a_bank()
    fail(claimed(a_job(world)), retryable=False)
    claimed(a_job(world), clock.now() - timedelta(minutes=5))
    found = figures()
    assert found["quarantined"] == 1
    assert found["expired_leases"] in (0, 1)


@pytest.mark.parametrize("path", ["/metrics", "/health/detail"])
def test_figures_are_for_who_holds_the_token(committed_db, settings, path):
    settings.OPERATIONS_TOKEN = "a-token"
    assert Client().get(path).status_code == 401
    assert Client(headers={"Authorization": "Bearer wrong"}).get(path).status_code == 401
    assert Client(headers={"Authorization": "Bearer a-token"}).get(path).status_code in (200, 503)
    settings.OPERATIONS_TOKEN = ""
    assert Client(headers={"Authorization": "Bearer "}).get(path).status_code == 401


def test_metrics_are_what_prometheus_reads(committed_db, settings):
    settings.OPERATIONS_TOKEN = "a-token"
    text = Client(headers={"Authorization": "Bearer a-token"}).get("/metrics").content.decode()
    assert "\nvouch_quarantined " in text and "# HELP vouch_open_gpu" in text


def test_live_and_ready_ask_for_nothing(committed_db):
    assert Client().get("/health/live").json() == {"status": "live"}
    assert Client().get("/health/ready").json() == {"status": "ready"}
