from __future__ import annotations

import numpy as np
import pytest

from ml.errors import PackError
from ml.liveness import fusion
from ml.types import ModelRef, PadScore

GOOD, NOISE = (ModelRef("pad", name, "1", sha) for name, sha in (("good", "a" * 64), ("noise", "b" * 64)))


def scores(good: float, noise: float) -> tuple[PadScore, ...]:
    return PadScore(GOOD, good), PadScore(NOISE, noise)


def a_rule(seed: int = 0) -> fusion.Fusion:
    """Fitted on one model that knows something and one that guesses."""
    rng = np.random.default_rng(seed)
    labels = [bool(n % 2) for n in range(400)]
    squash = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731
    rows = [scores(squash(rng.normal(1.5 if live else -1.5, 1.5)), squash(rng.normal(0, 3))) for live in labels]
    return fusion.fit(rows, labels)


def test_no_scores_fuse_to_nothing():
    assert fusion.fuse(()) is None


def test_without_a_rule_it_is_the_mean():
    assert fusion.fuse(scores(0.9, 0.2)) == pytest.approx(0.55)


def test_a_fitted_rule_listens_to_the_model_that_knows():
    rule = a_rule()
    assert rule.weights[GOOD.sha256] > 5 * abs(rule.weights[NOISE.sha256])
    assert fusion.fuse(scores(0.9, 0.1), rule) > 0.5 > fusion.fuse(scores(0.1, 0.9), rule)


def test_a_fitted_rule_is_calibrated():
    """Among pictures given 0.8, about 80 % are bona fide: its training distribution has logit 4/3 * z."""
    assert a_rule().weights[GOOD.sha256] == pytest.approx(4 / 3, rel=0.35)


def test_a_rule_for_other_models_is_not_used():
    assert fusion.fuse(scores(0.9, 0.2)[:1], a_rule()) == pytest.approx(0.9)


def test_certainty_of_one_model_is_bounded():
    rule = a_rule()
    assert fusion.fuse(scores(1.0, 0.5), rule) == fusion.fuse(scores(1 - 1e-9, 0.5), rule) < 1


def test_pictures_that_separate_perfectly_still_give_finite_weights():
    rule = fusion.fit([scores(0.99, 0.5), scores(0.01, 0.5)] * 5, [True, False] * 5)
    assert 0 < rule.weights[GOOD.sha256] < 10 and (rule.bona_fide, rule.attacks) == (5, 5)


def test_one_kind_of_pictures_alone_fits_nothing():
    with pytest.raises(ValueError, match="attacks"):
        fusion.fit([scores(0.9, 0.9)], [True])


def test_a_rule_survives_its_file(tmp_path):
    rule = a_rule()
    fusion.write(rule, root=tmp_path)
    assert fusion.read(tmp_path) == rule


def test_no_file_is_no_rule_and_a_broken_one_is_an_error(tmp_path):
    assert fusion.read(tmp_path) is None
    (tmp_path / fusion.FILE).write_text('{"bias": 1}')
    with pytest.raises(PackError, match="pack_invalid"):
        fusion.read(tmp_path)
