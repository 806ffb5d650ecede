"""Samplers: the points they choose, and what is accepted as one."""

from __future__ import annotations

import numpy as np
import optuna
import pytest

from surefoot.core.errors import TaskError
from surefoot.search.samplers import SAMPLERS, as_sampler
from surefoot.search.samplers.built_in_samplers import EvaluatedPoint


def bowl(point: tuple[float, ...]) -> float:
    return sum((unit - 0.3) ** 2 for unit in point)


@pytest.mark.parametrize("name", SAMPLERS)
def test_points_lie_in_the_cube_and_depend_on_the_generator_alone(name):
    sampler = SAMPLERS[name]
    first, again = (sampler.first(8, dimensions=2, generator=np.random.default_rng(1)) for _ in range(2))
    assert first == again
    assert len({*first}) == 8
    tried = [EvaluatedPoint(point, bowl(point)) for point in first]
    box = ((0.0, 1.0),) * 2
    more, same = (sampler.more(3, tried, box=box, generator=np.random.default_rng(2)) for _ in range(2))
    assert more == same
    assert all(0.0 <= unit <= 1.0 for point in (*first, *more) for unit in point)


def test_an_optuna_sampler_has_the_name_of_its_class():
    assert as_sampler(optuna.samplers.RandomSampler(seed=0)).name == "RandomSampler"


@pytest.mark.parametrize(("given", "said"), [("tpee", "did you mean tpe?"), (3, "given int")])
def test_anything_else_is_refused_as_a_sampler(given, said):
    with pytest.raises(TaskError, match=said):
        as_sampler(given)


@pytest.mark.parametrize("given", [optuna.samplers.RandomSampler(seed=3), optuna.samplers.TPESampler(seed=3)])
def test_every_round_of_an_optuna_sampler_draws_other_points(given):
    sampler, box = as_sampler(given), ((0.0, 1.0), (0.0, 1.0))
    one, other = (sampler.more(3, [], box=box, generator=np.random.default_rng(seed)) for seed in (1, 2))
    assert not {*one} & {*other}


def test_an_optuna_sampler_draws_the_same_points_however_often_it_is_asked():
    given = as_sampler(optuna.samplers.TPESampler(seed=3, n_startup_trials=0))
    tried = [EvaluatedPoint((0.1 * number, 0.5), float(number)) for number in range(8)]
    box = ((0.0, 1.0), (0.0, 1.0))
    first, second = (given.more(3, tried, box=box, generator=np.random.default_rng(0)) for _ in range(2))
    assert first == second
