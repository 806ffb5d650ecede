"""A recipe as the columns of a table: one number or word for each setting that a search may choose.

TensorBoard's event files: a run for every training, the HPARAMS tab over all of them, and figures of the whole.

Scalars of a training are its losses, learning rate and momentum; of one of the recommended length, where they were
probed, the norm of the gradient and the sharpness of its mini-batches with its limit, the edge of stability;
``curvature/share`` is the one over the other.

The experiment is described once, in the root run, as TensorBoard heeds only the first description it meets; every
training has its session's start and end beside its scalars. Written here record by record, under a fixed name: a
report written again replaces its files and touches no others.
"""

from __future__ import annotations

import io
import math
import time
from collections.abc import Iterable, Iterator, Sequence
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

from surefoot.core.files import atomic_path, unwritable, writable_folder
from surefoot.plots.figures import png
from surefoot.plots.frontier import frontier
from surefoot.plots.heat_map import heat_map
from surefoot.recipe.recipe import Recipe
from surefoot.schedules.composition import Sequence as InTurn
from surefoot.schedules.composition import Warmup, without_warmup
from surefoot.schedules.schedule import Schedule
from surefoot.search.result import FULL_STAGES, SEARCH_STAGES, SearchResult
from surefoot.studies.measurements import Measurement

Setting: TypeAlias = float | str
# What stands in the table however little it varies.
ALWAYS = ("optimizer", "schedule", "lr", "momentum")


def settings_of(recipe: Recipe, *, total: int) -> dict[str, Setting]:
    """Return the settings of a recipe in a training of ``total`` steps.

    Learning rate, momentum and weight decay are the largest values of their schedules; ``warmup`` is a share of the
    training, ``final`` the last learning rate as a share of the largest. What a recipe does not have is not there.

    Example:
        >>> settings_of(Recipe.parse("sgd(lr=linear(0.5, warmup=10%, final=0.05), clip=1.0)"), total=1000)["warmup"]
        0.1
    """
    steps = np.arange(total)
    rates = recipe.lr.values(steps, total)
    hyper = dict(recipe.hyper)
    highest = float(rates.max())
    settings: dict[str, Setting] = {
        "optimizer": recipe.optimizer,
        "schedule": _shape(recipe),
        "lr": highest,
        "momentum": float(recipe.momentum.values(steps, total).max()),
        "warmup": _warmup(recipe.lr, total),
        "final": round(float(rates[-1]) / highest, 4) if highest else 0.0,
        "nesterov": "yes" if "nesterov" in recipe.switches else "no",
    }
    if recipe.clip is not None:
        settings["clip"] = recipe.clip
    if "weight_decay" in hyper:
        settings["weight_decay"] = float(hyper["weight_decay"].values(steps, total).max())
    return settings


def varying(rows: Sequence[dict[str, Setting]]) -> list[str]:
    """Return the settings worth a column: those that differ between the rows, and a few that are always wanted.

    Example:
        >>> varying([{"lr": 0.1, "final": 0.0}, {"lr": 0.1, "clip": 1.0, "final": 0.0}])
        ['lr', 'clip']
    """
    names = dict.fromkeys(name for row in rows for name in row)
    return [name for name in names if name in ALWAYS or len({row.get(name) for row in rows}) > 1]


def _shape(recipe: Recipe) -> str:
    """Return the name of the learning rate's schedule, its warmup left aside."""
    schedule = without_warmup(recipe.lr)
    return "sequence" if isinstance(schedule, InTurn) else schedule.name


def _warmup(schedule: Schedule, total: int) -> float:
    """Return the share of the training in which a schedule warms up."""
    first = schedule.parts[0] if isinstance(schedule, InTurn) else schedule
    return first.length.exact(total) / total if isinstance(first, Warmup) else 0.0


