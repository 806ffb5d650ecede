"""``surefoot.check``: is this learning rate and momentum right, and what to change."""

from __future__ import annotations

import math
import time

from surefoot.budget import Budget
from surefoot.diagnosis.checked import CheckResult
from surefoot.diagnosis.curved import measure_curvature
from surefoot.diagnosis.findings import advised, findings_of
from surefoot.diagnosis.forks import Forks, cools
from surefoot.diagnosis.inquiry import Inquiry, Order, share_name
from surefoot.diagnosis.judgement import judge
from surefoot.diagnosis.settings import Plane
from surefoot.diagnosis.symptoms import symptoms_of
from surefoot.errors import BudgetError, RecipeError
from surefoot.fleet import Plan, calibrate
from surefoot.fleet.plan import trainings_of
from surefoot.fleet.progress import Progress, Silent, Stop, never
from surefoot.fleet.runner import Runner
from surefoot.fleet.threads import using_threads
from surefoot.recipe import DEFAULT_RECIPE, Recipe
from surefoot.tasks.loader import as_task
from surefoot.tasks.probe import probe
from surefoot.tasks.task import Task

BUDGET = Budget(trainings=5.0)
# Less than the recipe's own training and two short ones tell nothing.
LEAST = 2.0
# Most steps are taken by one or two members: for so few the fastest way to train is looked for.
WIDTH = 2


def check(
    task: Task | str,
    recipe: Recipe | str = DEFAULT_RECIPE,
    *,
    budget: Budget | str = BUDGET,
    seed: int = 0,
    plan: Plan | None = None,
    device: str = "cpu",
    progress: Progress | None = None,
    stop: Stop = never,
) -> CheckResult:
    """Judge a recipe's learning rate and momentum by trying others.

    The recipe is trained in full. Beside it, on the same start and the same batches, it is trained briefly with other
    learning rates (outward until the best lies between two that are worse) and other momenta, at the same learning rate
    and at the same lr / (1 - momentum); the most hopeful go on to the end, and where the gain may be luck, on another
    seed. What a full training of any single change would end at is foreseen from all of them.

    Args:
        task: What is trained, or its text.
        recipe: What to judge, or its text.
        budget: Ceiling on the work: ``"5x"`` (5 full trainings) or ``"60s"``.
        seed: Of initialisation and data order; a second seed follows it.
        plan: How to run the fleets; measured if not given.
        device: Where to train, if there is no plan.
        progress: Receives what happens.
        stop: Asked often; where it says yes, :class:`Interrupted` is raised.

    Returns:
        The verdict, its evidence, and a recipe that follows the advice.

    Raises:
        TaskError: If the task cannot be trained.
        RecipeError: If the recipe cannot be read, or has no learning rate above 0.
        BudgetError: If the budget buys less than 2 trainings.
        Interrupted: If asked to stop.

    Example:
        >>> found = check("wine", "sgd(lr=0.0001, momentum=0.9)", plan=Plan("stacked", 16))
        >>> found.verdict, found.advice.lr.highest > 0.001
        ('lr_too_low', True)
    """
    begin = time.perf_counter()
    task, recipe = as_task(task), Recipe.parse(recipe) if isinstance(recipe, str) else recipe
    asked = Budget.parse(budget) if isinstance(budget, str) else budget
    if asked.trainings is not None:
        require_enough(asked.trainings)
    if not recipe.lr.highest > 0:
        raise RecipeError(f"{recipe}: a learning rate of 0 learns nothing; there is nothing to judge.")
    recipe.require_bounds(steps=task.total_steps)
    probe(task)
    listener = progress or Silent()
    work = None if asked.trainings is None else math.ceil(asked.trainings * task.total_steps)
    plan = plan or calibrate(task, members=WIDTH, config_steps=work, device=device, tell=listener.tell)
    trainings = trainings_of(asked, steps=task.total_steps, plan=plan)
    require_enough(trainings)
    ceiling = math.ceil(trainings * task.total_steps)
    listener.begin(config_steps=ceiling)
    listener.tell(f"at most {ceiling:,} config-steps, as many as {trainings:g} full trainings.")
    plane = Plane(recipe)
    inquiry = Inquiry(plane, trainings, cools(recipe, task.total_steps))
    forks = Forks(task, plane, seed, Runner(plan, listener, stop))
    for order in inquiry.orders():
        listener.stage(_stage(order), config_steps=round(inquiry.price(order) * task.total_steps))
        inquiry.learn(order, forks.judge(order))
    course = forks.course
    own = forks.own
    with using_threads(own.fleet.threads):
        curved = None if course.diverged else measure_curvature(own.fleet, own.place)
    judgement = judge(inquiry, start=course.start)
    findings = findings_of(plane, judgement, course, curved)
    return CheckResult(
        task=task.name,
        recipe=recipe,
        findings=findings,
        symptoms=symptoms_of(
            course.train,
            course.valid,
            cosines=course.cosines,
            share_of_noise=None if curved is None else curved.share_of_noise,
        ),
        advice=advised(plane, judgement),
        improvements=judgement.improvements,
        forks=tuple(inquiry.judged),
        course=course,
        curved=curved,
        noise=judgement.noise,
        steps=task.total_steps,
        budget=trainings,
        config_steps=round(inquiry.spent * task.total_steps),
        seconds=time.perf_counter() - begin,
        plan=plan,
    )


def require_enough(trainings: float) -> None:
    """Refuse a budget that no verdict can be had for.

    Raises:
        BudgetError: If it is below 2 trainings.
    """
    if trainings < LEAST:
        raise BudgetError(
            f"a check needs the recipe's own training and short ones: at least {LEAST:g}x; given {trainings:.3g}x.",
            hint="the default is 5x.",
        )


def _stage(order: Order) -> str:
    return "another seed" if order.seed else f"{share_name(order.share)} trainings"
