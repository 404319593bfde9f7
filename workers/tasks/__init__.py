"""Tasks are adapters: a few lines that call one service. Extra arguments of newer producers are ignored."""

from workers.app import app
from workers.claims import run


def _task(kind: str, module: str):
    """`workers.<kind>` runs `module.work(claim)`. Imported late: an io worker never loads the engine."""

    @app.task(name=f"workers.{kind}", shared=False)
    def task(job_id: str, *_, **__) -> None:
        from importlib import import_module

        run(job_id, import_module(module).work)

    return task


TASKS = {
    kind: _task(kind, f"workers.tasks.{kind}")
    for kind in ("verify", "verify_scripted", "deliver", "detect", "liveness", "embed", "compare", "search", "canary")
}
