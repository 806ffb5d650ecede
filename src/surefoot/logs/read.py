"""Reads the training log at a path, whatever program wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from surefoot.core.errors import LogError
from surefoot.logs import READERS, mlflow, tensorboard_file
from surefoot.logs.names import (
    TRAIN_WORDS,
    VALIDATION_WORDS,
    Quantity,
    join_names,
    match_names,
    quantity_of,
    split_words,
)
from surefoot.logs.tables import FORMATS_HINT
from surefoot.logs.tensorboard_file import read_event_files
from surefoot.logs.training_log import LogContents, Series, TrainingLog, damage_notes

WANDB_HINT = "export the run: wandb.Api().run(PATH).history(samples=100000).to_csv('run.csv')."
# A learning rate that is 0 all the time belongs to parameters that are frozen.
RATE = "lr"


def read_training_log(path: Path | str, names: Mapping[Quantity, str] | None = None) -> TrainingLog:
    """Read the log of one training.

    A file is a TensorBoard event file, Hugging Face's ``trainer_state.json``, a CSV with a line of names
    (Lightning's ``metrics.csv``, Keras' CSVLogger, a script's own), JSONL, or MLflow's database. A folder holds one of
    these, or is a run of MLflow. One run of several in a database is given as if it were a file below it:
    ``mlflow.db/calm-owl-12``.

    Args:
        path: File or folder.
        names: Names of quantities in the log, where they would be guessed wrong.

    Returns:
        The log, with the name that was taken for each quantity.

    Raises:
        LogError: If there is no log that can be read, it has no loss, or it lacks a name that was given.
    """
    path = Path(path)
    logged = read_log(path)
    given = names or {}
    taken = match_names(_candidates(logged.series, given), given)
    if "train" not in taken and "valid" not in taken:
        raise LogError(f"{path}: no loss among {join_names(logged.series)}.", hint="name it: --column train=NAME.")
    return TrainingLog(
        str(path),
        **{quantity: logged.series[name] for quantity, name in taken.items()},
        names=taken,
        notes=(*logged.notes, *_ambiguity_notes(logged.series, taken)),
    )


def read_log(path: Path) -> LogContents:
    """Read everything in a log, under the names that the log gives.

    Raises:
        LogError: If there is no log that can be read.
    """
    try:
        if path.is_dir():
            return _folder(path)
        if mlflow.is_database(path.parent):
            return LogContents(mlflow.read_run_database(path.parent, path.name))
        if not path.exists():
            raise LogError(f"{path}: there is no such file.", hint=_nearby(path))
        return _file(path)
    except OSError as error:
        raise LogError(f"{path}: cannot be read ({error.strerror}).", hint="check its permissions.") from error


def _file(path: Path) -> LogContents:
    if path.suffix == ".wandb":
        raise LogError(f"{path}: only W&B itself reads its local files.", hint=WANDB_HINT)
    reader = next(reader for reader in READERS.values() if reader.accepts(path))  # the last one accepts every file
    return reader.read(path)


def _folder(folder: Path) -> LogContents:
    """Read the only log in a folder or in the folders below it."""
    log = _log_in_folder(folder)
    if log is not None:
        parts = _logs_in(path for path in sorted(folder.iterdir()) if path.is_dir() and _part(path) is not None)
        merged = _merged_parts(parts) if len(parts) > 1 else None
        return log if merged is None else LogContents({**log.series, **merged.series}, [*log.notes, *merged.notes])
    runs = _logs_in(_folders_below(folder))
    if len(runs) > 1 and all(map(_part, runs)) and (merged := _merged_parts(runs)) is not None:
        return merged
    if len(runs) == 1:
        return next(iter(runs.values()))
    if runs:
        some = join_names((run.relative_to(folder).as_posix() for run in runs), 6)
        raise LogError(f"{folder}: {len(runs)} runs in it: {some}.", hint="give one of them.")
    if events := _event_paths(folder):
        return read_event_files(events)  # raises the error that there are no scalars in them
    raise LogError(f"{folder}: no log in it.", hint=FORMATS_HINT)


def _logs_in(folders: Iterable[Path]) -> dict[Path, LogContents]:
    """Return the log in each of some folders, without those that have none."""
    return {folder: log for folder in folders if (log := _log_in_folder(folder)) is not None}


def _candidates(series: Mapping[str, Series], given: Mapping[Quantity, str]) -> list[str]:
    """Return the names that quantities are looked for among: all but the learning rates of frozen parameters."""
    rates = [name for name in series if quantity_of(name) == RATE]
    frozen = {name for name in rates if not np.nanmax(series[name].values, initial=0.0) > 0.0}
    left_out = frozen if len(frozen) < len(rates) else set()
    return [name for name in series if name not in left_out or name in given.values()]


def _part(run: Path) -> str | None:
    """Return the role that the name of a folder is or ends with; ``None`` where there is none."""
    words = split_words(run.name.rpartition("_")[2])
    return words[0] if len(words) == 1 and words[0] in TRAIN_WORDS | VALIDATION_WORDS else None


def _log_in_folder(folder: Path) -> LogContents | None:
    """Read the log in a folder itself; ``None`` where there is none."""
    if mlflow.is_run_folder(folder):
        series, damaged = mlflow.read_run_folder(folder)
        return LogContents(series, damage_notes(damaged))
    if (events := _event_paths(folder)) and (logged := read_event_files(events, require_scalars=False)).series:
        return logged
    for pattern in (pattern for reader in READERS.values() for pattern in reader.patterns):
        files = sorted(path for path in folder.glob(pattern) if path.is_file())
        if len(files) == 1:
            return _file(files[0])
        if files:
            some = join_names((path.name for path in files), 6)
            raise LogError(f"{folder}: {len(files)} tables in it: {some}.", hint="give one of them.")
    return None


def _event_paths(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob(tensorboard_file.FILE_PATTERN) if path.is_file())


def _folders_below(folder: Path) -> list[Path]:
    """Return all folders below a folder, except those inside of an MLflow run."""

    def part_of_run(path: Path) -> bool:
        return any(mlflow.is_run_folder(folder / parent) for parent in path.relative_to(folder).parents)

    return sorted(path for path in folder.rglob("*") if path.is_dir() and not part_of_run(path))


def _merged_parts(runs: Mapping[Path, LogContents]) -> LogContents | None:
    """Return the logs of training and validation in separate folders as one; ``None`` if they are of several trainings.

    Keras' callback writes folders that are named after roles, and so do people with two writers. ``add_scalars`` of
    TensorBoard prepends its tag and an underscore, and one training may have several tags.
    """
    series: dict[str, Series] = {}
    for run, logged in runs.items():
        for name, each in logged.series.items():
            part_name = f"{_part(run)}/{_without_roles(name)}"
            if part_name in series or run.parent != next(iter(runs)).parent:
                return None
            series[part_name] = each
    return LogContents(series, [note for logged in runs.values() for note in logged.notes])


def _without_roles(name: str) -> str:
    """Return a name without its words for training and validation, where it has both: the folder decides.

    Example:
        >>> _without_roles("Training vs. Validation Loss"), _without_roles("epoch_loss")
        ('vs loss', 'epoch_loss')
    """
    words = split_words(name)
    if not ({*words} & TRAIN_WORDS and {*words} & VALIDATION_WORDS):
        return name
    return " ".join(word for word in words if word not in TRAIN_WORDS | VALIDATION_WORDS)


def _ambiguity_notes(series: Mapping[str, Series], taken: Mapping[Quantity, str]) -> list[str]:
    """Return notes on other names that could have been meant."""
    notes = []
    for quantity, name in taken.items():
        rest = [
            other
            for other in series
            if other != name and quantity_of(other) == quantity and not _are_equal(series[other], series[name])
        ]
        if rest:
            notes.append(f"{quantity} is {name}; {join_names(rest, 4)} could have been meant: --column {quantity}=NAME")
    return notes


def _are_equal(one: Series, other: Series) -> bool:
    """Return whether two series have the same values, as a learning rate that training and validation both log."""
    return np.array_equal(one.steps, other.steps) and np.array_equal(one.values, other.values, equal_nan=True)


def _nearby(path: Path) -> str:
    names = sorted(file.name for file in path.parent.iterdir())[:5] if path.parent.is_dir() else []
    return f"the folder has {', '.join(names)}." if names else "check the path."
