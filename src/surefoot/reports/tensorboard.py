"""TensorBoard event files of a search: a run for every training, the HPARAMS tab over all, and figures of the whole.

Scalars of a training are its losses, its learning rate and its momentum. Where the curvature was probed, they are also
the norm of the gradient, the sharpness of a mini-batch, the largest stable sharpness, and the ratio of the two,
``curvature/share``.

The root run describes the experiment once, as TensorBoard reads only the first description that it finds; every
training has the start and the end of its session. All files have a fixed name: a report written again replaces its own
files and touches no others.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from PIL import Image
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2, summary_v2
from tensorboard.plugins.scalar.summary_v2 import scalar_pb
from tensorboard.summary.writer.record_writer import RecordWriter

from surefoot.core.files import atomic_path, cannot_write, make_writable_folder
from surefoot.plots.chart import png
from surefoot.plots.figure_registry import FIGURES
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.composition import Sequence as ScheduleSequence
from surefoot.schedules.composition import Warmup, without_warmup
from surefoot.schedules.schedule import Schedule
from surefoot.search.result import FULL_STAGES, SEARCH_STAGES, SearchResult
from surefoot.studies.recorded_trials import Measurement

HParamValue: TypeAlias = float | str
# Columns that a table has even where all recipes agree.
ALWAYS_SHOWN = ("optimizer", "schedule", "lr", "momentum")


def recipe_columns(recipe: Recipe, *, total: int) -> dict[str, HParamValue]:
    """Return the hyperparameters of a recipe, by name; those that it does not have are left out.

    Learning rate, momentum and weight decay are the largest values of their schedules; ``warmup`` is a share of the
    training, ``final`` the last learning rate as a share of the largest.

    Args:
        recipe: The recipe.
        total: Length of the training in steps.

    Example:
        >>> recipe_columns(Recipe.parse("sgd(lr=linear(0.5, warmup=10%, final=0.05), clip=1.0)"), total=1000)["warmup"]
        0.1
    """
    steps = np.arange(total)
    rates = recipe.lr.values(steps, total)
    hyper = dict(recipe.hyper)
    highest = float(rates.max())
    columns: dict[str, HParamValue] = {
        "optimizer": recipe.optimizer,
        "schedule": _schedule_name(recipe),
        "lr": highest,
        "momentum": float(recipe.momentum.values(steps, total).max()),
        "warmup": _warmup_share(recipe.lr, total),
        "final": round(float(rates[-1]) / highest, 4) if highest else 0.0,
        "nesterov": "yes" if "nesterov" in recipe.switches else "no",
    }
    if recipe.clip is not None:
        columns["clip"] = recipe.clip
    if "weight_decay" in hyper:
        columns["weight_decay"] = float(hyper["weight_decay"].values(steps, total).max())
    return columns


def columns_that_vary(rows: Sequence[Mapping[str, HParamValue]]) -> list[str]:
    """Return the names of the columns that differ between rows, and of those that are always shown.

    Args:
        rows: The columns of several recipes.

    Example:
        >>> columns_that_vary([{"lr": 0.1, "final": 0.0}, {"lr": 0.1, "clip": 1.0, "final": 0.0}])
        ['lr', 'clip']
    """
    names = dict.fromkeys(name for row in rows for name in row)
    return [name for name in names if name in ALWAYS_SHOWN or len({row.get(name) for row in rows}) > 1]


def _schedule_name(recipe: Recipe) -> str:
    """Return the name of the learning rate's schedule without its warmup."""
    schedule = without_warmup(recipe.lr)
    return "sequence" if isinstance(schedule, ScheduleSequence) else schedule.name


def _warmup_share(schedule: Schedule, total: int) -> float:
    """Return the share of the training in which a schedule warms up."""
    first = schedule.parts[0] if isinstance(schedule, ScheduleSequence) else schedule
    return first.length.exact(total) / total if isinstance(first, Warmup) else 0.0


