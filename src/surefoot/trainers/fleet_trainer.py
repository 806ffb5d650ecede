"""The FleetTrainer: runs trials of a Task together on this machine as one vectorised program."""

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
from surefoot.core.progress import Interrupted, Progress, SilentProgress, StopCondition, never_stop
from surefoot.core.value_types import Json, finite_or_none
from surefoot.fleet.create_and_save_fleet import create_fleet, load_fleet, save_fleet
from surefoot.fleet.evaluation import evaluate_members
from surefoot.fleet.fleet import Fleet
from surefoot.fleet.plan import Plan
from surefoot.fleet.training import SLICE_SECONDS, assign_processes, train_fleets
from surefoot.tasks.sanity_check import sanity_check
from surefoot.tasks.task import Task
from surefoot.trainers.sharpness_probe import member_preconditioner, probe_sharpness, probe_steps
from surefoot.trainers.trial import Curve, Outcome, SharpnessProbe, Trial

# Seconds between two checkpoints; chosen: little work is lost, and writing costs little compared with it.
CHECKPOINT_SECONDS = 30.0
# Number of equal parts of a training at whose ends the validation loss is evaluated; chosen.
VALID_READINGS = 8
# Maximum factor from the steps of one slice to those of the next; chosen: fixed costs of a slice must not keep the
# following slices short.
MAX_SLICE_GROWTH = 4.0


@dataclass(frozen=True, slots=True, eq=False)
class EndState:
    """The complete state at the end of a training.

    Attributes:
        state: All parameters and buffers by name.
        preconditioner: Divisor of each parameter's step in Adam or AdamW ``[P]``; ``None`` for other optimizers.
    """

    state: dict[str, Tensor]
    preconditioner: Tensor | None


def _keep_none(trial: Trial) -> bool:  # noqa: ARG001  (the signature of keep_end)
    return False


@dataclass(slots=True)
class FleetTrainer:
    """Runs trials of a task; see :class:`surefoot.trainers.trial.Trainer`.

    Trials of one length train together, up to :attr:`capacity` at a time; those of one seed are one fleet.

    Args:
        task: The task.
        plan: The plan that fleets are created with.

    Attributes:
        progress: Receives the config-steps of every slice, and messages.
        stop: Called between slices of about half a second; when it returns true, training is interrupted.
        follow_valid: Whether the validation loss is also evaluated at each eighth of a training.
        evaluate_test: Whether final trials are evaluated on the test data.
        probe_full: Whether gradient norm and sharpness are measured during final trials.
        final_steps: Length of the final trials in steps; that of a full training by default.
        keep_models: Whether the weights of final trials are kept for :meth:`model_state`.
        keep_end: Returns whether the end state of a trial is kept for :meth:`end_state`; by default none is.
        checkpoints: Folder for checkpoints of long trainings; ``None`` writes none.
        exact: Whether outcomes are equal bit for bit whichever trials train together: they are not.
    """

    task: Task
    plan: Plan
    progress: Progress = field(default_factory=SilentProgress)
    stop: StopCondition = never_stop
    follow_valid: bool = False
    evaluate_test: bool = False
    final_steps: int | None = None
    probe_full: bool = False
    keep_models: bool = False
    keep_end: Callable[[Trial], bool] = _keep_none
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
        """Length of a full training in steps."""
        return self.task.total_steps

    @property
    def capacity(self) -> int:
        """Number of members that train at once."""
        return self.plan.width * self.plan.processes

    @property
    def has_metric(self) -> bool:
        """Whether the task has a metric."""
        return self.task.metric is not None

    def describe(self) -> dict[str, Json]:
        """Return what must be unchanged for a study of this task to continue."""
        task = self.task
        return {
            "kind": "task",
            "steps": task.total_steps,
            "batch_size": task.batch_size,
            "accumulate": task.accumulate,
            "train": len(task.split("train")),
            "valid": len(task.split("valid")),
            "parameters": sanity_check(task).parameters,
        }

    def train(self, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Outcome]]:
        """Yield each trial with its outcome, the shortest trials first.

        Raises:
            Interrupted: If ``stop`` returns true; a checkpoint is written where there is a folder for it.
        """
        for steps in sorted({trial.steps for trial in trials}):
            of_length = sorted((trial for trial in dict.fromkeys(trials) if trial.steps == steps), key=lambda t: t.seed)
            for first in range(0, len(of_length), self.capacity):
                yield from self._train_group(of_length[first : first + self.capacity], steps)

    def model_state(self, trial: Trial) -> dict[str, Tensor] | None:
        """Return the ``state_dict`` of a trial's trained model; ``None`` where it was not kept."""
        return self._states.get(trial)

    def end_state(self, trial: Trial) -> EndState | None:
        """Return the end state of a trial; ``None`` where it was not kept."""
        return self._ends.get(trial)

    def _train_group(self, trials: Sequence[Trial], steps: int) -> Iterator[tuple[Trial, Outcome]]:
        """Train trials of one length together, and yield their outcomes."""
        begin = time.perf_counter()
        group = TrialGroup.of(self, trials, steps)
        readings = {math.ceil(steps * part / VALID_READINGS) for part in range(1, VALID_READINGS)}
        valid_steps = readings if self.follow_valid else set()
        final = steps >= (self.final_steps or self.steps)
        probed_steps = {*probe_steps(steps)} if self.probe_full and final else set()
        for step in sorted({*valid_steps, *probed_steps, steps}):
            if group.step >= step:
                continue
            self._advance(group, step)
            if step < steps:
                group.measure(valid=step in valid_steps, sharpness=step in probed_steps)
        test = self.evaluate_test and final and self.task.test is not None
        outcomes = group.outcomes(test=test)
        seconds = (time.perf_counter() - begin) / len(trials)
        group.drop_checkpoint()
        for trial, outcome, member in outcomes:
            if self.keep_models and final and outcome.ok:
                self._states[trial] = member.model_state()
            if self.keep_end(trial) and outcome.ok:
                self._ends[trial] = member.end_state()
            yield trial, replace(outcome, seconds=seconds)

    def _advance(self, group: TrialGroup, until: int) -> None:
        """Train a group up to a step, in slices between which it can be stopped."""
        while group.step < until:
            if self.stop():
                group.save()
                raise Interrupted
            steps = min(until - group.step, self._slice_steps)
            begin = time.perf_counter()
            group.train(steps)
            growth = min(MAX_SLICE_GROWTH, SLICE_SECONDS / max(time.perf_counter() - begin, 1e-9))
            # A slice that was cut short at ``until`` does not show that longer slices fit.
            if steps == self._slice_steps or growth < 1:
                self._slice_steps = max(1, int(steps * growth))
            self.progress.advance(steps * group.members)
            if time.monotonic() - group.saved_at > CHECKPOINT_SECONDS:
                group.save()
                group.saved_at = time.monotonic()


