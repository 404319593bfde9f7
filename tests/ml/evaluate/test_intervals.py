from __future__ import annotations

import numpy as np
import pytest

from ml.evaluate import rates
from ml.evaluate.comparisons import all_pairs
from ml.evaluate.intervals import (
    bootstrap,
    clopper_pearson,
    effective_trials,
    fmr_upper,
    impostor_design_effect,
    support,
    upper_limit,
)
from tests.ml.evaluate.world import comparisons, templates


def test_clopper_pearson_gives_the_published_limits():
    # Clopper and Pearson 1934 / Newcombe 1998: 0 of 20 and 1 of 29
    assert clopper_pearson(0, 20).high == pytest.approx(0.1684, abs=1e-4)
    assert clopper_pearson(1, 29).low == pytest.approx(0.0009, abs=1e-4)
    assert clopper_pearson(1, 29).high == pytest.approx(0.1776, abs=1e-4)


def test_without_an_error_the_limit_is_the_rule_of_three():
    assert upper_limit(0, 1000) == pytest.approx(3 / 1000, rel=5e-3)


def test_nothing_is_known_from_no_trials():
    assert upper_limit(0, 0) == 1.0
    assert clopper_pearson(0, 0) == clopper_pearson(0, 0)
    assert clopper_pearson(0, 0).high == 1.0


def test_look_alikes_make_comparisons_worth_less():
    plain, crowded = comparisons(300, images=2), comparisons(300, images=2, alike=2.0)
    effects = [impostor_design_effect(made, rates.threshold_at(made, 1e-2)) for made in (plain, crowded)]
    assert effects[1] > 3 * effects[0]


def test_the_limit_of_the_fmr_is_above_the_measured_one_and_falls_with_the_score():
    made = comparisons(300, images=2, alike=0.5)
    limits = [fmr_upper(made, rates.threshold_at(made, target)) for target in (1e-2, 1e-3, 1e-4)]
    assert all(limit > target for limit, target in zip(limits, (1e-2, 1e-3, 1e-4), strict=True))
    assert limits == sorted(limits, reverse=True)


def test_the_limit_covers_the_truth_where_counting_comparisons_does_not():
    """90 of 100 small sets at least: a nominal 95 % loses a little to estimating the dependence itself."""
    world = {"images": 2, "alike": 0.5, "dimensions": 16}
    truth_set = comparisons(4000, seed=99, **world)
    threshold = rates.threshold_at(truth_set, 1e-3)
    truth = rates.fmr(truth_set, threshold)
    honest = naive = 0
    for seed in range(100):
        made = comparisons(150, seed=seed, **world)
        honest += fmr_upper(made, threshold) >= truth
        naive += upper_limit(rates.false_matches(made, threshold), made.impostor_total) >= truth
    assert honest >= 90
    assert naive < honest


def test_an_fmr_that_the_data_does_not_carry_is_refused_with_the_number_needed():
    carried = support(comparisons(100, images=2))
    assert carried.carries(1e-3)
    assert not carried.carries(1e-7)
    assert f"{carried.needed(1e-7):,}" in carried.refusal(1e-7)
    assert carried.needed(1e-7) > 100 * carried.comparisons


def test_three_people_carry_nothing_small():
    assert support(comparisons(3, images=4)).floor > 1e-2


def test_below_the_tail_each_person_counts_once():
    made = comparisons(700, images=2, dimensions=16)
    assert effective_trials(made, made.tail_edge - 0.1) == 350


def test_the_bootstrap_repeats_with_its_seed_and_contains_the_estimate():
    made = comparisons(200, images=4, noise=1.2)
    one, two, other = (bootstrap(made, [1e-2, 1e-3], replicates=200, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one.fnmr, two.fnmr)
    assert (one.fnmr != other.fnmr).any()
    for place, target in enumerate((1e-2, 1e-3)):
        found = one.fnmr_interval(place)
        assert found.low <= rates.fnmr(made, rates.threshold_at(made, target)) <= found.high
        assert found.low < found.high


def test_repeating_photographs_does_not_narrow_the_interval():
    embeddings, label = templates(60, images=3, noise=1.2)
    once, thrice = all_pairs(embeddings, label), all_pairs(np.tile(embeddings, (3, 1)), np.tile(label, 3))
    widths = [
        np.subtract(*np.quantile(bootstrap(made, [1e-2], replicates=300, seed=1).fnmr[:, 0], [0.975, 0.025]))
        for made in (once, thrice)
    ]
    assert widths[1] > 0.6 * widths[0]  # counted as comparisons it would be a third
