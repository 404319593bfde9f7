"""Celery with the same broker, pool and settings, and nothing else: no row, no lease, no second chance."""

from celery import Celery

from workers.app import app as ours

app = Celery("alone", broker=ours.conf.broker_url, fixups=[])
app.conf.update({name: ours.conf[name] for name in (
    "task_ignore_result", "task_acks_late", "worker_prefetch_multiplier", "task_publish_retry",
    "worker_send_task_events", "worker_enable_remote_control", "broker_transport_options",
)})  # fmt: skip
app.conf.task_default_queue = "alone"


@app.task(name="alone.nothing", shared=False)
def nothing(job_id: str) -> None:
    pass
