"""JSON, page and model card of a real verification of made-up people."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from ml.evaluate import verification_report
from ml.evaluate.card import update_card
from ml.evaluate.comparisons import all_pairs
from ml.evaluate.page import render
from ml.evaluate.report import Headline, Report, small, write_json
from ml.evaluate.verification import measured
from tests.ml.evaluate.world import enrolment


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces")
    found = enrolment(80, images=3, noise=0.9)
    for name in found.gallery.names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"\xff\xd8 no real photograph")
    found = replace(found, gallery=replace(found.gallery, source=folder))
    result = measured(
        all_pairs(found.embeddings, found.gallery.label), found, pairs=None, groups={}, seed=1, replicates=50
    )
    return verification_report.report(
        result,
        found,
        title="Made-up people <b>",
        subject="pack",
        about=(("seed", "1"), ("command", "python -m ml evaluate")),
    )


def test_the_page_loads_nothing_from_elsewhere(report):
    page = render(report)
    assert not re.search(r'(src|href)="(?!data:|#)', page)
    assert "@import" not in page and "url(http" not in page


def test_what_people_wrote_is_escaped(report):
    assert "<b>" not in re.sub(r"<figcaption>.*?</figcaption>", "", render(report), flags=re.DOTALL)
    assert "Made-up people &lt;b&gt;" in render(report)


def test_the_json_has_every_operating_point_and_no_nan(report, tmp_path):
    write_json(report, tmp_path / "report.json")
    body = json.loads((tmp_path / "report.json").read_text(), parse_constant=lambda name: pytest.fail(name))
    assert [point["target"] for point in body["result"]["points"]] == [1e-2, 1e-3, 1e-4, 1e-5, 1e-6]


def test_an_fmr_beyond_the_data_is_not_stated(report, tmp_path):
    point = next(p for p in report.result["points"] if p.target == 1e-6)
    assert point.fnmr is None
    assert "cannot be stated" in point.refusal
    assert any("1e-06" in line for line in report.limits)


def test_the_same_seed_makes_the_same_report(report):
    assert render(report) == render(report)


def test_the_card_keeps_what_people_wrote_between_the_sections(report, tmp_path):
    card = tmp_path / "pack.md"
    update_card(report, card, head="# Model card: pack")
    card.write_text(card.read_text() + "\n## Known trouble\n\nFails on twins.\n")
    again = Report(
        kind="verification",
        title="Second run",
        subject="pack",
        about=(),
        sections=(),
        limits=(),
        headlines=(Headline("EER", "1 %"),),
    )
    update_card(again, card, head="# Model card: pack")
    text = card.read_text()
    assert "Fails on twins." in text
    assert "Second run" in text and "Made-up people" not in text
    assert text.count("# Model card: pack") == 1


def test_sections_stand_in_one_order_whatever_ran_first(tmp_path):
    card = tmp_path / "pack.md"
    for kind in ("liveness", "verification", "quality"):
        run = Report(kind=kind, title=f"about {kind}", subject="p", about=(), headlines=(), sections=(), limits=())
        update_card(run, card, head="# Head")
    text = card.read_text()
    assert [text.index(f"about {kind}") for kind in ("verification", "quality", "liveness")] == sorted(
        text.index(f"about {kind}") for kind in ("verification", "quality", "liveness")
    )
    assert text.startswith("<!-- about")
    assert text.count("# Head") == 1


def test_the_card_carries_no_photograph(report, tmp_path):
    update_card(report, tmp_path / "pack.md", head="# x")
    assert "data:image" not in (tmp_path / "pack.md").read_text()


@pytest.mark.parametrize(("rate", "words"), [(1e-4, "1e-4"), (3e-4, "3e-4"), (1.24e-5, "1.2e-5"), (0.0, "0")])
def test_small_rates_are_written_as_people_write_them(rate, words):
    assert small(rate) == words
