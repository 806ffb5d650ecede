"""The fleet on one machine: everything but how gradients are computed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from surefoot.errors import RecipeError, StudyError
from surefoot.fleet.history import History
from surefoot.fleet.hyper import RuleTable
from surefoot.fleet.layout import Layout
from surefoot.fleet.plan import Backend
from surefoot.fleet.protocol import Scores
from surefoot.fleet.storage import write_state
from surefoot.fleet.threads import using_threads
from surefoot.fleet.work import Work, index_of, share_out
from surefoot.optimizers import Slots, UpdateRule, clip_by_global_norm, unmatched
from surefoot.recipe import Recipe
from surefoot.tasks.batches import BatchOrder, chunks
from surefoot.tasks.luck import borrowed_generators, draw_seed, seed_everything
from surefoot.tasks.split import TensorSplit
from surefoot.tasks.task import SplitName, Task

EVALUATION_SAMPLES = 512


class LocalFleet(ABC):
    """The state of K members and what is done with it; see :class:`surefoot.fleet.protocol.Fleet`.

    Parameters lie in one tensor ``[K, P]``, so that one update rule call serves all members.

    Args:
        task: What is trained.
        recipes: K recipes.
        seed: Of initialisation, data order and dropout.
        width: Most members whose gradients are computed at once.
        total: Length of the training, the task's own by default; one number or K.
        device: Where to train.
        threads: How many torch uses; as many as it uses now, if not given.

    Attributes:
        whole: Whether it stands between two steps; false after an exception in the middle of a training.
    """

    backend: ClassVar[Backend]

    def __init__(
        self,
        task: Task,
        recipes: Sequence[Recipe],
        *,
        seed: int,
        width: int | None = None,
        total: int | Sequence[int] | None = None,
        device: str = "cpu",
        threads: int | None = None,
    ) -> None:
        self.task, self.recipes, self.seed = task, tuple(recipes), seed
        self.width, self.device = width or len(self.recipes), device
        self.threads = threads or torch.get_num_threads()
        self.model = self._fresh_model()
        self.layout = Layout.of(self.model)
        self._check_groups(self.recipes)
        self._first_params = self.layout.flatten(dict(self.model.named_parameters())).detach().clone()
        self._first_buffers = {name: buffer.detach().clone() for name, buffer in self.model.named_buffers()}
        self._order = BatchOrder(len(task.split("train")), task.batch_size, seed=draw_seed(seed, "data"))
        members = len(self.recipes)
        self.params = self._first_params.repeat(members, 1)
        self.buffers = {name: _repeat(buffer, members) for name, buffer in self._first_buffers.items()}
        self.slots = {rule: rule.fresh_slots(self.params) for rule in self._rules()}
        self.step = torch.zeros(members, dtype=torch.int64)
        totals = total if total is not None else task.total_steps
        self.total = torch.as_tensor(totals, dtype=torch.int64).expand(members).clone()
        self.lr_scale = torch.ones(members, dtype=torch.float64)
        self.diverged_at = torch.full((members,), -1, dtype=torch.int64)
        self.history = History.of(members)
        self.whole = True

    def train(self, steps: int, *, places: Sequence[int] | None = None) -> Tensor:
        """Take ``steps`` optimizer steps with every member, or with some while the others rest.

        Returns:
            The losses before each step, ``[steps, K]``, or one column for each of ``places``.
        """
        chosen = self._members(places)
        self.whole = False
        losses = self.params.new_full((steps, len(self.recipes)), torch.nan)
        self.model.train()
        with borrowed_generators(), using_threads(self.threads):
            for ahead, work, batches in self._batches_ahead(steps, chosen):
                grads, losses[ahead, index_of(work.rows)] = self._mean_gradients(work, batches, ahead)
                for table in work.tables:
                    self._update(table, grads, work.rows, ahead)
        own = losses[:, chosen].cpu().double()
        if steps:
            self._note_divergence(own, chosen)
        self.history.add(own, chosen, begins=self.step, totals=self.total)
        self.step[chosen] += steps
        self.whole = True
        return own

    def evaluate(self, split: SplitName, *, places: Sequence[int] | None = None) -> Scores:
        """Return the loss and metric of every member, or of some, on a whole split, in evaluation mode.

        It leaves no trace: buffers and generators are as before, and what a model draws depends on the seed alone.
        """
        samples = len(self.task.split(split))
        chosen = self._members(places)
        sums = torch.zeros(2, len(chosen), dtype=torch.float64)
        self.model.eval()
        with borrowed_generators(), using_threads(self.threads):
            for number, indices in enumerate(chunks(samples, max(self.task.batch_size, EVALUATION_SAMPLES))):
                forward_seed = draw_seed(self.seed, "evaluation", number)
                seed_everything(forward_seed)
                batch = self._batch(split, torch.arange(indices.start, indices.stop))
                for begin in range(0, len(chosen), self.width):
                    rows = index_of(chosen[begin : begin + self.width])
                    scores = self._scores(rows, batch, forward_seed=forward_seed)
                    sums[:, begin : begin + self.width] += len(indices) * scores.cpu().double()
        means = sums / samples
        return Scores(loss=means[0], metric=None if self.task.metric is None else means[1])

    def curve(self, place: int) -> list[tuple[int, float]]:
        """Return a member's training loss so far: (step, mean loss since the point before)."""
        return self.history.curve(place, total=int(self.total[place]))

    def replace(self, places: Sequence[int], recipes: Sequence[Recipe], *, total: int | None = None) -> None:
        """Put fresh members in freed places; the width stays."""
        self._set_recipes(places, recipes)
        index = list(places)
        self.params[index] = self._first_params
        for name, buffer in self.buffers.items():
            buffer[index] = self._first_buffers[name]
        for rule, slots in self.slots.items():
            _copy(slots, index, rule.fresh_slots(self.params[index]))
        self.step[index], self.diverged_at[index], self.lr_scale[index] = 0, -1, 1.0
        self.history.forget(index)
        self.total[index] = self.task.total_steps if total is None else total

    def fork(
        self, places: Sequence[int], parents: Sequence[int], recipes: Sequence[Recipe], *, total: Sequence[int]
    ) -> None:
        """Put copies of ``parents`` in ``places``, with other recipes.

        A copy keeps its parent's slots where the update rule is the same, and has none otherwise.
        """
        of_parent = [self.layout.bound(self.recipes[parent].rule) for parent in parents]
        self._set_recipes(places, recipes)
        to, source = list(places), list(parents)
        lengths, self.total[to] = self.total.clone(), torch.as_tensor(list(total))
        self.history.inherit(to, source, before=lengths, after=self.total)
        for tensor in (self.params, *self.buffers.values(), self.step, self.diverged_at):
            tensor[to] = tensor[source].clone()
        for rule, slots in self.slots.items():
            kept = [number for number, before in enumerate(of_parent) if before == rule]
            source_slots = {name: slot[[source[number] for number in kept]].clone() for name, slot in slots.items()}
            _copy(slots, to, rule.fresh_slots(self.params[to]))
            _copy(slots, [to[number] for number in kept], source_slots)
        self.lr_scale[to] = 1.0

    def save(self, path: Path) -> None:
        """Write the whole state to one file, atomically.

        Raises:
            OutputError: If the file cannot be written.
            StudyError: If a training was stopped by an exception: parameters and step numbers may not agree.
        """
        if not self.whole:
            raise StudyError("a fleet that was stopped in the middle of its steps cannot be saved.")
        about = {"seed": self.seed, "recipes": [recipe.to_json() for recipe in self.recipes], **self.layout.to_json()}
        write_state(path, dict(self._state()), about)

    def restore(self, tensors: dict[str, Tensor]) -> None:
        """Take over a state that :meth:`save` wrote for the same recipes and the same model.

        Raises:
            StudyError: If it is of another model.
        """
        own = dict(self._state())
        if {name: _kind(tensor) for name, tensor in own.items()} != {n: _kind(tensor) for n, tensor in tensors.items()}:
            raise StudyError(f"the state is of another model than that of task {self.task.name!r}.")
        for name, tensor in own.items():
            tensor.copy_(tensors[name])

    @abstractmethod
    def _gradients(self, rows: slice | list[int], batch: Any, *, forward_seed: int) -> tuple[Tensor, Tensor]:
        """Return gradients ``[k, P]`` and losses ``[k]`` of some members on one batch; update their buffers.

        Every member's forward pass draws from a generator seeded with ``forward_seed``.
        """

    @abstractmethod
    def _scores(self, rows: slice | list[int], batch: Any, *, forward_seed: int) -> Tensor:
        """Return losses and metrics ``[2, k]`` of some members on one batch; change nothing."""

    def _fresh_model(self) -> nn.Module:
        with borrowed_generators(), using_threads(self.threads):
            seed_everything(draw_seed(self.seed, "initialisation"))
            return self.task.new_model().to(self.device)

    def _check_groups(self, recipes: Sequence[Recipe]) -> None:
        for recipe in recipes:
            missed = unmatched(recipe.groups, self.layout.names)
            if missed:
                raise RecipeError(
                    f"{recipe}: no parameter matches {missed[0]!r}.",
                    hint=f"there are {', '.join(self.layout.names[:8])}.",
                )

    def _rules(self) -> set[UpdateRule]:
        return {self.layout.bound(recipe.rule) for recipe in self.recipes}

    def _state(self) -> Iterator[tuple[str, Tensor]]:
        """Yield every tensor that changes in training, by name."""
        for name in ("params", "step", "total", "lr_scale", "diverged_at"):
            yield name, getattr(self, name)
        for name, tensor in self.history.tensors().items():
            yield f"history.{name}", tensor
        for name, buffer in self.buffers.items():
            yield f"buffer.{name}", buffer
        for rule, slots in self.slots.items():
            for name, slot in slots.items():
                yield f"slot.{rule!r}.{name}", slot

    def _set_recipes(self, places: Sequence[int], recipes: Sequence[Recipe]) -> None:
        self._check_groups(recipes)
        changed = dict(zip(places, recipes, strict=True))
        self.recipes = tuple(changed.get(place, recipe) for place, recipe in enumerate(self.recipes))
        for rule in self._rules() - self.slots.keys():
            self.slots[rule] = rule.fresh_slots(self.params)
        for rule in self.slots.keys() - self._rules():
            del self.slots[rule]

    def _members(self, places: Sequence[int] | None) -> list[int]:
        """Return places as numbers from 0; all of them where none are named."""
        every = range(len(self.recipes))
        return list(every) if places is None else [every[place] for place in places]

    def _batches_ahead(self, steps: int, places: Sequence[int]) -> Iterator[tuple[int, Work, list[Any]]]:
        """Yield the work of each step with its micro-batches; each batch is read once for all its members."""
        work = share_out(
            self.recipes,
            places,
            step=self.step,
            total=self.total,
            lr_scale=self.lr_scale,
            steps=steps,
            width=self.width,
            layout=self.layout,
            like=self.params,
        )
        for ahead in range(steps):
            read: dict[int, list[Any]] = {}
            for part in work:
                number = part.begin + ahead
                if number not in read:
                    read[number] = self._micro_batches(number)
                yield ahead, part, read[number]

    def _micro_batches(self, number: int) -> list[Any]:
        accumulate = self.task.accumulate
        if not isinstance(self.task.train, TensorSplit):  # a dataset may draw, as for augmentation
            seed_everything(draw_seed(self.seed, "data", number))
        numbers = range(number * accumulate, (number + 1) * accumulate)
        return [self._batch("train", self._order.indices(micro)) for micro in numbers]

    def _batch(self, split: SplitName, indices: Tensor) -> Any:
        batch = self.task.batch(split, indices)
        return pytree.tree_map_only(Tensor, lambda tensor: tensor.to(self.device), batch)

    def _mean_gradients(self, work: Work, batches: list[Any], ahead: int) -> tuple[Tensor, Tensor]:
        rows, first = index_of(work.rows), (work.begin + ahead) * self.task.accumulate
        results = [
            self._gradients(rows, batch, forward_seed=draw_seed(self.seed, "forward", first + micro))
            for micro, batch in enumerate(batches)
        ]
        if len(results) == 1:
            return results[0]
        grads, losses = zip(*results, strict=True)
        return torch.stack(grads).mean(0), torch.stack(losses).mean(0)

    def _update(self, table: RuleTable, grads: Tensor, chunk: tuple[int, ...], ahead: int) -> None:
        if table.rows != chunk:
            position = {row: number for number, row in enumerate(chunk)}
            grads = grads[[position[row] for row in table.rows]]
        if table.clip is not None:
            grads = clip_by_global_norm(grads, table.clip)
        rows, slots = index_of(table.rows), self.slots[table.rule]
        own = {name: slot[rows] for name, slot in slots.items()}
        params, after = table.rule.update(self.params[rows], grads, own, table.at(ahead))
        if len(table.rows) == len(self.recipes):
            self.params, self.slots[table.rule] = params, after
        else:
            self.params[rows] = params
            _copy(slots, rows, after)

    def _note_divergence(self, losses: Tensor, places: list[int]) -> None:
        bad = ~torch.isfinite(losses)
        first = self.step[places] + bad.to(torch.uint8).argmax(0)
        known = self.diverged_at[places]
        self.diverged_at[places] = torch.where((known < 0) & bad.any(0), first, known)


def _repeat(buffer: Tensor, members: int) -> Tensor:
    return buffer.expand(members, *buffer.shape).clone()


def _copy(slots: Slots, rows: slice | list[int], source: Slots) -> None:
    for name, slot in slots.items():
        slot[rows] = source[name]


def _kind(tensor: Tensor) -> tuple[torch.Size, torch.dtype]:
    return tensor.shape, tensor.dtype
