"""The report as one HTML file: nothing is loaded from elsewhere, it can be mailed and archived."""

from __future__ import annotations

import base64
from importlib.resources import files
from pathlib import Path

import jinja2
from markupsafe import Markup

from ml.evaluate.report import Report


def write_page(report: Report, path: Path) -> None:
    path.write_text(render(report))


def render(report: Report) -> str:
    environment = jinja2.Environment(
        autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined
    )
    environment.filters["inline"] = _inline
    environment.filters["svg"] = Markup  # made by ml.evaluate.plots from numbers and our own labels
    template = files("ml.evaluate").joinpath("page.html").read_text()
    return environment.from_string(template).render(report=report)


def _inline(jpeg: bytes) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
