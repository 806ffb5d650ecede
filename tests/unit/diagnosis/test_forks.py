"""Forks are the same trainings as those that nobody forked."""

import pytest
import torch

from surefoot.diagnosis.course import LOOKS
from surefoot.diagnosis.forks import Forks, cools
from surefoot.diagnosis.inquiry import FULL, LONGER, SHORT, Order
from surefoot.diagnosis.settings import Plane, Setting
from surefoot.fleet import Plan, launch
from surefoot.fleet.progress import Silent
from surefoot.fleet.runner import Runner
from surefoot.recipe import Recipe
from surefoot.schedules import Linear
from surefoot.tasks.loader import load

PLAN = Plan("stacked", 16, threads=1)
TASK = load("wine", steps=80)


def forks(text):
    return Forks(TASK, Plane(Recipe.parse(text)), 3, Runner(PLAN, Silent()))


def alone(recipe, *, seed=3, steps=80, total=80):
    fleet = launch(TASK, [recipe], seed=seed, plan=PLAN, total=total)
    losses = fleet.train(steps)[:, 0].tolist()
    return losses, float(fleet.evaluate("valid").loss[0]), fleet


@pytest.mark.parametrize("text", ["sgd(lr=cosine(0.05), momentum=0.9)", "adam(lr=0.003)"])
def test_full_trainings_are_those_of_the_recipe_alone_whatever_came_before(text):
    found = forks(text)
    other = Setting(found.plane.rate(2), found.plane.own.momentum)
    found.judge(Order((found.plane.own, other), SHORT))
    found.judge(Order((other,), LONGER))
    losses = found.judge(Order((found.plane.own, other), FULL))
    for setting, loss in zip((found.plane.own, other), losses, strict=True):
        assert loss == pytest.approx(alone(found.plane.recipe_at(setting))[1], rel=1e-5)
    train, valid, _ = alone(found.plane.recipe)
    assert found.course.train == pytest.approx(train, rel=1e-5)
    assert found.course.final == pytest.approx(valid, rel=1e-5)
    assert len(found.course.valid) == LOOKS + 1
    assert [step for step, _ in found.course.valid] == [10 * look for look in range(LOOKS + 1)]


def test_another_seed_is_another_training():
    found = forks("sgd(lr=0.05, momentum=0.9)")
    (loss,) = found.judge(Order((found.plane.own,), FULL, seed=1))
    assert loss == pytest.approx(alone(found.plane.recipe, seed=4)[1], rel=1e-5)


def test_a_short_training_cools_down_to_where_its_schedule_ends():
    found = forks("sgd(lr=cosine(0.4, final=0.04), momentum=0.9)")
    (loss,) = found.judge(Order((found.plane.own,), SHORT))
    assert found.cools
    fleet = launch(TASK, [found.plane.recipe] * 2, seed=3, plan=PLAN)
    fleet.train(10, places=[0])
    rate = found.plane.recipe.lr.value(10, 80)
    down = Linear(0.04 + (rate - 0.04) * 12 / 2, final=0.04)
    assert down.value(10, 12) == pytest.approx(rate)
    fleet.fork([1], [0], [found.plane.recipe.with_(lr=down)], total=[12])
    fleet.train(2, places=[1])
    assert loss == pytest.approx(float(fleet.evaluate("valid", places=[1]).loss[0]), rel=1e-5)


def test_a_constant_rate_is_judged_as_it_stands():
    found = forks("sgd(lr=0.05, momentum=0.9)")
    assert not found.cools
    (loss,) = found.judge(Order((found.plane.own,), SHORT))
    assert loss == pytest.approx(alone(found.plane.recipe, steps=10)[1], rel=1e-5)
    assert not cools(Recipe.parse("sgd(lr=onecycle(0.1, final=0.08))"), 100)


def test_updates_are_measured_as_they_are():
    found = forks("sgd(lr=0.05, momentum=0.0)")
    found.judge(Order((found.plane.own,), FULL))
    assert len(found.course.cosines) == len(found.course.ratios) == LOOKS
    before, after, last = (alone(found.plane.recipe, steps=steps)[2].params[0].double() for steps in (78, 79, 80))
    one, two = after - before, last - after
    assert found.course.cosines[-1] == pytest.approx(float(one @ two / one.norm() / two.norm()), abs=1e-3)
    assert found.course.ratios[-1] == pytest.approx(float(two.norm() / last.norm()), rel=1e-3)


def test_divergence_is_data():
    found = forks("sgd(lr=10000000.0, momentum=0.9)")
    losses = found.judge(Order((found.plane.own, Setting(0.05, 0.9)), FULL))
    assert losses[0] == float("inf")
    assert losses[1] == pytest.approx(alone(found.plane.recipe_at(Setting(0.05, 0.9)))[1], rel=1e-5)
    assert found.course.diverged
    assert found.course.diverged_at is None or found.course.diverged_at > 0


def test_a_members_state_is_that_of_a_model():
    _, valid, fleet = alone(Recipe.parse("sgd(lr=0.05)"))
    model = TASK.new_model()
    model.load_state_dict(fleet.state_dict(0))
    model.eval()
    with torch.no_grad():
        batch = TASK.batch("valid", torch.arange(len(TASK.split("valid"))))
        assert float(TASK.batch_loss(model, batch)) == pytest.approx(valid, rel=1e-4)
