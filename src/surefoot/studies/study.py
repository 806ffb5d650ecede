"""A study: the settings, measurements and result of one search or check."""

from __future__ import annotations

import os
import platform
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Connection, func, select, update

from surefoot.core.errors import StudyError
from surefoot.core.value_types import MAX_SEED, Json
from surefoot.recipe.recipe import Recipe
from surefoot.studies.database import Database, is_abandoned, take_or_renew_lease
from surefoot.studies.recorded_trials import (
    Measurement,
    insert_measurements,
    insert_row,
    measurement_of,
    probes_of,
    select_measurements,
)
from surefoot.studies.schema import stages, studies, trials
from surefoot.trainers.trial import Trial

# Packages whose versions a study keeps.
RECORDED_PACKAGES = ("surefoot", "torch", "numpy", "scipy", "scikit-learn", "sqlalchemy")


@dataclass(frozen=True, slots=True)
class StudyInfo:
    """The settings, status and result of a study.

    Attributes:
        id: Number of the study in the database.
        created: Time at which it was begun, UTC, ISO 8601.
        task: Name of the task.
        settings: Settings of the command, as JSON data.
        seed: Seed of everything random.
        environment: Versions and machine that it runs on, as JSON data.
        plan: How its fleets are run, as JSON data; ``None`` before calibration, and for functions and scripts.
        status: ``running``, ``interrupted``, ``failed`` or ``done``.
        result: Result as JSON data; ``None`` until the study is done.
    """

    id: int
    created: str
    task: str
    settings: dict[str, Any]
    seed: int
    environment: dict[str, Any]
    plan: dict[str, Any] | None
    status: str
    result: dict[str, Any] | None