@dataclass(slots=True)
class TrialGroup:
    """Trials of one length that train together: one fleet for each seed.

    Attributes:
        trials: Trials of each seed, in the order of the fleet's members.
        fleets: Fleet of each seed.
        path: Path of the checkpoints, to which the seed is added; ``None`` writes none.
        saved_at: Time (``time.monotonic``) of the last checkpoint, or of the group's creation.
    """

    trials: dict[int, list[Trial]]
    fleets: dict[int, Fleet]
    path: Path | None
    saved_at: float = field(default_factory=time.monotonic)
    _valid: dict[Trial, list[tuple[int, float]]] = field(default_factory=dict)
    _probes: dict[Trial, list[SharpnessProbe]] = field(default_factory=dict)

    @classmethod
    def of(cls, trainer: FleetTrainer, trials: Sequence[Trial], steps: int) -> TrialGroup:
        """Return the group of some trials, with fleets from their checkpoints where there are any."""
        by_seed: dict[int, list[Trial]] = {}
        for trial in trials:
            by_seed.setdefault(trial.seed, []).append(trial)
        path = None if trainer.checkpoints is None else trainer.checkpoints / f"{_group_key(trials)}.safetensors"
        fleets = {
            seed: _load_checkpoint(path, seed, trainer)
            or create_fleet(
                trainer.task, [trial.recipe for trial in of_seed], seed=seed, plan=trainer.plan, total=steps
            )
            for seed, of_seed in by_seed.items()
        }
        for fleet in fleets.values():
            fleet.notify = trainer.progress.message
        if len({int(fleet.step.max()) for fleet in fleets.values()}) > 1:  # one of the checkpoints was lost
            fleets = {
                seed: create_fleet(trainer.task, [t.recipe for t in of_seed], seed=seed, plan=trainer.plan, total=steps)
                for seed, of_seed in by_seed.items()
            }
        assign_processes([*fleets.values()])
        group = cls(by_seed, fleets, path)
        group._load_measurements()
        return group

    @property
    def step(self) -> int:
        """Number of steps taken by the members that have not diverged."""
        return max(int(fleet.step.max()) for fleet in self.fleets.values())

    @property
    def members(self) -> int:
        """Number of trials."""
        return sum(map(len, self.trials.values()))

    def train(self, steps: int) -> None:
        """Take steps with the members that have not diverged."""
        train_fleets(self._active_members(), steps)

    def _active_members(self) -> list[tuple[Fleet, list[int]]]:
        """Return each fleet with its members that go on training: those that have not diverged."""
        active = [(fleet, self._active_of(fleet)) for fleet in self.fleets.values()]
        if any(members for _, members in active):
            return [(fleet, members) for fleet, members in active if members]
        # All have diverged: one member trains on, so that the group reaches its last step.
        first = next(iter(self.fleets.values()))
        return [(first, [int(first.step.argmax())])]

    def _active_of(self, fleet: Fleet) -> list[int]:
        step = self.step
        members = range(len(fleet.recipes))
        return [member for member in members if int(fleet.step[member]) == step and not _has_diverged(fleet, member)]

    def measure(self, *, valid: bool, sharpness: bool) -> None:
        """Record the validation loss, or gradient norm and sharpness, of the members that have not diverged."""
        for seed, fleet in self.fleets.items():
            members = self._active_of(fleet)
            if valid and members:
                losses = evaluate_members(fleet, "valid", members=members).loss.tolist()
                for member, loss in zip(members, losses, strict=True):
                    point = int(fleet.step[member]), loss if math.isfinite(loss) else math.inf
                    self._valid.setdefault(self.trials[seed][member], []).append(point)
            if sharpness:
                for member, probe in probe_sharpness(fleet, members).items():
                    self._probes.setdefault(self.trials[seed][member], []).append(probe)

    def outcomes(self, *, test: bool) -> list[tuple[Trial, Outcome, _TrainedMember]]:
        """Return each trial with its outcome and its trained member.

        Args:
            test: Whether to evaluate the members on the test data.
        """
        results = []
        for seed, fleet in self.fleets.items():
            scores = evaluate_members(fleet, "valid")
            test_losses = evaluate_members(fleet, "test").loss.tolist() if test else [None] * len(fleet.recipes)
            metrics = [None] * len(fleet.recipes) if scores.metric is None else scores.metric.tolist()
            for member, trial in enumerate(self.trials[seed]):
                no_loss = _has_diverged(fleet, member) or not math.isfinite(float(scores.loss[member]))
                outcome = Outcome(
                    loss=math.inf if no_loss else float(scores.loss[member]),
                    metric=None if no_loss else finite_or_none(metrics[member]),
                    test_loss=None if no_loss else finite_or_none(test_losses[member]),
                    diverged_at=None if fleet.diverged_at[member] < 0 else int(fleet.diverged_at[member]),
                    train=_curve(fleet.curve(member)),
                    valid=_curve(self._valid.get(trial, [])),
                    probes=tuple(self._probes.get(trial, [])),
                )
                results.append((trial, outcome, _TrainedMember(fleet, member)))
        return results

    def save(self) -> None:
        """Write a checkpoint of every fleet, where there is a folder for them."""
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        measurements = {
            "valid": [[trial.seed, self._member_of(trial), points] for trial, points in self._valid.items()],
            "probes": [
                [trial.seed, self._member_of(trial), [asdict(probe) for probe in probes]]
                for trial, probes in self._probes.items()
            ],
        }
        # Measurements first: those of later steps than the weights' are dropped when they are loaded.
        with atomic_path(self.path.with_suffix(".json")) as temporary:
            temporary.write_text(json.dumps(measurements))
        for seed, fleet in self.fleets.items():
            save_fleet(fleet, _path_of_seed(self.path, seed))

    def _member_of(self, trial: Trial) -> int:
        return self.trials[trial.seed].index(trial)

    def _load_measurements(self) -> None:
        """Load the measurements that were saved with the checkpoints."""
        if self.path is None or not self.step or not self.path.with_suffix(".json").exists():
            return
        measurements = json.loads(self.path.with_suffix(".json").read_text())
        for seed, member, points in measurements["valid"]:
            self._valid[self.trials[seed][member]] = [(step, loss) for step, loss in points if step <= self.step]
        for seed, member, probes in measurements["probes"]:
            loaded = [SharpnessProbe(**probe) for probe in probes if probe["step"] <= self.step]
            self._probes[self.trials[seed][member]] = loaded

    def drop_checkpoint(self) -> None:
        """Remove the checkpoints of a group that has finished."""
        if self.path is not None:
            for seed in self.fleets:
                _path_of_seed(self.path, seed).unlink(missing_ok=True)
            self.path.with_suffix(".json").unlink(missing_ok=True)
            with suppress(OSError):
                self.path.parent.rmdir()  # only where it is empty