EVENT_FILE = "events.out.tfevents.0.surefoot"
# Tags of scalars.
VALID_LOSS, TRAIN_LOSS, LR, MOMENTUM = "loss/valid", "loss/train", "recipe/lr", "recipe/momentum"
TEST_LOSS, VALID_METRIC = "loss/test", "metric/valid"
GRAD_NORM, SHARPNESS = "curvature/grad_norm", "curvature/sharpness"
SHARPNESS_LIMIT, SHARE_OF_LIMIT = "curvature/limit", "curvature/share"
# Tags of the losses in the HPARAMS tab: without trainings that diverged, for one loss of 1e23 would stretch an axis
# beyond all use.
FINAL_VALID_LOSS, FINAL_TRAIN_LOSS = "hparams/validation_loss", "hparams/training_loss"
# A training that ends above this multiple of its first loss counts as diverged, finite or not.
DIVERGED_FACTOR = 10.0
# Figures that the root run has as images, by their names in the registry.
IMAGES = ("heat_map", "frontier")


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One training: a recipe at one length on one seed.

    Attributes:
        trial: Number of the recipe.
        stage: ``map``, ``climb`` or ``full``; of databases of version 0.1, ``search`` or ``confirm``.
        measurements: Its measurements, the shortest first; searches of version 0.1 measured a training on its way too.
    """

    trial: int
    stage: str
    measurements: tuple[Measurement, ...]

    @property
    def last(self) -> Measurement:
        """The measurement at the end of the training."""
        return self.measurements[-1]

    @property
    def diverged(self) -> bool:
        """Whether the training diverged, or ended far above its start."""
        losses = self.last.outcome.train.losses
        highest = DIVERGED_FACTOR * abs(losses[0]) if losses and losses[0] else math.inf
        return not (self.last.outcome.ok and self.last.outcome.loss <= highest)

    @property
    def group(self) -> str:
        """The session group: trainings that differ in nothing but the seed."""
        return f"trial-{self.trial:03d}/{self.stage}-{self.last.trial.steps}"

    @property
    def name(self) -> str:
        """The folder of the run, below the log folder."""
        return f"{self.group}-seed-{self.last.trial.seed}"


def write_tensorboard(result: SearchResult, folder: Path) -> None:
    """Write every training of a search as a run, in place of the runs of an earlier report.

    Args:
        result: What find or tune returned.
        folder: The folder for ``tensorboard --logdir``.

    Raises:
        OutputError: If the folder cannot be written.
    """
    runs = training_runs(result)
    columns = hparams_columns(runs)
    files = {folder / EVENT_FILE: [_event(0, [*_experiment(runs, columns).value]), _event(0, _figure_images(result))]}
    files |= {folder / run.name / EVENT_FILE: list(_run_events(run, columns)) for run in runs}
    make_writable_folder(folder)
    _remove_others(folder, keep=set(files))
    for path, events in files.items():
        make_writable_folder(path.parent)
        _write_events(path, events)


def training_runs(result: SearchResult) -> list[TrainingRun]:
    """Return the trainings of a search, with recipes numbered in the order in which they were first tried.

    Args:
        result: What find or tune returned.
    """
    numbers: dict[Recipe, int] = {}
    trainings: dict[tuple[Recipe, str, int, int], list[Measurement]] = {}
    for row in result.measurements:
        stage = row.stage.split("/")[0]
        if stage in (*SEARCH_STAGES, *FULL_STAGES):
            numbers.setdefault(row.trial.recipe, len(numbers))
            trainings.setdefault((row.trial.recipe, stage, row.trial.steps, row.trial.seed), []).append(row)
    return [
        TrainingRun(numbers[recipe], stage, tuple(sorted(rows, key=lambda row: row.taken)))
        for (recipe, stage, _, _), rows in trainings.items()
    ]


def hparams_of(run: TrainingRun) -> dict[str, HParamValue]:
    """Return the columns of a training in the HPARAMS tab.

    Args:
        run: The training.
    """
    columns = recipe_columns(run.last.trial.recipe, total=run.last.trial.steps)
    return {**columns, "stage": run.stage, "steps": float(run.last.taken)}


def hparams_columns(runs: Iterable[TrainingRun]) -> list[str]:
    """Return the names of the columns of the HPARAMS tab: those that vary, and a few that are always shown.

    Args:
        runs: All trainings of the search.
    """
    return [*dict.fromkeys([*columns_that_vary([hparams_of(run) for run in runs]), "stage", "steps"])]


def _experiment(runs: Sequence[TrainingRun], columns: Sequence[str]) -> Summary:
    """Return the description of the experiment: its hyperparameters with their values, and its metrics."""
    rows = [hparams_of(run) for run in runs]
    values = {name: [row[name] for row in rows if name in row] for name in columns}
    hparams = [summary_v2.HParam(name, _domain(column)) for name, column in values.items()]
    names = {FINAL_VALID_LOSS: "validation loss", FINAL_TRAIN_LOSS: "training loss"}
    metrics = [summary_v2.Metric(tag, display_name=name) for tag, name in names.items()]
    if any(row.outcome.metric is not None for run in runs for row in run.measurements):
        metrics.append(summary_v2.Metric(VALID_METRIC, display_name="validation metric"))
    description: Summary = summary_v2.hparams_config_pb(hparams=hparams, metrics=metrics)
    return description


def _domain(values: list[HParamValue]) -> summary_v2.Domain:
    numbers = [value for value in values if isinstance(value, float)]
    if numbers:
        return summary_v2.RealInterval(min(numbers), max(numbers))
    return summary_v2.Discrete(sorted({str(value) for value in values}))


def _run_events(run: TrainingRun, columns: Sequence[str]) -> Iterator[Event]:
    """Yield the events of a training: its hyperparameters, curves, probes, losses, and the end of its session."""
    hparams = hparams_of(run)
    start = summary_v2.hparams_pb({name: hparams[name] for name in columns if name in hparams}, trial_id=run.group)
    yield _event(0, start.value)
    yield from _curve_events(run.last)
    for probe in run.last.outcome.probes:
        share = None if probe.limit is None else probe.sharpness / probe.limit
        values = {GRAD_NORM: probe.grad_norm, SHARPNESS: probe.sharpness}
        yield from _scalar_events(probe.step, {**values, SHARPNESS_LIMIT: probe.limit, SHARE_OF_LIMIT: share})
    valid = run.last.outcome.valid
    for step, loss in zip(valid.steps, valid.losses, strict=True):
        if step < run.last.taken:
            yield from _scalar_events(step, {VALID_LOSS: loss})
    for row in run.measurements:
        losses = {VALID_LOSS: row.outcome.loss, TEST_LOSS: row.outcome.test_loss, VALID_METRIC: row.outcome.metric}
        yield from _scalar_events(row.taken, losses)
    if not run.diverged:
        train_loss = (run.last.outcome.train.losses or (None,))[-1]
        yield from _scalar_events(
            run.last.taken, {FINAL_VALID_LOSS: run.last.outcome.loss, FINAL_TRAIN_LOSS: train_loss}
        )
    yield _event(run.last.taken, [_session_end(diverged=run.diverged)])


def _curve_events(row: Measurement) -> Iterator[Event]:
    trial, curve = row.trial, row.outcome.train
    steps = np.array(curve.steps, dtype=np.int64)
    rates, momenta = (each.values(steps, trial.steps).tolist() for each in (trial.recipe.lr, trial.recipe.momentum))
    for step, loss, lr, momentum in zip(curve.steps, curve.losses, rates, momenta, strict=True):
        yield from _scalar_events(step, {TRAIN_LOSS: loss, LR: lr, MOMENTUM: momentum})


def _scalar_events(step: int, values: dict[str, float | None]) -> Iterator[Event]:
    """Yield one event with the finite values, by tag; nothing where there are none."""
    finite = {tag: value for tag, value in values.items() if value is not None and math.isfinite(value)}
    if finite:
        yield _event(step, [scalar_pb(tag, value).value[0] for tag, value in finite.items()])


def _figure_images(result: SearchResult) -> Iterator[Summary.Value]:
    """Yield the figures that show where good settings lie, as they are in the HTML report."""
    for name in IMAGES:
        if FIGURES[name].is_available(result):
            picture = png(FIGURES[name].draw(result))
            with Image.open(io.BytesIO(picture)) as opened:
                width, height = opened.size
            image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=picture)
            yield Summary.Value(tag=f"figures/{name}", image=image)


def _session_end(*, diverged: bool) -> Summary.Value:
    status = api_pb2.STATUS_FAILURE if diverged else api_pb2.STATUS_SUCCESS
    end = plugin_data_pb2.SessionEndInfo(status=status, end_time_secs=time.time())
    data = plugin_data_pb2.HParamsPluginData(session_end_info=end)
    return Summary.Value(
        tag=metadata.SESSION_END_INFO_TAG,
        metadata=metadata.create_summary_metadata(data),
        tensor=metadata.NULL_TENSOR,
    )


def _event(step: int, values: Iterable[Summary.Value]) -> Event:
    return Event(wall_time=time.time(), step=step, summary=Summary(value=list(values)))


def _remove_others(folder: Path, *, keep: set[Path]) -> None:
    """Remove event files of an earlier report that the new one does not replace, and folders that become empty."""
    for path in folder.glob(f"trial-*/*/{EVENT_FILE}"):
        if path not in keep:
            try:
                path.unlink()
            except OSError as error:
                raise cannot_write(path, error) from None
            _remove_if_empty(path.parent)
            _remove_if_empty(path.parent.parent)


def _remove_if_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()


def _write_events(path: Path, events: Iterable[Event]) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        records = RecordWriter(file)
        records.write(Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
        for event in events:
            records.write(event.SerializeToString())
