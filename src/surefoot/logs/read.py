"""A path -> the curve of the training that was logged there, whatever wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from surefoot.errors import LogError
from surefoot.logs import event_file, mlflow_run, trainer_state
from surefoot.logs.curve import Curve
from surefoot.logs.event_file import EventFile
from surefoot.logs.names import Quantity, chosen, listed, meant
from surefoot.logs.series import Series
from surefoot.logs.tables import FORMATS, Table, read_table

WANDB = "export the run: wandb.Api().run(PATH).history(samples=100000).to_csv('run.csv')."
TEXT_FILES = ("metrics.csv", "*.csv", "*.jsonl")


@dataclass(slots=True)
class Logged:
    """Everything in a log: each series by its name, and what to tell the reader."""

    series: dict[str, Series]
    notes: list[str] = field(default_factory=list)


def read_curve(path: Path | str, names: Mapping[Quantity, str] | None = None) -> Curve:
    """Read a training's log.

    A file is a TensorBoard event file, Hugging Face's ``trainer_state.json``, a CSV with a line of names
    (Lightning's ``metrics.csv``, Keras' CSVLogger, a script's own) or JSONL. A folder holds one of these, or is a run
    of MLflow.

    Args:
        path: File or folder.
        names: What the log calls the quantities, where a guess would be wrong.

    Returns:
        The curve, with the names that were taken for each quantity.

    Raises:
        LogError: If nothing can be read there, there is no loss in it, or a name is not in the log.
    """
    path = Path(path)
    logged = read_log(path)
    taken = chosen([*logged.series], names or {})
    if "train" not in taken and "valid" not in taken:
        raise LogError(f"{path}: no loss among {listed(logged.series)}.", hint="name it: --column train=NAME.")
    return Curve(
        str(path),
        **{quantity: logged.series[name] for quantity, name in taken.items()},
        names=taken,
        notes=(*logged.notes, *_others(logged.series, taken)),
    )


def read_log(path: Path) -> Logged:
    """Read everything in a log, by the names that it has there.

    Raises:
        LogError: If nothing can be read there.
    """
    if path.is_dir():
        return _folder(path)
    if not path.exists():
        raise LogError(f"{path}: there is no such file.", hint=_nearby(path))
    if path.suffix == ".wandb":
        raise LogError(f"{path}: only W&B itself reads its local files.", hint=WANDB)
    if _is_event_file(path):
        return _event_files([path])
    if path.suffix == ".json":
        return _from_table(path, trainer_state.read_trainer_state(path))
    return _from_table(path, read_table(path))


def _folder(folder: Path) -> Logged:
    """Read a folder that holds one log."""
    if mlflow_run.is_run(folder):
        found, damaged = mlflow_run.read_run(folder)
        return Logged(found, _damage(damaged))
    own = sorted(folder.glob(event_file.NAME))
    if own:
        return _event_files(own)
    if (folder / trainer_state.NAME).is_file():
        return read_log(folder / trainer_state.NAME)
    for pattern in TEXT_FILES:
        files = sorted(folder.glob(pattern))
        if len(files) == 1:
            return read_log(files[0])
    return _below(folder)


def _below(folder: Path) -> Logged:
    """Read the one run below a folder."""
    patterns = (event_file.NAME, trainer_state.NAME, "metrics.csv", mlflow_run.META)
    runs = sorted({file.parent for pattern in patterns for file in folder.rglob(pattern)} - {folder})
    runs = [run for run in runs if mlflow_run.is_run(run) or not (run / mlflow_run.META).is_file()]
    if len(runs) == 1:
        return _folder(runs[0])
    if runs:
        some = listed((run.relative_to(folder).as_posix() for run in runs), 6)
        raise LogError(f"{folder}: {len(runs)} runs in it: {some}.", hint="give one of them.")
    raise LogError(f"{folder}: no log in it.", hint=FORMATS)


def _event_files(paths: list[Path]) -> Logged:
    """Read the event files of one run, which a training begins anew each time it is started; in order of time."""
    points: dict[str, list[tuple[int, float]]] = {}
    notes = []
    for path in paths:
        file = EventFile(path)
        file.read()
        notes += [file.lost] if file.lost else []
        for tag, (steps, values) in file.points.items():
            points.setdefault(tag, []).extend(zip(steps, values, strict=True))
    if not points:
        raise LogError(f"{paths[0]}: no scalars in it.", hint="log them with SummaryWriter.add_scalar.")
    return Logged({tag: Series.of(rows) for tag, rows in points.items()}, notes)


def _from_table(path: Path, table: Table) -> Logged:
    series, counter = table.series()
    if not series:
        raise LogError(f"{path}: nothing but {counter} in it.", hint="a log has a loss for every step.")
    by = [] if counter == "step" else [f"steps are counted by {counter}"]
    return Logged(series, [*by, *_damage(table.damaged)])


def _damage(lines: int) -> list[str]:
    return [f"{lines} damaged line{'s' if lines > 1 else ''} left out"] if lines else []


def _others(series: Mapping[str, Series], taken: Mapping[Quantity, str]) -> list[str]:
    """Return notes on what else could have been meant."""
    notes = []
    for quantity, name in taken.items():
        rest = [other for other in series if other != name and meant(other) == quantity]
        if rest:
            notes.append(f"{quantity} is {name}; {listed(rest, 4)} could have been meant: --column {quantity}=NAME")
    return notes


def _is_event_file(path: Path) -> bool:
    return "tfevents" in path.name


def _nearby(path: Path) -> str:
    names = sorted(file.name for file in path.parent.iterdir())[:5] if path.parent.is_dir() else []
    return f"beside it: {', '.join(names)}." if names else "check the path."