FILE = "events.out.tfevents.0.surefoot"
VALID, TRAIN, LR, MOMENTUM = "loss/valid", "loss/train", "recipe/lr", "recipe/momentum"
TEST, METRIC = "loss/test", "metric/valid"
GRAD_NORM, SHARPNESS, LIMIT, SHARE = "curvature/grad_norm", "curvature/sharpness", "curvature/limit", "curvature/share"
# What the HPARAMS tab shows of a training that did not diverge: one loss of 1e23 would stretch an axis beyond all use.
END_VALID, END_TRAIN = "hparams/validation_loss", "hparams/training_loss"
# A training that ends above so many times its first loss has diverged, if not beyond all numbers.
BLOWN_UP = 10.0
HEAT_MAP, FRONTIER = "figures/heat_map", "figures/frontier"


@dataclass(frozen=True, slots=True)
class Run:
    """One training: a recipe at one length on one seed.

    Attributes:
        trial: The recipe's number.
        stage: ``map``, ``climb`` or ``full``; of databases of version 0.1, ``search`` or ``confirm``.
        found: Its measurements, the shortest first; searches of version 0.1 measured a training on its way too.
    """

    trial: int
    stage: str
    found: tuple[Measurement, ...]

    @property
    def last(self) -> Measurement:
        """The measurement at its end."""
        return self.found[-1]

    @property
    def diverged(self) -> bool:
        """Whether it diverged, or ended far above its start."""
        losses = self.last.outcome.train.losses
        highest = BLOWN_UP * abs(losses[0]) if losses and losses[0] else math.inf
        return not (self.last.outcome.ok and self.last.outcome.loss <= highest)

    @property
    def group(self) -> str:
        """The session group: trainings that differ in nothing but the seed."""
        return f"trial-{self.trial:03d}/{self.stage}-{self.last.trial.steps}"

    @property
    def name(self) -> str:
        """The run's folder below the log folder."""
        return f"{self.group}-seed-{self.last.trial.seed}"


def write_tensorboard(result: SearchResult, folder: Path) -> None:
    """Write every training of a search as a run, in place of the runs that were written there before.

    Args:
        result: What the search found.
        folder: To be given to ``tensorboard --logdir``.

    Raises:
        OutputError: If the folder cannot be written.
    """
    runs = runs_of(result)
    columns = columns_of(runs)
    files = {folder / FILE: [_event(0, [*_experiment(runs, columns).value]), _event(0, _images(result))]}
    files |= {folder / run.name / FILE: list(_run_events(run, columns)) for run in runs}
    writable_folder(folder)
    _remove_others(folder, keep=set(files))
    for path, events in files.items():
        writable_folder(path.parent)
        _write(path, events)


def runs_of(result: SearchResult) -> list[Run]:
    """Return the trainings, recipes numbered as they first came up."""
    numbers: dict[Recipe, int] = {}
    found: dict[tuple[Recipe, str, int, int], list[Measurement]] = {}
    for row in result.measurements:
        stage = row.stage.split("/")[0]
        if stage in (*SEARCH_STAGES, *FULL_STAGES):
            numbers.setdefault(row.trial.recipe, len(numbers))
            found.setdefault((row.trial.recipe, stage, row.trial.steps, row.trial.seed), []).append(row)
    return [
        Run(numbers[recipe], stage, tuple(sorted(rows, key=lambda row: row.taken)))
        for (recipe, stage, _, _), rows in found.items()
    ]


def hyperparameters(run: Run) -> dict[str, Setting]:
    """Return what can be said of a training in the HPARAMS tab."""
    settings = settings_of(run.last.trial.recipe, total=run.last.trial.steps)
    return {**settings, "stage": run.stage, "steps": float(run.last.taken)}


def columns_of(runs: Iterable[Run]) -> list[str]:
    """Return the columns of the HPARAMS tab: what differs between the trainings, and what is always wanted."""
    return [*dict.fromkeys([*varying([hyperparameters(run) for run in runs]), "stage", "steps"])]


def _experiment(runs: Sequence[Run], columns: Sequence[str]) -> Summary:
    """Return the description of the whole: which hyperparameters there are, over which values, and the metrics."""
    settings = [hyperparameters(run) for run in runs]
    values = {name: [row[name] for row in settings if name in row] for name in columns}
    hparams = [summary_v2.HParam(name, _domain(found)) for name, found in values.items()]
    names = {END_VALID: "validation loss", END_TRAIN: "training loss"}
    metrics = [summary_v2.Metric(tag, display_name=name) for tag, name in names.items()]
    if any(row.outcome.metric is not None for run in runs for row in run.found):
        metrics.append(summary_v2.Metric(METRIC, display_name="validation metric"))
    described: Summary = summary_v2.hparams_config_pb(hparams=hparams, metrics=metrics)
    return described


