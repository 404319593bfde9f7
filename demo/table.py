"""The table at the end of `make demo`, for a person."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from demo.examiner import Examined
from demo.story import Scene

COLOURS = {"approved": "green", "declined": "red", "in_review": "yellow", "resubmission_requested": "yellow"}


def show(console: Console, scenes: list[Scene], examined: Examined) -> None:
    table = Table(title="What Vouch decided", show_lines=True)
    for heading in ("Who", "Checked", "Score", "What the score means", "Decision", "Why", "ms"):
        table.add_column(heading, justify="right" if heading in ("Score", "ms") else "left", overflow="fold")
    for scene in scenes:
        case, check = scene.case, deciding(scene.case)
        colour = COLOURS.get(case["state"], "white")
        table.add_row(
            f"[bold]{scene.who}[/bold]\n{scene.title}",
            checked(case),
            "" if check is None or check["score"] is None else f"{check['score']:.3f}",
            meaning(check),
            f"[{colour}]{case['state'].replace('_', ' ')}[/{colour}]",
            "\n".join(f"{r['code']}: {r['applicant_message']}" for r in case["reasons"]),
            f"{scene.milliseconds:.0f}",
        )
    console.print(table)
    for sentence in examined.sentences:
        console.print(f"  {sentence}")


def deciding(case: dict) -> dict | None:
    """The comparison the decision rests on: match, or the best duplicate."""
    scored = [c for c in case["checks"] if c["name"] in ("match", "duplicates") and c["score"] is not None]
    return scored[0] if scored else None


def checked(case: dict) -> str:
    marks = {
        "pass": "[green]✓[/green]",
        "fail": "[red]✗[/red]",
        "inconclusive": "[yellow]?[/yellow]",
        "skipped": "[dim]–[/dim]",
    }
    return "\n".join(f"{marks[c['result']]} {c['name']}" for c in case["checks"])


def meaning(check: dict | None) -> str:
    if check is None or check["fmr"] is None:
        return ""
    one_in = round(1 / check["fmr"])
    if one_in < 2:
        return "more than one stranger in two scores this high"
    return f"at most one stranger in {one_in:,} scores this high (asked: one in {asked(check):,})"


def asked(check: dict) -> int:
    """The policy's FMR out of a threshold id such as match.fmr=0.001@mdl_..."""
    return round(1 / float(check["threshold_id"].partition("=")[2].partition("@")[0]))
