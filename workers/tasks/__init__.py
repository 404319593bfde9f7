"""Tasks are adapters: a few lines that call one service. Extra arguments of newer producers are ignored."""

from importlib import import_module

from workers.app import app
from workers.claims import run

MODULES = {
    "verify": "verify",
    "verify_scripted": "verify_scripted",
    "deliver": "deliver",
    "detect": "single",
    "liveness": "single",
    "embed": "single",
    "compare": "single",
    "search": "single",
    "canary": "canary",
    "nothing": "nothing",
    "observe_chunk": "observe_chunk",
    "judge_attempt": "judge_attempt",
}


def _task(kind: str, module: str):
    """`workers.<kind>` runs `work(claim)` of its module, imported late: an io worker never loads the engine."""

    @app.task(name=f"workers.{kind}", shared=False)
    def task(job_id: str, *_, **__) -> None:
        run(job_id, import_module(f"workers.tasks.{module}").work)

    return task


TASKS = {kind: _task(kind, module) for kind, module in MODULES.items()}
