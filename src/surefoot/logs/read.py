"""A path -> the curve of the training that was logged there, whatever wrote it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from surefoot.core.errors import LogError
from surefoot.logs import event_file, mlflow
from surefoot.logs.curve import Curve, Series
from surefoot.logs.event_file import EventFile, Points, joined
from surefoot.logs.names import Quantity, chosen, listed, meant
from surefoot.logs.tables import FORMATS, Table, read_table, read_trainer_state

WANDB = "export the run: wandb.Api().run(PATH).history(samples=100000).to_csv('run.csv')."
SINGLE_FILES = (mlflow.NAME, "trainer_state.json", "metrics.csv", "*.csv", "*.jsonl")
# Folders into which one training writes, as Keras' callback does; ``add_scalars`` puts its tag and a _ before.
PARTS = ("train", "training", "validation", "valid", "val", "eval")


@dataclass(slots=True)
class Logged:
    """Everything in a log: each series by its name, and what to tell the reader."""

    series: dict[str, Series]
    notes: list[str] = field(default_factory=list)


def read_curve(path: Path | str, names: Mapping[Quantity, str] | None = None) -> Curve:
    """Read a training's log.

    A file is a TensorBoard event file, Hugging Face's ``trainer_state.json``, a CSV with a line of names
    (Lightning's ``metrics.csv``, Keras' CSVLogger, a script's own), JSONL, or MLflow's database. A folder holds one of
    these, or is a run of MLflow. One run of several in a database is given as if it were a file below it:
    ``mlflow.db/calm-owl-12``.

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
    try:
        if path.is_dir():
            return _folder(path)
        if mlflow.is_database(path.parent):
            return Logged(mlflow.read_run_database(path.parent, path.name))
        if not path.exists():
            raise LogError(f"{path}: there is no such file.", hint=_nearby(path))
        return _file(path)
    except OSError as error:
        raise LogError(f"{path}: cannot be read ({error.strerror}).", hint="check its permissions.") from error


def _file(path: Path) -> Logged:
    if path.suffix == ".wandb":
        raise LogError(f"{path}: only W&B itself reads its local files.", hint=WANDB)
    if mlflow.is_database(path):
        return Logged(mlflow.read_run_database(path))
    if "tfevents" in path.name:
        return _event_files([path])
    return _from_table(path, read_trainer_state(path) if path.suffix == ".json" else read_table(path))


def _folder(folder: Path) -> Logged:
    """Read the one log in a folder, or in those below it."""
    own = _own(folder)
    if own is not None:
        return own
    runs = {run: found for run in _folders_below(folder) if (found := _own(run)) is not None}
    if len(runs) > 1 and _are_parts([*runs]):
        return _joined(runs)
    if len(runs) == 1:
        return next(iter(runs.values()))
    if runs:
        some = listed((run.relative_to(folder).as_posix() for run in runs), 6)
        raise LogError(f"{folder}: {len(runs)} runs in it: {some}.", hint="give one of them.")
    if events := _events(folder):
        return _event_files(events)  # which says that there are no scalars in them
    raise LogError(f"{folder}: no log in it.", hint=FORMATS)


def _are_parts(runs: Sequence[Path]) -> bool:
    """Tell whether folders are what one training wrote its parts into."""
    named = all(run.name.rpartition("_")[2] in PARTS for run in runs)
    return named and len({(run.parent, run.name.rpartition("_")[0]) for run in runs}) == 1


def _own(folder: Path) -> Logged | None:
    """Read the log that lies in a folder itself, ``None`` where there is none."""
    if mlflow.is_run_folder(folder):
        found, damaged = mlflow.read_run_folder(folder)
        return Logged(found, _damage(damaged))
    if (events := _events(folder)) and (logged := _event_files(events, must=False)).series:
        return logged
    for pattern in SINGLE_FILES:
        files = sorted(path for path in folder.glob(pattern) if path.is_file())
        if len(files) == 1:
            return _file(files[0])
        if files:
            some = listed((path.name for path in files), 6)
            raise LogError(f"{folder}: {len(files)} tables in it: {some}.", hint="give one of them.")
    return None


def _events(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(event_file.NAME) if path.is_file())


def _folders_below(folder: Path) -> list[Path]:
    """Return all folders in a folder; what lies in a run of MLflow is part of that run."""

    def part_of_run(path: Path) -> bool:
        return any(mlflow.is_run_folder(folder / parent) for parent in path.relative_to(folder).parents)

    return sorted(path for path in folder.rglob("*") if path.is_dir() and not part_of_run(path))


def _joined(runs: Mapping[Path, Logged]) -> Logged:
    """Return what training and validation wrote into folders of their own, as Keras does, as one log."""
    series = {f"{run.name}/{name}": found for run, logged in runs.items() for name, found in logged.series.items()}
    return Logged(series, [note for logged in runs.values() for note in logged.notes])


def _event_files(paths: list[Path], *, must: bool = True) -> Logged:
    """Read the event files of one run, which a training begins anew each time it is started; in order of time.

    Args:
        paths: The files; one that cannot be read is left out where another can.
        must: Whether there must be scalars in them.

    Raises:
        LogError: If none can be read, or there are no scalars and must be.
    """
    points: dict[str, list[Points]] = {}
    notes, faults = [], []
    for path in paths:
        file = EventFile(path)
        try:
            file.read()
        except LogError as error:
            faults.append(error)
            continue
        notes += [file.lost] if file.lost else []
        for tag, own in file.points.items():
            points.setdefault(tag, []).append(own)
    if len(faults) == len(paths):
        raise faults[0]
    if must and not points:
        raise LogError(f"{paths[0]}: no scalars in it.", hint="log them with SummaryWriter.add_scalar.")
    notes += [f"left out: {str(fault).partition(' Hint:')[0]}" for fault in faults]
    return Logged({tag: Series.counted(*joined(parts)) for tag, parts in points.items()}, notes)


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


def _nearby(path: Path) -> str:
    names = sorted(file.name for file in path.parent.iterdir())[:5] if path.parent.is_dir() else []
    return f"beside it: {', '.join(names)}." if names else "check the path."
