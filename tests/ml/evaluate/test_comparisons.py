from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

from ml.evaluate import rates
from ml.evaluate.comparisons import all_pairs, among, listed_pairs
from tests.ml.evaluate.world import comparisons, templates


@pytest.fixture(scope="module")
def by_hand():
    embeddings, label = templates(40, images=3, seed=5)
    pairs = list(itertools.combinations(range(len(label)), 2))
    scores = np.array([embeddings[a] @ embeddings[b] for a, b in pairs])
    same = np.array([label[a] == label[b] for a, b in pairs])
    return embeddings, label, scores, same


@pytest.mark.parametrize("block", [7, 50, 1024])
def test_every_pair_is_compared_once_whatever_the_block(by_hand, block):
    embeddings, label, scores, same = by_hand
    made = all_pairs(embeddings, label, block=block)
    assert len(made.genuine) == same.sum()
    assert made.impostor_total == (~same).sum() == made.histogram.sum()
    np.testing.assert_allclose(made.genuine, np.sort(scores[same]), atol=1e-6)
    np.testing.assert_allclose(made.tail, np.sort(scores[~same])[::-1], atol=1e-6)


def test_the_tail_names_the_people_behind_each_score(by_hand):
    embeddings, label, *_ = by_hand
    made = all_pairs(embeddings, label)
    a, b = made.tail_pair[0]
    assert label[a] != label[b]
    assert embeddings[a] @ embeddings[b] == pytest.approx(made.tail[0], abs=1e-6)


def test_a_large_set_keeps_only_the_loud_end_and_still_counts_the_rest():
    made = comparisons(700, images=2, dimensions=16)
    assert len(made.tail) < made.impostor_total / 10
    assert made.histogram.sum() == made.impostor_total
    below = float(np.median(made.tail)) - 0.3
    assert rates.false_matches(made, below) >= len(made.tail)


def test_fmr_and_fnmr_follow_their_definitions(by_hand):
    embeddings, label, scores, same = by_hand
    made = all_pairs(embeddings, label)
    for threshold in (0.1, 0.4, 0.6):
        assert rates.fmr(made, threshold) == (scores[~same] >= threshold).mean()
        assert rates.fnmr(made, threshold) == (scores[same] < threshold).mean()


@pytest.mark.parametrize("target", [1e-1, 1e-2, 1e-3])
def test_the_threshold_for_an_fmr_is_the_smallest_that_keeps_it(by_hand, target):
    made = all_pairs(*by_hand[:2])
    threshold = rates.threshold_at(made, target)
    assert rates.fmr(made, threshold) <= target
    assert rates.fmr(made, float(np.nextafter(np.float32(threshold), np.float32(-1)))) > target


def test_the_equal_error_rate_of_known_scores():
    # four genuine and four impostor scores that cross with one error on each side
    made = comparisons(30)
    eer, at = rates.equal_error_rate(made)
    assert abs(rates.fmr(made, at) - rates.fnmr(made, at)) < 0.02
    assert eer == pytest.approx((rates.fmr(made, at) + rates.fnmr(made, at)) / 2, abs=1e-3)


def test_listed_pairs_compare_nothing_else(by_hand):
    embeddings, label, *_ = by_hand
    made = listed_pairs(embeddings, label, [(0, 1), (0, 3), (5, 9)])
    assert (len(made.genuine), made.impostor_total) == (1, 2)


def test_among_some_people_only_their_comparisons_remain(by_hand):
    embeddings, label, *_ = by_hand
    people = np.arange(40) < 10
    part = among(all_pairs(embeddings, label), people)
    alone = all_pairs(embeddings[label < 10], label[label < 10])
    assert part.impostor_total == alone.impostor_total
    np.testing.assert_allclose(part.genuine, alone.genuine, atol=1e-6)
    np.testing.assert_allclose(part.tail, alone.tail, atol=1e-6)


def test_thirty_million_comparisons_take_less_than_a_minute():
    embeddings, label = templates(2567, images=3, dimensions=128)
    began = time.perf_counter()
    made = all_pairs(embeddings, label)
    assert made.impostor_total > 29_600_000
    assert time.perf_counter() - began < 60  # about 1 s on two idle cores
