"""A report to JSON, to a page, and to the model card."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

from ml.evaluate.card import update_card
from ml.evaluate.page import write_page
from ml.evaluate.report import Report, Table, write_json

NAMES = {"json": "report.json", "page": "report.html"}


def publish(report: Report, directory: Path, *, card: Path | None, head: str = "") -> None:
    """`card` None: the model card is left alone."""
    directory.mkdir(parents=True, exist_ok=True)
    write_json(report, directory / NAMES["json"])
    write_page(report, directory / NAMES["page"])
    if card is not None:
        update_card(report, card, head=head)


def show(report: Report, directory: Path, console: Console, *, card: Path | None) -> None:
    console.print(f"\n[bold]{report.title}[/bold]")
    console.print(_rich(Table(("", "", ""), tuple((h.label, h.value, h.note) for h in report.headlines)), heads=False))
    for section in report.sections:
        if section.table:
            console.print(f"\n[bold]{section.title}[/bold]")
            console.print(_rich(section.table))
    for line in report.limits:
        console.print(f"[yellow]not shown:[/yellow] {line}", highlight=False)
    console.print(f"\n{directory / NAMES['page']}\n{directory / NAMES['json']}", highlight=False, soft_wrap=True)
    if card is not None:
        console.print(str(card), highlight=False, soft_wrap=True)


def _rich(content: Table, *, heads: bool = True) -> RichTable:
    table = RichTable(*content.columns, show_header=heads, box=None, pad_edge=False)
    for row in content.rows:
        table.add_row(*row)
    return table
