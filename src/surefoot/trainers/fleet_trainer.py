"""The FleetTrainer: trials of a Task, trained together on this machine as one vectorised program."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from torch import Tensor

from surefoot.core.errors import StudyError
from surefoot.core.files import atomic_path
from surefoot.core.progress import Interrupted, Progress, Silent, Stop, never
from surefoot.core.values import Json, finite_or_none
from surefoot.fleet.evaluation import evaluate_members
from surefoot.fleet.fleet import Fleet
from surefoot.fleet.launch import launch, load, save_fleet
from surefoot.fleet.plan import Plan
from surefoot.fleet.training import share_cores, train_fleets
from surefoot.tasks.sanity_check import probe
from surefoot.tasks.task import Task
from surefoot.trainers.sharpness_probe import preconditioner_of, probe_sharpness, probe_steps
from surefoot.trainers.trial import Curve, Outcome, SharpnessProbe, Trial

SLICE_SECONDS, CHECKPOINT_SECONDS = 0.5, 30.0
# Validation losses on the way are read at the ends of so many equal parts of a training.
READS = 8
# A slice is at most so many times as long as the one before.
MOST_LONGER = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class EndState:
    """Where a training ended, whole.

    Attributes:
        state: All parameters and buffers by name.
        preconditioner: What Adam or AdamW divides each parameter's step by ``[P]``; ``None`` for other optimizers.
    """

    state: dict[str, Tensor]
    preconditioner: Tensor | None


def _none(trial: Trial) -> bool:  # noqa: ARG001  (a predicate)
    return False


@dataclass(slots=True)
class FleetTrainer:
    """Trains trials of a task; see :class:`surefoot.trainers.Trainer`.

    Trials of one length and one seed make one fleet; fleets of other seeds train beside it. Each group of trials is as
    wide as the plan's width on all its processes, whatever the lengths and seeds in it.

    Args:
        task: What is trained.
        plan: How fleets are run.

    Attributes:
        progress: Receives how far it is.
        stop: Asked between slices of half a second.
        follow_valid: Whether the validation loss is read at eighths of each training too.
        evaluate_test: Whether final trials are evaluated on the test data.
        probe_full: Whether gradient norm and sharpness are measured on the way of final trials.
        final_steps: Length of the final trials; that of a full training, if not set.
        keep_models: Whether the weights of final trials are kept for :meth:`model_state`.
        keep_end: Tells of which trials all that curvature needs is kept for :meth:`end_state`; of none by default.
        checkpoints: Folder for checkpoints of trainings that take long; ``None`` writes none.
    """

    task: Task
    plan: Plan
    progress: Progress = field(default_factory=Silent)
    stop: Stop = never
    follow_valid: bool = False
    evaluate_test: bool = False
    final_steps: int | None = None
    probe_full: bool = False
    keep_models: bool = False
    keep_end: Callable[[Trial], bool] = _none
    checkpoints: Path | None = None
    exact: bool = field(default=False, init=False)
    _ends: dict[Trial, EndState] = field(default_factory=dict, init=False)
    _states: dict[Trial, dict[str, Tensor]] = field(default_factory=dict, init=False)
    _slice_steps: int = field(default=16, init=False)

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task.name

    @property
    def steps(self) -> int:
        """Length of a full training."""
        return self.task.total_steps

    @property
    def capacity(self) -> int:
        """Members that are trained at once."""
        return self.plan.width * self.plan.processes

    @property
    def has_metric(self) -> bool:
        """Whether the task has a metric."""
        return self.task.metric is not None

    def describe(self) -> dict[str, Json]:
        """Return what a study of this task must find unchanged when it goes on."""
        task = self.task
        return {
            "kind": "task",
            "steps": task.total_steps,
            "batch_size": task.batch_size,
            "accumulate": task.accumulate,
            "train": len(task.split("train")),
            "valid": len(task.split("valid")),
            "parameters": probe(task).parameters,
        }

    def train(self, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Outcome]]:
        """Yield every trial with its outcome, the shortest first.

        Raises:
            Interrupted: If asked to stop; a checkpoint is written where there is a folder for it.
        """
        for steps in sorted({trial.steps for trial in trials}):
            alike = sorted((trial for trial in dict.fromkeys(trials) if trial.steps == steps), key=lambda t: t.seed)
            for first in range(0, len(alike), self.capacity):
                yield from self._train_group(alike[first : first + self.capacity], steps)

    def model_state(self, trial: Trial) -> dict[str, Tensor] | None:
        """Return the weights that a trial ended with, as the model's ``state_dict``; ``None`` where none are kept."""
        return self._states.get(trial)

    def end_state(self, trial: Trial) -> EndState | None:
        """Return where a trial ended; ``None`` where that was not kept."""
        return self._ends.get(trial)

    def _train_group(self, trials: Sequence[Trial], steps: int) -> Iterator[tuple[Trial, Outcome]]:
        """Train some trials of one length together."""
        begin = time.perf_counter()
        group = Group.of(self, trials, steps)
        reads = {math.ceil(steps * part / READS) for part in range(1, READS)} if self.follow_valid else set()
        final = steps >= (self.final_steps or self.steps)
        probes = {*probe_steps(steps)} if self.probe_full and final else set()
        for step in sorted({*reads, *probes, steps}):
            if group.step >= step:
                continue
            self._advance(group, step)
            if step < steps:
                group.read(follow_valid=step in reads, probe=step in probes)
        test = self.evaluate_test and final and self.task.test is not None
        outcomes = group.outcomes(test=test)
        seconds = (time.perf_counter() - begin) / len(trials)
        group.drop_checkpoint()
        for trial, outcome, state in outcomes:
            if self.keep_models and final and outcome.ok:
                self._states[trial] = state()
            if self.keep_end(trial) and outcome.ok:
                self._ends[trial] = state.end()
            yield trial, replace(outcome, seconds=seconds)

    def _advance(self, group: Group, until: int) -> None:
        """Train a group up to a step, in slices between which it may be stopped."""
        while group.step < until:
            if self.stop():
                group.save()
                raise Interrupted
            steps = min(until - group.step, self._slice_steps)
            begin = time.perf_counter()
            group.train(steps)
            # At most fourfold: what a slice costs beside its steps must not keep the next ones short.
            longer = min(MOST_LONGER, SLICE_SECONDS / max(time.perf_counter() - begin, 1e-9))
            if steps == self._slice_steps or longer < 1:  # one that was cut short says nothing of longer ones
                self._slice_steps = max(1, int(steps * longer))
            self.progress.advance(steps * group.members)
            if time.monotonic() - group.saved > CHECKPOINT_SECONDS:
                group.save()
                group.saved = time.monotonic()