class Study:
    """A study in a database, driven by one process at a time.

    The process that runs its trials takes its lease first. Every method that writes renews the lease if this process
    holds it, and raises an error if another one does.

    Args:
        database: Database of the study.
        number: Number of the study.

    Raises:
        StudyError: If the database has no study of that number.
    """

    def __init__(self, database: Database, number: int) -> None:
        self.database, self.id = database, number
        known = database.study_ids()
        if number not in known:
            raise StudyError(
                f"{str(database.path)!r} has no study {number}; there are {', '.join(map(str, known)) or 'none'}."
            )

    @classmethod
    def create(cls, database: Database, *, task: str, settings: dict[str, Json], seed: int) -> Study:
        """Begin a new study.

        Args:
            database: Database to write it to.
            task: Name of the task.
            settings: Settings of the command, as JSON data.
            seed: Seed of everything random.

        Raises:
            StudyError: If the seed is out of range, or the database cannot be written.
        """
        if not 0 <= seed <= MAX_SEED:
            raise StudyError(f"a study's seed is a whole number from 0 to {MAX_SEED}; given {seed}.")
        row = {
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "task": task,
            "settings": settings,
            "seed": seed,
            "environment": environment(),
            "status": "running",
        }
        with database.write() as connection:
            number = insert_row(connection, studies, row)
        return cls(database, number)

    @classmethod
    def open(cls, text: str, *, commands: Collection[str] = ()) -> Study:
        """Open a study by its name.

        Args:
            text: ``PATH#id``, or ``PATH`` for the newest study of a database.
            commands: Commands to prefer: ``PATH`` stands for the newest study of one of them, if there is any.

        Raises:
            StudyError: If there is no such database or no such study.
        """
        path, mark, number = text.rpartition("#")
        if mark and not number.isdecimal() and not Path(text).exists():
            raise StudyError(f"a study is PATH or PATH#id; given {text!r}.", hint=f"for example {path}#1.")
        named = bool(mark) and number.isdecimal()
        database = Database(Path(path if named else text), create=False)
        known = database.study_ids()
        if not known:
            raise StudyError(f"{str(database.path)!r} has no study yet.", hint="surefoot tune writes one.")
        if named:
            return cls(database, int(number))
        newest = [cls(database, number) for number in reversed(known)]
        return next((each for each in newest if each.info().settings.get("command") in commands), newest[0])

    @property
    def name(self) -> str:
        """Name that opens this study again: ``PATH#id``."""
        return f"{self.database.path}#{self.id}"

    def info(self) -> StudyInfo:
        """Return settings, status and result; the status of a study whose process was killed is ``interrupted``."""
        with self.database.read() as connection:
            row = {**connection.execute(select(studies).where(studies.c.id == self.id)).mappings().one()}
        abandoned = is_abandoned(row.pop("lease_owner"), row.pop("lease_until"))
        status = "interrupted" if abandoned and row["status"] == "running" else row["status"]
        return StudyInfo(**{**row, "status": status})

    def take_lease(self) -> None:
        """Take the lease of the study, or renew it.

        Raises:
            StudyError: If another process holds it.
        """
        with self.database.write() as connection:
            take_or_renew_lease(connection, self.id, take=True)

    def release(self, *, status: str, result: dict[str, Json] | None = None) -> None:
        """Give up the lease.

        Args:
            status: ``interrupted``, ``failed`` or ``done``.
            result: Result as JSON data; ``None`` keeps the one it has.

        Raises:
            StudyError: If another process drives the study, or it cannot be written.
        """
        with self._driving() as connection:
            self._set(connection, status=status, lease_owner=None, lease_until=None)
            if result is not None:
                self._set(connection, result=result)

    def set_plan(self, plan: dict[str, Json]) -> None:
        """Record how the fleets of the study are run, as JSON data."""
        with self._driving() as connection:
            self._set(connection, plan=plan, status="running")

    def extend_budget(self, budget: Json) -> None:
        """Set another budget, with which the study is resumed; it keeps its result.

        ``settings["budget"]`` becomes the new budget, ``settings["budgets"]`` lists all of them in order. The caller
        holds the lease.

        Args:
            budget: Budget as ``settings`` of :meth:`create` has it.

        Raises:
            StudyError: If another process drives the study, or it cannot be written.
        """
        with self._driving() as connection:
            settings = connection.execute(select(studies.c.settings).where(studies.c.id == self.id)).scalar_one()
            before = settings.get("budgets", [settings.get("budget")])
            changed = {**settings, "budget": budget, "budgets": [*before, budget]}
            self._set(connection, settings=changed, status="running")

    def set_compared(self, recipes: Json) -> None:
        """Set the recipes to compare with the recommended one; the caller holds the lease.

        Args:
            recipes: Recipes as ``settings["compare"]`` of :meth:`create` has them.

        Raises:
            StudyError: If another process drives the study, or it cannot be written.
        """
        with self._driving() as connection:
            settings = connection.execute(select(studies.c.settings).where(studies.c.id == self.id)).scalar_one()
            self._set(connection, settings={**settings, "compare": recipes})

    def add(self, stage: str, measurement: Measurement) -> None:
        """Write one measurement of an unfinished stage; :meth:`record` finishes the stage.

        Raises:
            StudyError: If the stage is finished, another process drives the study, or it cannot be written.
        """
        with self._driving() as connection:
            key = self._unfinished(connection, stage)
            insert_measurements(connection, [measurement], study=self.id, stage=key)
            cost = {
                "config_steps": stages.c.config_steps + measurement.taken,
                "seconds": stages.c.seconds + measurement.outcome.seconds,
            }
            connection.execute(update(stages).where(stages.c.id == key).values(cost))

    def partial(self, stage: str) -> tuple[Measurement, ...]:
        """Return the measurements of an unfinished stage, in the order in which they were added."""
        with self.database.read() as connection:
            return self._read(connection, stages.c.name == stage, stages.c.finished == 0)

    def record(self, stage: str, rows: Sequence[Measurement], *, config_steps: int, seconds: float) -> None:
        """Write a finished stage with all its measurements, in one transaction.

        Measurements that were added before are not written again, and come first in the stage.

        Args:
            stage: Name of the stage.
            rows: All measurements of the stage, with or without those that were added before.
            config_steps: Config-steps of the whole stage.
            seconds: Wall-clock seconds of the whole stage.

        Raises:
            StudyError: If the stage is finished, another process drives the study, or it cannot be written.
        """
        with self._driving() as connection:
            key = self._unfinished(connection, stage)
            added = Counter(row.trial for row in self._read(connection, stages.c.id == key))
            insert_measurements(connection, _without(rows, added), study=self.id, stage=key)
            end = {"config_steps": config_steps, "seconds": seconds, "finished": 1}
            connection.execute(update(stages).where(stages.c.id == key).values(end))

    def stage(self, name: str) -> tuple[Measurement, ...] | None:
        """Return the measurements of a finished stage, ``None`` if it is not finished."""
        rows = self.measurements(stage=name)
        return rows if rows or name in self.costs() else None

    def seconds(self, *, unfinished: bool = False) -> float:
        """Return the wall-clock seconds of all finished stages, with ``unfinished`` also of the others so far."""
        query = select(func.coalesce(func.sum(stages.c.seconds), 0.0)).where(*self._stages(unfinished=unfinished))
        with self.database.read() as connection:
            return float(connection.execute(query).scalar_one())

    def costs(self, *, unfinished: bool = False) -> dict[str, int]:
        """Return the config-steps of every finished stage, in the order in which they were begun.

        Args:
            unfinished: Whether to include unfinished stages, with their config-steps so far.
        """
        query = select(stages.c.name, stages.c.config_steps).where(*self._stages(unfinished=unfinished))
        with self.database.read() as connection:
            return {row.name: row.config_steps for row in connection.execute(query.order_by(stages.c.id))}

    def measurements(self, *, stage: str | None = None, unfinished: bool = False) -> tuple[Measurement, ...]:
        """Return all measurements, in the order in which they were recorded.

        Args:
            stage: Name of the only stage to return; ``None`` returns all stages.
            unfinished: Whether to include unfinished stages.
        """
        wanted = self._stages(unfinished=unfinished)
        with self.database.read() as connection:
            return self._read(connection, *wanted, *([] if stage is None else [stages.c.name == stage]))

    def trials(self) -> dict[Recipe, int]:
        """Return every recipe of the study with its number, unfinished stages included."""
        of_study = trials.c.study_id == self.id
        with self.database.read() as connection:
            rows = connection.execute(
                select(trials.c.recipe_json, trials.c.number).where(of_study).order_by("number")
            ).all()
        return {Recipe.from_json(recipe): number for recipe, number in rows}

    @property
    def model_path(self) -> Path:
        """Path of the weights of the recommended training, next to the database."""
        return self.database.path.with_name(f"{self.database.path.name}-{self.id}-model.safetensors")

    @property
    def output_path(self) -> Path:
        """Folder for what the trials of functions and scripts print, next to the database."""
        return self.database.path.with_name(f"{self.database.path.name}-{self.id}-output")

    @property
    def checkpoints_path(self) -> Path:
        """Folder for the checkpoints of unfinished trainings, next to the database; missing if there are none."""
        return self.database.path.with_name(f"{self.database.path.name}-{self.id}-checkpoints")

    @contextmanager
    def _driving(self) -> Iterator[Connection]:
        """Yield a connection that writes and renews the lease, unless another process drives the study."""
        with self.database.write() as connection:
            take_or_renew_lease(connection, self.id, take=False)
            yield connection

    def _stages(self, *, unfinished: bool) -> list[ColumnElement[bool]]:
        """Return the SQL conditions for the finished stages of the study, or for all of them."""
        of_study = stages.c.study_id == self.id
        return [of_study] if unfinished else [of_study, stages.c.finished == 1]

    def _unfinished(self, connection: Connection, stage: str) -> int:
        """Return the row number of an unfinished stage; the row is inserted if there is none."""
        known = select(stages.c.id, stages.c.finished).where(stages.c.study_id == self.id, stages.c.name == stage)
        row = connection.execute(known).one_or_none()
        if row is None:
            fresh = {"study_id": self.id, "name": stage, "config_steps": 0, "seconds": 0.0, "finished": 0}
            return insert_row(connection, stages, fresh)
        if row.finished:
            raise StudyError(f"stage {stage!r} of study {self.name} is recorded already.")
        return int(row.id)

    def _read(self, connection: Connection, *where: ColumnElement[bool]) -> tuple[Measurement, ...]:
        rows = connection.execute(select_measurements(self.id).where(*where)).all()
        probes = probes_of(connection, self.id)
        return tuple(measurement_of(row, probes) for row in rows)

    def _set(self, connection: Connection, **values: Any) -> None:
        connection.execute(update(studies).where(studies.c.id == self.id).values(values))


def environment() -> dict[str, Json]:
    """Return the versions of packages and the machine as JSON data, for a study to be understood years later."""
    versions: dict[str, Json] = {name: _version(name) for name in RECORDED_PACKAGES}
    return {
        "python": platform.python_version(),
        "packages": versions,
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _without(rows: Sequence[Measurement], added: Counter[Trial]) -> list[Measurement]:
    """Return the measurements that were not added before; a trial may occur more than once."""
    remaining, new = added.copy(), []
    for row in rows:
        if remaining[row.trial] > 0:
            remaining[row.trial] -= 1
        else:
            new.append(row)
    return new