@dataclass(frozen=True, slots=True)
class _TrainedMember:
    """A member at the end of its training, whose state is copied only where it is kept."""

    fleet: Fleet
    member: int

    def end_state(self) -> EndState:
        """Return the complete state."""
        return EndState(self.fleet.state_dict(self.member), member_preconditioner(self.fleet, self.member))

    def model_state(self) -> dict[str, Tensor]:
        """Return the ``state_dict`` of the model, without non-persistent buffers."""
        persistent = self.fleet.model.state_dict().keys()
        return {name: value for name, value in self.fleet.state_dict(self.member).items() if name in persistent}


def _has_diverged(fleet: Fleet, member: int) -> bool:
    return int(fleet.diverged_at[member]) >= 0


def _load_checkpoint(path: Path | None, seed: int, trainer: FleetTrainer) -> Fleet | None:
    """Return the fleet in a checkpoint, or ``None`` where there is none that can be read."""
    if path is None or not _path_of_seed(path, seed).exists():
        return None
    try:
        return load_fleet(_path_of_seed(path, seed), trainer.task, plan=trainer.plan)
    except StudyError:
        return None  # after a damaged checkpoint, the trials are trained again


def _path_of_seed(path: Path, seed: int) -> Path:
    return path.with_name(f"{path.stem}-{seed}{path.suffix}")


def _group_key(trials: Sequence[Trial]) -> str:
    """Return a file name that depends on all trials of a group."""
    text = json.dumps([[str(trial.recipe), trial.steps, trial.seed] for trial in trials])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _curve(points: Sequence[tuple[int, float]]) -> Curve:
    return Curve(tuple(step for step, _ in points), tuple(loss for _, loss in points))
