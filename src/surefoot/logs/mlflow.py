"""Reads runs of MLflow, from its file store and from its SQLite store, which is the default of MLflow 3.

In the file store a run is a folder with one text file for each metric and parameter. A file in ``metrics/`` has lines
of "milliseconds value step", one in ``params/`` has one value.
"""

from __future__ import annotations

import math
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path

import numpy as np

from surefoot.core.errors import LogError
from surefoot.logs.names import join_names, quantity_of
from surefoot.logs.training_log import Series

METRICS_FOLDER, PARAMETERS_FOLDER, META_FILE = "metrics", "params", "meta.yaml"
DATABASE_NAME = "mlflow.db"
SQLITE_MAGIC = b"SQLite format 3\0"
# MLflow stores an infinite value as the largest float64, and has a column that marks NaN.
STORED_INFINITY = 1.7976931348623157e308


def is_run_folder(folder: Path) -> bool:
    """Return whether a folder is a run in the file store of MLflow."""
    return (folder / META_FILE).is_file() and (folder / METRICS_FOLDER).is_dir()


def is_database(path: Path) -> bool:
    """Return whether a file is a SQLite database."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(SQLITE_MAGIC)) == SQLITE_MAGIC


def read_run_folder(folder: Path) -> tuple[dict[str, Series], int]:
    """Read a run in the file store: its metrics, and its parameters as values at step 0.

    Returns:
        The series by name, and the number of damaged lines.

    Raises:
        LogError: If the run has no metrics.
    """
    points: dict[str, list[tuple[int, float]]] = {}
    damaged = 0
    for path in _files(folder / METRICS_FOLDER):
        for line in _text(path).splitlines():
            try:
                _, value, step = line.split()
                points.setdefault(_name(path, folder / METRICS_FOLDER), []).append((int(step), float(value)))
            except ValueError:
                damaged += 1
    if not points:
        raise LogError(f"{folder}: no metrics in it.", hint="log them with mlflow.log_metric.")
    parameters = {_name(path, folder / PARAMETERS_FOLDER): _text(path) for path in _files(folder / PARAMETERS_FOLDER)}
    return _add_parameters(_series(points), parameters), damaged


def read_run_database(path: Path, wanted: str | None = None) -> dict[str, Series]:
    """Read a run in the SQLite store: its metrics, and its parameters as values at step 0.

    Args:
        path: The database.
        wanted: Name or ID of the run; not required where there is only one.

    Raises:
        LogError: If the file is not a database of MLflow, lacks the run, or has several and none is named.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            run = _choose_run(path, _runs(database), wanted)
            rows = database.execute(
                "SELECT key, step, value, is_nan FROM metrics WHERE run_uuid = ? ORDER BY key, timestamp, step", [run]
            ).fetchall()
            parameters = dict(database.execute("SELECT key, value FROM params WHERE run_uuid = ?", [run]).fetchall())
    except sqlite3.Error as error:
        hint = f"MLflow's own is called {DATABASE_NAME}."
        raise LogError(f"{path}: not a database of MLflow ({error}).", hint=hint) from error
    points: dict[str, list[tuple[int, float]]] = {}
    for name, step, value, is_nan in rows:
        points.setdefault(name, []).append((step, math.nan if is_nan else _restore_infinity(value)))
    return _add_parameters(_series(points), parameters)


def _series(points: Mapping[str, list[tuple[int, float]]]) -> dict[str, Series]:
    """Return the series of points (step, value) by name."""
    series = {}
    for name, rows in points.items():
        steps, values = zip(*rows, strict=True)
        series[name] = Series.from_maybe_unnumbered(np.array(steps, dtype=np.int64), np.array(values))
    return series


def _add_parameters(metrics: Mapping[str, Series], parameters: Mapping[str, str]) -> dict[str, Series]:
    """Return metrics, with the numeric parameters whose quantity no metric has, as values at step 0."""
    measured = {quantity_of(name) for name in metrics}
    series = dict(metrics)
    for name, value in parameters.items():
        if name not in metrics and quantity_of(name) not in measured:
            with suppress(ValueError):  # the parameter is not a number
                series[name] = Series.of([(0, float(value))])
    return series


def _runs(database: sqlite3.Connection) -> dict[str, str]:
    """Return the runs with metrics that are not deleted, by ID: the name, or else the ID, by which to choose each."""
    names = dict(
        database.execute(
            "SELECT run_uuid, name FROM runs WHERE lifecycle_stage = 'active'"
            " AND run_uuid IN (SELECT run_uuid FROM latest_metrics) ORDER BY start_time"
        ).fetchall()
    )
    counts = Counter(names.values())
    return {run: name if name and counts[name] == 1 else run for run, name in names.items()}


def _choose_run(path: Path, runs: dict[str, str], wanted: str | None) -> str:
    """Return the ID of the run with a name or ID, or of the only run.

    Raises:
        LogError: If there is no such run, or there are several and none is named.
    """
    if not runs:
        raise LogError(f"{path}: no run with metrics in it.", hint="log them with mlflow.log_metric.")
    matching = [run for run, name in runs.items() if wanted in (None, run, name)]
    if len(matching) == 1:
        return matching[0]
    what = f"{len(runs)} runs in it" if wanted is None else f"no run {wanted!r} in it, but {len(runs)} others"
    raise LogError(
        f"{path}: {what}: {join_names(runs.values(), 6)}.", hint=f"give one of them, as {path}/{[*runs.values()][-1]}."
    )


def _restore_infinity(value: float) -> float:
    return math.copysign(math.inf, value) if abs(value) >= STORED_INFINITY else value


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