@dataclass(slots=True)
class Group:
    """Trials of one length that are being trained together: a fleet for every seed.

    Attributes:
        trials: By seed, in the order of the fleet's members.
        fleets: One a seed.
        path: Where its checkpoints go, each with the seed's number; ``None`` writes none.
        saved: When the last checkpoint was written, or else the group made, by ``time.monotonic``.
    """

    trials: dict[int, list[Trial]]
    fleets: dict[int, Fleet]
    path: Path | None
    saved: float = field(default_factory=time.monotonic)
    _valid: dict[Trial, list[tuple[int, float]]] = field(default_factory=dict)
    _probes: dict[Trial, list[SharpnessProbe]] = field(default_factory=dict)

    @classmethod
    def of(cls, trainer: FleetTrainer, trials: Sequence[Trial], steps: int) -> Group:
        """Return fresh fleets for some trials, or those of their checkpoints."""
        by_seed: dict[int, list[Trial]] = {}
        for trial in trials:
            by_seed.setdefault(trial.seed, []).append(trial)
        path = None if trainer.checkpoints is None else trainer.checkpoints / f"{_key(trials)}.safetensors"
        fleets = {
            seed: _restored(path, seed, trainer)
            or launch(trainer.task, [trial.recipe for trial in own], seed=seed, plan=trainer.plan, total=steps)
            for seed, own in by_seed.items()
        }
        for fleet in fleets.values():
            fleet.tell = trainer.progress.tell
        if len({int(fleet.step.max()) for fleet in fleets.values()}) > 1:  # one of the checkpoints was lost
            fleets = {
                seed: launch(trainer.task, [t.recipe for t in own], seed=seed, plan=trainer.plan, total=steps)
                for seed, own in by_seed.items()
            }
        share_cores([*fleets.values()])
        group = cls(by_seed, fleets, path)
        group._read_again()
        return group

    @property
    def step(self) -> int:
        """Steps taken by those that have not diverged."""
        return max(int(fleet.step.max()) for fleet in self.fleets.values())

    @property
    def members(self) -> int:
        """How many trials there are."""
        return sum(map(len, self.trials.values()))

    def train(self, steps: int) -> None:
        """Take steps with everyone who goes on."""
        train_fleets(self._going(), steps)

    def _going(self) -> list[tuple[Fleet, list[int]]]:
        """Return the members that go on: all at the furthest step; those that diverged were left behind."""
        furthest = self.step
        chosen = []
        for fleet in self.fleets.values():
            going = [p for p in range(len(fleet.recipes)) if int(fleet.step[p]) == furthest and not _lost(fleet, p)]
            chosen.append((fleet, going))
        if any(places for _, places in chosen):
            return [(fleet, places) for fleet, places in chosen if places]
        # All diverged: the first goes on alone, so that the group comes to its end.
        first = next(iter(self.fleets.values()))
        return [(first, [int(first.step.argmax())])]

    def read(self, *, follow_valid: bool, probe: bool) -> None:
        """Read validation losses, or gradient norm and sharpness, on the way."""
        for seed, fleet in self.fleets.items():
            going = [p for p in range(len(fleet.recipes)) if int(fleet.step[p]) == self.step and not _lost(fleet, p)]
            if follow_valid and going:
                losses = evaluate_members(fleet, "valid", members=going).loss.tolist()
                for place, loss in zip(going, losses, strict=True):
                    point = int(fleet.step[place]), loss if math.isfinite(loss) else math.inf
                    self._valid.setdefault(self.trials[seed][place], []).append(point)
            if probe:
                for place, found in probe_sharpness(fleet, going).items():
                    self._probes.setdefault(self.trials[seed][place], []).append(found)

    def outcomes(self, *, test: bool) -> list[tuple[Trial, Outcome, _State]]:
        """Return what came of every trial, and what gives its weights."""
        found = []
        for seed, fleet in self.fleets.items():
            scores = evaluate_members(fleet, "valid")
            tested = evaluate_members(fleet, "test").loss.tolist() if test else [None] * len(fleet.recipes)
            metrics = [None] * len(fleet.recipes) if scores.metric is None else scores.metric.tolist()
            for place, trial in enumerate(self.trials[seed]):
                lost = _lost(fleet, place) or not math.isfinite(float(scores.loss[place]))
                outcome = Outcome(
                    loss=math.inf if lost else float(scores.loss[place]),
                    metric=None if lost else finite_or_none(metrics[place]),
                    test_loss=None if lost else finite_or_none(tested[place]),
                    diverged_at=None if fleet.diverged_at[place] < 0 else int(fleet.diverged_at[place]),
                    train=_curve(fleet.curve(place)),
                    valid=_curve(self._valid.get(trial, [])),
                    probes=tuple(self._probes.get(trial, [])),
                )
                found.append((trial, outcome, _State(fleet, place)))
        return found

    def save(self) -> None:
        """Write a checkpoint of every fleet, where there is a folder for them."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        readings = {
            "valid": [
                [trial.seed, self.trials[trial.seed].index(trial), points] for trial, points in self._valid.items()
            ],
            "probes": [
                [trial.seed, self.trials[trial.seed].index(trial), [asdict(probe) for probe in probes]]
                for trial, probes in self._probes.items()
            ],
        }
        # First: a reading from beyond the weights' step is dropped when they are loaded.
        with atomic_path(self.path.with_suffix(".json")) as temporary:
            temporary.write_text(json.dumps(readings))
        for seed, fleet in self.fleets.items():
            save_fleet(fleet, _of_seed(self.path, seed))

    def _read_again(self) -> None:
        """Take over what was read before the checkpoint."""
        if self.path is None or not self.step or not self.path.with_suffix(".json").exists():
            return
        readings = json.loads(self.path.with_suffix(".json").read_text())
        for seed, place, points in readings["valid"]:
            kept = [(step, loss) for step, loss in points if step <= self.step]
            self._valid[self.trials[seed][place]] = kept
        for seed, place, probes in readings["probes"]:
            kept_probes = [SharpnessProbe(**probe) for probe in probes if probe["step"] <= self.step]
            self._probes[self.trials[seed][place]] = kept_probes

    def drop_checkpoint(self) -> None:
        """Remove the checkpoints of a group that has come to its end."""
        if self.path is not None:
            for seed in self.fleets:
                _of_seed(self.path, seed).unlink(missing_ok=True)
            self.path.with_suffix(".json").unlink(missing_ok=True)
            with suppress(OSError):
                self.path.parent.rmdir()  # only where it is empty


@dataclass(frozen=True, slots=True)
class _State:
    fleet: Fleet
    place: int

    def end(self) -> EndState:
        """Return all of it."""
        return EndState(self.fleet.state_dict(self.place), preconditioner_of(self.fleet, self.place))

    def __call__(self) -> dict[str, Tensor]:
        """Return the weights as the model's ``state_dict`` has them, and nothing that it leaves out."""
        kept = self.fleet.model.state_dict().keys()
        return {name: value for name, value in self.fleet.state_dict(self.place).items() if name in kept}


def _lost(fleet: Fleet, place: int) -> bool:
    return int(fleet.diverged_at[place]) >= 0


def _restored(path: Path | None, seed: int, trainer: FleetTrainer) -> Fleet | None:
    """Return a fleet as its checkpoint has it, ``None`` where there is none that can be read."""
    if path is None or not _of_seed(path, seed).exists():
        return None
    try:
        return load(_of_seed(path, seed), trainer.task, trainer.plan)
    except StudyError:
        return None  # a damaged checkpoint costs its work once more, and nothing else


def _of_seed(path: Path, seed: int) -> Path:
    return path.with_name(f"{path.stem}-{seed}{path.suffix}")


def _key(trials: Sequence[Trial]) -> str:
    """Return a name that no other trials have."""
    text = json.dumps([[str(trial.recipe), trial.steps, trial.seed] for trial in trials])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _curve(points: Sequence[tuple[int, float]]) -> Curve:
    return Curve(tuple(step for step, _ in points), tuple(loss for _, loss in points))
