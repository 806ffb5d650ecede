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
from surefoot.tasks.batch_order_and_trees import BatchOrder
from surefoot.tasks.seeding import derive_seed, seed_everything
from surefoot.tasks.task import Task

Named = dict[str, Tensor]
# Trainings of so many steps are worth the compiler.
COMPILED_STEPS = 500


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
    """Networks of one task that train at once, each with a seed, setting and step of its own.

    Args:
        task: What is trained.
        seeds: The seed of every place.
        compiled: Whether the step is compiled, which takes half a minute.

    Attributes:
        params: All parameters, flat, ``[K, P]``.
        velocity: The momentum's memory of the gradients, ``[K, P]``.
        buffers: Of the model, by name, ``[K, ...]``.
        step: Steps that each place has taken.
        setting: Learning rate and momentum of each place.
    """

    task: Task
    seeds: Sequence[int]
    compiled: bool = False
    params: Tensor = field(init=False)
    velocity: Tensor = field(init=False)
    buffers: Named = field(init=False)
    step: list[int] = field(init=False)
    setting: list[tuple[float, float]] = field(init=False)
    _first: tuple[Tensor, Named] = field(init=False)
    _orders: list[BatchOrder] = field(init=False)
    _model: torch.nn.Module = field(init=False)
    _update: Any = field(init=False)

    def __post_init__(self) -> None:
        models = []
        for seed in self.seeds:
            seed_everything(derive_seed(seed, "initialisation"))
            models.append(self.task.new_model())
        rows = [torch.cat([p.detach().flatten() for p in model.parameters()]) for model in models]
        names = [name for name, _ in models[0].named_buffers()]
        buffers = {name: torch.stack([model.get_buffer(name) for model in models]) for name in names}
        self._first = torch.stack(rows), buffers
        self.params, self.velocity = self._first[0].clone(), torch.zeros_like(self._first[0])
        self.buffers = {name: tensor.clone() for name, tensor in buffers.items()}
        samples, batch_size = len(self.task.split("train")), self.task.batch_size
        self._orders = [BatchOrder(samples, batch_size, seed=derive_seed(seed, "data")) for seed in self.seeds]
        self.step, self.setting = [0] * len(models), [(0.0, 0.0)] * len(models)
        self._model = models[0].train()
        gradient = vmap(grad_and_value(self._loss, has_aux=True), randomness="different")

        def update(
            params: Tensor, velocity: Tensor, buffers: Named, batch: Any, *, lr: Tensor, momentum: Tensor
        ) -> tuple[Tensor, Tensor, Named]:
            grads, (_, after) = gradient(params, buffers, batch)
            velocity = velocity * momentum + grads
            return params - velocity * lr, velocity, after

        self._update = torch.compile(update, dynamic=False) if self.compiled else update

    def begin(self, place: int, lr: float, momentum: float) -> None:
        """Begin a training in a place."""
        self.step[place], self.setting[place] = 0, (lr, momentum)
        params, buffers = self._first
        self.params[place], self.velocity[place] = params[place], 0.0
        for name, tensor in buffers.items():
            self.buffers[name][place] = tensor[place]

    def train(self, steps: int) -> None:
        """Take steps in every place."""
        total = self.task.total_steps
        momentum = torch.tensor([momentum for _, momentum in self.setting])[:, None]
        for _ in range(steps):
            rates = [
                lr * (1 + math.cos(math.pi * min(step, total) / total)) / 2
                for (lr, _), step in zip(self.setting, self.step, strict=True)
            ]
            self.params, self.velocity, self.buffers = self._update(
                self.params, self.velocity, self.buffers, self._batches(),
                lr=torch.tensor(rates)[:, None], momentum=momentum,
            )  # fmt: skip
            self.step = [step + 1 for step in self.step]

    @torch.no_grad()
    def valid_loss(self, place: int) -> float:
        """Return the validation loss of one place, infinite where it is not a number."""
        state = self._named(self.params[place]) | {name: tensor[place] for name, tensor in self.buffers.items()}
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

    def _named(self, params: Tensor) -> Named:
        named, begin = {}, 0
        for name, parameter in self._model.named_parameters():
            named[name] = params[begin : begin + parameter.numel()].view(parameter.shape)
            begin += parameter.numel()
        return named

    def _loss(self, params: Tensor, buffers: Named, batch: Any) -> tuple[Tensor, Named]:
        state = self._named(params) | buffers
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
    compiled = task.total_steps >= COMPILED_STEPS and not _recurrent(task)
    fleet = Lockstep(task, [place.seed for place in places], compiled=compiled)
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


def _recurrent(task: Task) -> bool:
    """Tell whether a model has recurrent layers, which are not compiled."""
    return any(isinstance(module, torch.nn.RNNBase) for module in task.new_model().modules())


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