def _domain(values: list[Setting]) -> summary_v2.Domain:
    numbers = [value for value in values if isinstance(value, float)]
    if numbers:
        return summary_v2.RealInterval(min(numbers), max(numbers))
    return summary_v2.Discrete(sorted({str(value) for value in values}))


def _run_events(run: Run, columns: Sequence[str]) -> Iterator[Event]:
    settings = hyperparameters(run)
    start = summary_v2.hparams_pb({name: settings[name] for name in columns if name in settings}, trial_id=run.group)
    yield _event(0, start.value)
    yield from _curve_events(run.last)
    for seen in run.last.outcome.probes:
        share = None if seen.limit is None else seen.sharpness / seen.limit
        values = {GRAD_NORM: seen.grad_norm, SHARPNESS: seen.sharpness, LIMIT: seen.limit, SHARE: share}
        yield from _scalar_events(seen.step, values)
    valid = run.last.outcome.valid
    for step, loss in zip(valid.steps, valid.losses, strict=True):
        if step < run.last.taken:
            yield from _scalar_events(step, {VALID: loss})
    for row in run.found:
        losses = {VALID: row.outcome.loss, TEST: row.outcome.test_loss, METRIC: row.outcome.metric}
        yield from _scalar_events(row.taken, losses)
    if not run.diverged:
        ends = {END_VALID: run.last.outcome.loss, END_TRAIN: (run.last.outcome.train.losses or (None,))[-1]}
        yield from _scalar_events(run.last.taken, ends)
    yield _event(run.last.taken, [_session_end(diverged=run.diverged)])


def _curve_events(row: Measurement) -> Iterator[Event]:
    trial, curve = row.trial, row.outcome.train
    steps = np.array(curve.steps, dtype=np.int64)
    lr, momentum = (each.values(steps, trial.steps).tolist() for each in (trial.recipe.lr, trial.recipe.momentum))
    for step, loss, rate, beta in zip(curve.steps, curve.losses, lr, momentum, strict=True):
        yield from _scalar_events(step, {TRAIN: loss, LR: rate, MOMENTUM: beta})


def _scalar_events(step: int, values: dict[str, float | None]) -> Iterator[Event]:
    """Yield one event with the values that there are; what is not finite is left out, not drawn."""
    known = {tag: value for tag, value in values.items() if value is not None and math.isfinite(value)}
    if known:
        yield _event(step, [scalar_pb(tag, value).value[0] for tag, value in known.items()])


def _images(result: SearchResult) -> Iterator[Summary.Value]:
    """Yield the figures that say where good settings lie, as they are in the report."""
    figures = {HEAT_MAP: heat_map(result)} if runs_of(result) else {}
    figures |= {FRONTIER: frontier(result)} if result.frontier else {}
    for tag, figure in figures.items():
        picture = png(figure)
        with Image.open(io.BytesIO(picture)) as opened:
            width, height = opened.size
        image = Summary.Image(height=height, width=width, colorspace=3, encoded_image_string=picture)
        yield Summary.Value(tag=tag, image=image)


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
    """Remove the files of an earlier report that the new one does not replace, and folders that are empty then."""
    for path in folder.glob(f"trial-*/*/{FILE}"):
        if path not in keep:
            try:
                path.unlink()
            except OSError as error:
                raise unwritable(path, error) from None
            _remove_if_empty(path.parent)
            _remove_if_empty(path.parent.parent)


def _remove_if_empty(folder: Path) -> None:
    if not any(folder.iterdir()):
        folder.rmdir()


def _write(path: Path, events: Iterable[Event]) -> None:
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        records = RecordWriter(file)
        records.write(Event(wall_time=time.time(), file_version="brain.Event:2").SerializeToString())
        for event in events:
            records.write(event.SerializeToString())
