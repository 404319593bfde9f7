"""Plots as inline SVG: one quiet style, text left as text so that pages stay small and searchable."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

INK, MUTED, GRID = "#1f2933", "#7b8794", "#e4e7eb"
BLUE, RED, GREEN, AMBER, VIOLET, TEAL = "#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#0e7490"
CYCLE = (BLUE, AMBER, GREEN, VIOLET, RED, TEAL, "#db2777", "#4d7c0f", "#475569", "#a16207")
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "vouch",  # the same numbers give the same bytes
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "legend.fontsize": 9,
}


@contextmanager
def drawing(width: float = 7.2, height: float = 4.2) -> Iterator[tuple[Axes, list[str]]]:
    """Yields the axes and a list that holds the SVG text once the block has ended. Inches."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        out: list[str] = []
        yield figure.add_subplot(), out
        out.append(_svg(figure))


def det(
    curves: Sequence[tuple[str, NDArray[np.float64], NDArray[np.float64]]],
    *,
    band: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]] | None = None,
    floor: float | None = None,
    points: Sequence[tuple[float, float]] = (),
) -> str:
    """Detection error trade-off: (name, fmr, fnmr) each, both axes logarithmic.

    `band` is (fmr, low, high) of the first curve; left of `floor` the data says nothing.
    """
    with drawing(7.2, 4.6) as (axes, out):
        axes.set(xscale="log", yscale="log", xlabel="False match rate (FMR)", ylabel="False non-match rate (FNMR)")
        for (name, fmr, fnmr), colour in zip(curves, CYCLE, strict=False):
            seen = (fmr > 0) & (fnmr > 0)
            axes.plot(fmr[seen], fnmr[seen], color=colour, linewidth=2, label=name)
        if band:
            low = np.maximum(band[1], 1e-6)
            axes.fill_between(
                band[0],
                low,
                np.maximum(band[2], low),
                color=CYCLE[0],
                alpha=0.15,
                linewidth=0,
                label="95 % interval over people",
            )
        for x, y in points:
            axes.plot([x], [y], "o", color=INK, markersize=4)
        left = (floor or 1e-6) / 3
        if floor:
            axes.axvspan(left, floor, color=GRID, alpha=0.8, linewidth=0)
            axes.text(
                floor / 1.3,
                0.03,
                "not supported by this data",
                transform=axes.get_xaxis_transform(),
                ha="right",
                va="bottom",
                rotation=90,
                fontsize=8,
                color=MUTED,
            )
        lowest = min((float(y[y > 0].min()) for _, _, y in curves if (y > 0).any()), default=1e-3)
        axes.set_xlim(left, 1)
        axes.set_ylim(max(lowest / 1.5, 1e-5), 1)
        axes.legend(loc="upper right")
    return out[0]


def scores(
    genuine: NDArray[np.float32],
    impostor_histogram: NDArray[np.int64],
    *,
    thresholds: Sequence[tuple[str, float]],
    bins: int = 90,
) -> str:
    """Genuine and impostor densities over the cosine, and where the operating points lie."""
    centres = (np.arange(len(impostor_histogram)) + 0.5) * 2 / len(impostor_histogram) - 1
    total = np.cumsum(impostor_histogram) / impostor_histogram.sum()
    lowest = min(float(centres[np.searchsorted(total, 1e-5)]), float(genuine.min()))
    edges = np.linspace(lowest - 0.01, 1.0, bins + 1)
    impostor, _ = np.histogram(centres, edges, weights=impostor_histogram, density=True)
    matching, _ = np.histogram(genuine, edges, density=True)
    middle = (edges[:-1] + edges[1:]) / 2
    with drawing() as (axes, out):
        for density, colour, name in ((impostor, RED, "Impostor"), (matching, BLUE, "Genuine")):
            axes.fill_between(middle, density, color=colour, alpha=0.2, linewidth=0, step="mid")
            axes.step(middle, density, where="mid", color=colour, linewidth=1.5, label=name)
        for name, at in thresholds:
            axes.axvline(at, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
            axes.text(
                at, 1.01, name, transform=axes.get_xaxis_transform(), fontsize=8, ha="left", va="bottom", rotation=40
            )
        axes.set(xlabel="Cosine similarity", ylabel="Density", xlim=(edges[0], 1.0))
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper left")
    return out[0]


def discard(
    curves: Sequence[tuple[str, NDArray[np.float64], NDArray[np.float64], float]], *, threshold_name: str
) -> str:
    """Error versus discard: (measure, share discarded, FNMR, gain) each."""
    with drawing(7.2, 4.6) as (axes, out):
        for (name, share, fnmr, gain), colour in zip(curves, CYCLE, strict=False):
            axes.plot(share * 100, fnmr * 100, color=colour, linewidth=1.8, label=f"{name} ({gain:+.0%})")
        axes.set(
            xlabel="Genuine comparisons discarded, poorest first (%)",
            ylabel=f"FNMR of the rest (%) at {threshold_name}",
            xlim=(0, 50),
        )
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1), title="gain of perfect")
    return out[0]


def intervals(
    rows: Sequence[tuple[str, float, float, float]], *, label: str, limit: float | None = None, limit_name: str = ""
) -> str:
    """Rates with their intervals as horizontal bars: (name, rate, low, high), all 0..1."""
    with drawing(7.2, 0.9 + 0.42 * len(rows)) as (axes, out):
        for i, (_, rate, low, high) in enumerate(reversed(rows)):
            axes.plot([low * 100, high * 100], [i, i], color=BLUE, linewidth=6, alpha=0.25, solid_capstyle="butt")
            axes.plot([rate * 100], [i], "o", color=BLUE, markersize=6)
        axes.set_yticks(range(len(rows)), [row[0] for row in reversed(rows)])
        axes.set_ylim(-0.6, len(rows) - 0.4)
        axes.set_xlabel(label)
        axes.set_xlim(left=min(0.0, *(row[2] * 100 for row in rows)) - 0.5)
        if limit is not None:
            axes.axvline(limit * 100, color=RED, linewidth=1, linestyle=(0, (4, 3)))
            axes.text(limit * 100, len(rows) - 0.45, f" {limit_name}", fontsize=8, color=RED, va="top")
    return out[0]


def strips(groups: Sequence[tuple[str, Sequence[float]]], *, threshold: float, label: str) -> str:
    """Every single score of small groups, one row each, with the decision threshold."""
    with drawing(7.2, 0.9 + 0.5 * len(groups)) as (axes, out):
        for i, (name, values) in enumerate(reversed(groups)):
            colour = GREEN if name == "bona fide" else RED
            axes.plot(values, [i] * len(values), "o", color=colour, alpha=0.55, markersize=8, markeredgewidth=0)
        axes.set_yticks(range(len(groups)), [name for name, _ in reversed(groups)])
        axes.axvline(threshold, color=INK, linewidth=1, linestyle=(0, (4, 3)))
        axes.set(xlabel=label, xlim=(-0.03, 1.03), ylim=(-0.6, len(groups) - 0.4))
    return out[0]


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
    text = buffer.getvalue()
    return text[text.index("<svg") :]
