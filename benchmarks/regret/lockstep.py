"""Drive many searches of one task at once: every training of theirs has a place in one vectorised program.

Each search trains one network at a time, as a user's does; what is shared is the machine's time alone. A place has its
own seed, data order, setting and step, so that a training comes to the same as in a plain loop (tests hold the two
against each other).
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from torch.func import functional_call, grad_and_value, vmap
from torch.utils import _pytree as pytree

from benchmarks.contestants.plain_loop import sgd_loop
from benchmarks.regret.searches import Ended, Search, Start, boundaries
from surefoot.tasks.batches import BatchOrder
from surefoot.tasks.luck import draw_seed, seed_everything
from surefoot.tasks.task import Task

Named = dict[str, Tensor]


@dataclass(slots=True)
class Place:
    """Where a search trains.

    Attributes:
        search: The search.
        seed: Seed of all its trainings.
        most: Config-steps that it may spend, in full trainings.
        start: What is being trained.
        report: How many reports of it have been made.
        spent: Steps taken in all trainings.
        ended: The trainings that ended.
    """

    search: Search
    seed: int
    most: float
    start: Start | None = None
    report: int = 0
    spent: int = 0
    ended: list[Ended] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Lockstep:
    """Networks of one task that train at once, each with a seed, setting and step of its own."""

    task: Task
    seeds: Sequence[int]
    params: Named = field(init=False)
    velocity: Named = field(init=False)
    buffers: Named = field(init=False)
    step: list[int] = field(init=False)
    setting: list[tuple[float, float]] = field(init=False)
    _first: list[tuple[Named, Named]] = field(init=False)
    _orders: list[BatchOrder] = field(init=False)
    _model: torch.nn.Module = field(init=False)
    _step: Any = field(init=False)

    def __post_init__(self) -> None:
        models = []
        for seed in self.seeds:
            seed_everything(draw_seed(seed, "initialisation"))
            models.append(self.task.new_model())
        self._first = [
            ({name: p.detach().clone() for name, p in model.named_parameters()}, dict(model.named_buffers()))
            for model in models
        ]
        self.params = {name: torch.stack([first[0][name] for first in self._first]) for name in self._first[0][0]}
        self.velocity = {name: torch.zeros_like(tensor) for name, tensor in self.params.items()}
        self.buffers = {name: torch.stack([first[1][name] for first in self._first]) for name in self._first[0][1]}
        samples, batch_size = len(self.task.split("train")), self.task.batch_size
        self._orders = [BatchOrder(samples, batch_size, seed=draw_seed(seed, "data")) for seed in self.seeds]
        self.step, self.setting = [0] * len(models), [(0.0, 0.0)] * len(models)
        self._model = models[0].train()
        self._step = vmap(grad_and_value(self._loss, has_aux=True), randomness="different")

    def begin(self, place: int, lr: float, momentum: float) -> None:
        """Begin a training in a place."""
        self.step[place], self.setting[place] = 0, (lr, momentum)
        params, buffers = self._first[place]
        for name, tensor in params.items():
            self.params[name][place] = tensor
            self.velocity[name][place] = 0.0
        for name, tensor in buffers.items():
            self.buffers[name][place] = tensor

    def train(self, steps: int) -> None:
        """Take steps in every place."""
        for _ in range(steps):
            total = self.task.total_steps
            rates = [
                lr * (1 + math.cos(math.pi * min(step, total) / total)) / 2
                for (lr, _), step in zip(self.setting, self.step, strict=True)
            ]
            lr, momentum = torch.tensor(rates), torch.tensor([momentum for _, momentum in self.setting])
            grads, (_, self.buffers) = self._step(self.params, self.buffers, self._batches())
            for name, grad in grads.items():
                shape = (-1, *[1] * (grad.ndim - 1))
                self.velocity[name] = self.velocity[name] * momentum.view(shape) + grad
                self.params[name] = self.params[name] - self.velocity[name] * lr.view(shape)
            self.step = [step + 1 for step in self.step]

    @torch.no_grad()
    def valid_loss(self, place: int) -> float:
        """Return the validation loss of one place, infinite where it is not a number."""
        state = {name: tensor[place] for name, tensor in (self.params | self.buffers).items()}
        samples = torch.arange(len(self.task.split("valid")))
        self._model.eval()
        loss = self.task.batch_loss(
            lambda *inputs: functional_call(self._model, state, inputs), self.task.batch("valid", samples)
        )
        self._model.train()
        return float(loss) if math.isfinite(float(loss)) else math.inf

    def _batches(self) -> Any:
        rows = [order.indices(step) for order, step in zip(self._orders, self.step, strict=True)]
        batch = self.task.batch("train", torch.cat(rows))
        return pytree.tree_map(lambda tensor: tensor.view(len(rows), -1, *tensor.shape[1:]), batch)

    def _loss(self, params: Named, buffers: Named, batch: Any) -> tuple[Tensor, Named]:
        state = params | buffers
        loss = self.task.batch_loss(lambda *inputs: functional_call(self._model, state, inputs), batch)
        return loss, {name: state[name].detach() for name in buffers}


def drive(task: Task, searches: Sequence[tuple[Search, int]], *, most: float) -> list[list[Ended]]:
    """Run searches, each with a seed of its trainings, until each has spent its budget.

    Args:
        task: What is trained.
        searches: The searches and their seeds.
        most: Config-steps that each may spend, in full trainings.

    Returns:
        The trainings of each that ended within it.
    """
    places = [Place(search, seed, most) for search, seed in searches]
    fleet = Lockstep(task, [place.seed for place in places])
    reports = boundaries(task.total_steps)
    for number, place in enumerate(places):
        _begin(fleet, number, place, next(place.search))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "There is a performance drop")
        while going := [place for place in places if place.spent < most * task.total_steps]:
            ahead = [reports[place.report] - fleet.step[places.index(place)] for place in going]
            fleet.train(min(ahead))
            for place in going:
                number = places.index(place)
                place.spent += min(ahead)
                if fleet.step[number] == reports[place.report]:
                    _report(fleet, number, place, last=place.report + 1 == len(reports))
    return [[each for each in place.ended if each.cost <= most] for place in places]


def drive_plainly(task: Task, search: Search, *, seed: int, most: float) -> list[Ended]:
    """Run one search in a plain PyTorch loop, as its users do."""
    reports, spent, ended = boundaries(task.total_steps), 0, list[Ended]()
    asked = next(search)
    while spent < most * task.total_steps and asked is not None:
        start, loop = asked, sgd_loop(task, lr=asked.lr, momentum=asked.momentum, seed=seed)
        for report in reports:
            spent += report - loop.step
            loop.train_to(report)
            loss = loop.valid_loss()
            asked = search.send(loss)
            if asked is not None:
                complete = report == reports[-1]
                ended.append(Ended(spent / task.total_steps, start.recipe, loss if complete else math.inf))
                break
            if spent >= most * task.total_steps:
                break
    return [each for each in ended if each.cost <= most]


def _begin(fleet: Lockstep, number: int, place: Place, start: Start | None) -> None:
    if start is None:
        raise ValueError("a search went on with a training that had ended")
    place.start, place.report = start, 0
    fleet.begin(number, start.lr, start.momentum)


def _report(fleet: Lockstep, number: int, place: Place, *, last: bool) -> None:
    """Tell a search the loss; begin what it asks for."""
    loss = fleet.valid_loss(number)
    asked = place.search.send(loss)
    if asked is None:
        place.report += 1
        return
    recipe = place.start.recipe if place.start else ""
    place.ended.append(Ended(place.spent / fleet.task.total_steps, recipe, loss if last else math.inf))
    _begin(fleet, number, place, asked)
