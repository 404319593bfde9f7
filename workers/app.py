"""The Celery application. Every setting with its reason; PostgreSQL holds the truth, the broker only wakes."""

from __future__ import annotations

import os

from celery import Celery
from kombu import Queue

BROKER_URL = os.environ.get("BROKER_URL", "redis://localhost:6379/0")

# Without Celery's Django fixup, which closes every database connection before and after each task: a new backend
# process per job. workers.claims keeps them, as the web does (CONN_MAX_AGE, health checks).
app = Celery("vouch", broker=BROKER_URL, fixups=[])
app.conf.update(
    include=["workers.tasks"],
    task_queues=[Queue("gpu"), Queue("io")],
    task_default_queue="io",
    task_ignore_result=True,  # results are rows; a result backend would be a second truth, and it leaks
    task_acks_late=True,  # a message survives the worker that held it
    task_reject_on_worker_lost=False,  # redelivery has no cap in Celery; the lease and attempt counter do
    # After a lost connection Celery fetches less and restores that as tasks end; a worker can stay at the reduced
    # count (celery#9512). Our claims make fetching twice harmless, so there is nothing to be careful about.
    worker_enable_prefetch_count_reduction=False,
    worker_prefetch_multiplier=1,  # what waits behind a slow job in one process starves in another
    task_serializer="json",
    accept_content=["json"],  # never pickle
    task_store_errors_even_if_ignored=False,
    task_publish_retry=False,  # the relay tries again from PostgreSQL; hanging in a client helps nobody
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,  # a worker outlives the broker's restart, however long
    broker_channel_error_retry=True,  # else a worker can be alive and consume nothing (celery#10205)
    worker_cancel_long_running_tasks_on_connection_loss=False,  # the lease decides who may write, not the broker
    worker_send_task_events=False,
    worker_enable_remote_control=False,  # no pidbox queues, and no way in
    worker_redirect_stdouts=False,  # faulthandler, the engine's last witness, writes to a real file descriptor
    worker_hijack_root_logger=False,  # one JSON logger for all processes
    broker_transport_options={
        # One value, longer than any lease: expired jobs come back through PostgreSQL, not through the broker.
        "visibility_timeout": int(os.environ.get("VOUCH_VISIBILITY_TIMEOUT", "3600")),
        "socket_timeout": 10,  # kombu's default is to wait for ever on a dead broker
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 10,
        "retry_on_timeout": True,
    },
)
