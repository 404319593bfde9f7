"""The fault matrix in about a minute: each named crash point that needs no model, and each kind of trouble once."""

import pytest

from tests.faults.conductor import Conductor
from tests.faults.count import count
from tests.faults.plan import SHORT, plan

pytestmark = [pytest.mark.faults, pytest.mark.timeout(900)]  # seconds; kills on busy cores take what they take
SEED = 3


def test_a_plan_is_a_function_of_its_seed():
    assert plan(seed=SEED, seconds=600) == plan(seed=SEED, seconds=600) != plan(seed=SEED + 1, seconds=600)


def test_a_minute_of_faults_loses_nothing_and_doubles_nothing():
    faults = plan(seed=SEED, seconds=60, deck=SHORT, rest=(0.5, 1.5))
    with Conductor(seed=SEED, plan=faults, banks=2, pace=0.8, real=False) as conductor:
        run = conductor.run()
        wrong = [(r.question, r.examples) for r in count(run) if r.wrong]
        assert not wrong, f"seed {SEED}: {wrong}"
        assert len(conductor.banks[0].cases) > 10, "the banks were at work"
