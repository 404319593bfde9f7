"""`make demo` tells the story and ends; `make run` (`python -m demo run`) keeps the same servers up."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "sdk"))  # the client is its own distribution; from a clone it need not be installed

from vouch_client import Vouch  # noqa: E402

from demo import examiner, report, table  # noqa: E402
from demo.receiver import Receiver  # noqa: E402
from demo.story import Bank, Scene, scenes  # noqa: E402
from kyc.localstack import StackError  # noqa: E402
from kyc.localstack.service import Service  # noqa: E402

HOME = Path(os.environ.get("VOUCH_HOME") or ROOT / "var")
OUT = HOME / "demo"


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    console = Console(width=None if sys.stdout.isatty() else 132)  # a log has no width of its own
    try:
        return keep_up(console) if sys.argv[1:] == ["run"] else tell(console)
    except StackError as e:
        console.print(f"[red]The servers could not be started.[/red] {e}")
        console.print(f"Logs: {HOME / 'log'}. `make stop` ends what was left running; then try again.")
        return 1


def tell(console: Console) -> int:
    began = time.perf_counter()
    told: list[Scene] = []
    with progress(console) as bar:
        task = bar.add_task("starting", total=12)

        def say(what: str) -> None:
            bar.update(task, description=what, advance=0.5)

        with Service(HOME, say=say) as service, Receiver() as receiver:
            keys = provision(service, f"Demo Bank {int(time.time())}")
            with Vouch(service.url, key=keys["live"]["key"]) as vouch:
                bank = Bank(vouch, receiver, run="demo")
                for scene in scenes(bank):
                    told.append(scene())
                    bar.update(task, description=told[-1].title, advance=1)
                bar.update(task, description="an examiner checks the audit log", advance=1)
                examined = examiner.examine(service, keys["live"]["tenant"], OUT)
                calibration = next((m for m in vouch.models.list() if m["role"] == "recogniser"), None)
                page = report.write(told, examined, calibration, OUT / "report.html", vouch)
            say("stopping")
        bar.update(task, completed=12, description="done")
    table.show(console, told, examined)
    console.print(f"\nReport: [bold]{page}[/bold]   ({time.perf_counter() - began:.0f} s in all)")
    surprises = [s.title for s in told if not s.as_expected] + ([] if examined.as_expected else ["audit"])
    if surprises:
        console.print(f"[red]Not as expected:[/red] {'; '.join(surprises)}")
    return bool(surprises)


def keep_up(console: Console) -> int:
    with progress(console) as bar:
        task = bar.add_task("starting", total=6)
        service = Service(HOME, port=int(os.environ.get("PORT", "8000")),
                          say=lambda what: bar.update(task, description=what, advance=1))  # fmt: skip
        service.start()
        bar.update(task, completed=6, description="up")
    try:
        keys = remembered_keys(service)
        reviewer = keys["reviewer"]
        console.print(f"""
  API         {service.url}/v1        docs {service.url}/v1/docs
  Portal      {service.url}/portal/    {reviewer["user"]}, password [bold]{reviewer["password"]}[/bold]
  Sandbox key [bold]{keys["sandbox"]["key"]}[/bold]
  Live key    [bold]{keys["live"]["key"]}[/bold]
  Logs        {HOME / "log"}
  Ctrl-C stops everything.""")
        while not (ended := [n for n, p in service.running.items() if p.poll() is not None]):
            time.sleep(0.5)
        console.print(f"[red]{ended[0]} ended.[/red]\n{service.tail(ended[0])}")
        return 1
    except KeyboardInterrupt:
        console.print("stopping")
        return 0
    finally:
        service.stop()


def provision(service: Service, name: str) -> dict:
    return json.loads(service.manage("provision", name, "--json"))


def remembered_keys(service: Service) -> dict:
    """The developer's bank is made once; its keys are kept in the state directory, readable by its owner only."""
    path = HOME / "developer-keys.json"
    if not path.exists():
        made = json.loads(service.manage("provision", "Developer Bank", "--json"))
        made["reviewer"] = json.loads(service.manage("member", made["live"]["tenant"], "reviewer"))
        path.touch(mode=0o600)
        path.write_text(json.dumps(made))
    return json.loads(path.read_text())


def progress(console: Console) -> Progress:
    columns = (SpinnerColumn(), TextColumn("{task.description:<52}"), BarColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


if __name__ == "__main__":
    sys.exit(main())
