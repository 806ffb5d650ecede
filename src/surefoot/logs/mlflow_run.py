"""A run of MLflow's file store: a folder with one text file for each metric and parameter.

A file in ``metrics/`` has lines of "milliseconds value step", one in ``params/`` one value.
"""

from __future__ import annotations

from pathlib import Path

from surefoot.errors import LogError
from surefoot.logs.series import Series

METRICS, PARAMETERS, META = "metrics", "params", "meta.yaml"


def is_run(folder: Path) -> bool:
    """Tell whether a folder is a run of MLflow."""
    return (folder / META).is_file() and (folder / METRICS).is_dir()


def read_run(folder: Path) -> tuple[dict[str, Series], int]:
    """Read all metrics of a run, and the parameters that are numbers, as a value at step 0.

    Returns:
        The series by name, and how many lines were damaged.

    Raises:
        LogError: If a file cannot be read.
    """
    found: dict[str, Series] = {}
    damaged = 0
    for path in _files(folder / PARAMETERS):
        try:
            found[_name(path, folder / PARAMETERS)] = Series.of([(0, float(_text(path)))])
        except ValueError:
            continue  # a parameter that is no number
    for path in _files(folder / METRICS):
        points = []
        for line in _text(path).splitlines():
            try:
                _, value, step = line.split()
                points.append((int(step), float(value)))
            except ValueError:
                damaged += 1
        if points:
            found[_name(path, folder / METRICS)] = Series.of(points)
    return found, damaged


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _name(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise LogError(f"{path}: cannot be read ({error.strerror}).", hint="check its permissions.") from error
