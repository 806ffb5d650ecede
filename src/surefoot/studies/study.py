"""What a study ran on, so that it can be understood years later.

One study: what it was asked, what it measured, what it found.
"""

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
from surefoot.core.values import Json
from surefoot.recipe.recipe import Recipe
from surefoot.studies.database import Database
from surefoot.studies.lease import hold, is_left
from surefoot.studies.measurements import (
    Measurement,
    insert_measurements,
    insert_row,
    measurement_of,
    probes_of,
    select_measurements,
)
from surefoot.studies.schema import stages, studies, trials
from surefoot.trainers.trial import Trial

_PACKAGES = ("surefoot", "torch", "numpy", "scipy", "scikit-learn", "sqlalchemy")


def environment() -> dict[str, Json]:
    """Return versions, processor and operating system as JSON data."""
    versions: dict[str, Json] = {name: _version(name) for name in _PACKAGES}
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


LARGEST_SEED = 2**32 - 1


@dataclass(frozen=True, slots=True)
class StudyInfo:
    """What a study was asked and where it stands.

    Attributes:
        id: Its number in the database.
        created: UTC time, ISO 8601.
        task: The task's name.
        settings: What the command was given.
        seed: The study's seed.
        environment: What it ran on.
        plan: How, or ``None`` before calibration.
        status: ``running``, ``interrupted``, ``failed`` or ``done``.
        result: What it found, once it is done.
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

    Whoever trains for it takes its lease first. Every writing method refuses where another process holds the lease,
    and renews it where this one does.

    Args:
        database: Where it is.
        number: Which one.

    Raises:
        StudyError: If there is no such study.
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

        Raises:
            StudyError: If the seed is out of its range, or the database cannot be written.
        """
        if not 0 <= seed <= LARGEST_SEED:
            raise StudyError(f"a study's seed is a whole number from 0 to {LARGEST_SEED}; given {seed}.")
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
        """Open the study that ``PATH`` (its newest) or ``PATH#id`` names.

        Args:
            text: The name.
            commands: Of a ``PATH`` the newest study of one of these commands, if there is one.

        Raises:
            StudyError: If there is no such database or no such study.
        """
        path, mark, number = text.rpartition("#")
        if mark and not number.isdecimal() and not Path(text).exists():
            raise StudyError(f"a study is PATH or PATH#id; given {text!r}.", hint=f"as in {path}#1.")
        named = bool(mark) and number.isdecimal()
        database = Database(Path(path if named else text), create=False)
        known = database.study_ids()
        if not known:
            raise StudyError(f"{str(database.path)!r} holds no study yet.", hint="surefoot tune writes one.")
        if named:
            return cls(database, int(number))
        newest = [cls(database, number) for number in reversed(known)]
        return next((each for each in newest if each.info().settings.get("command") in commands), newest[0])

    @property
    def name(self) -> str:
        """The text that opens this study again: ``PATH#id``."""
        return f"{self.database.path}#{self.id}"

    def info(self) -> StudyInfo:
        """Return what the study was asked and where it stands; where its driver was killed, it is interrupted."""
        with self.database.read() as connection:
            row = {**connection.execute(select(studies).where(studies.c.id == self.id)).mappings().one()}
        left = is_left(row.pop("lease_owner"), row.pop("lease_until"))
        return StudyInfo(**{**row, "status": "interrupted" if left and row["status"] == "running" else row["status"]})

    def take_lease(self) -> None:
        """Become the study's driver, or renew that.

        Raises:
            StudyError: If another process drives it.
        """
        with self.database.write() as connection:
            hold(connection, self.id, take=True)

    def release(self, *, status: str, result: dict[str, Json] | None = None) -> None:
        """Give up driving the study, and say how it ended."""
        with self._driving() as connection:
            self._set(connection, status=status, lease_owner=None, lease_until=None)
            if result is not None:
                self._set(connection, result=result)

    def set_plan(self, plan: dict[str, Json]) -> None:
        """Record how the study is run."""
        with self._driving() as connection:
            self._set(connection, plan=plan, status="running")

    def extend_budget(self, budget: Json) -> None:
        """Give the study another budget to go on with; it is no longer done, and keeps the result it has.

        ``settings["budget"]`` becomes the new one, ``settings["budgets"]`` lists all of them, the first in front.
        Whoever calls this holds the lease.

        Args:
            budget: As ``settings`` of :meth:`create` had it.

        Raises:
            StudyError: If another process drives the study, or it cannot be written.
        """
        with self._driving() as connection:
            settings = connection.execute(select(studies.c.settings).where(studies.c.id == self.id)).scalar_one()
            before = settings.get("budgets", [settings.get("budget")])
            changed = {**settings, "budget": budget, "budgets": [*before, budget]}
            self._set(connection, settings=changed, status="running")

    def set_compared(self, recipes: Json) -> None:
        """Give the study recipes to compare with its answer; whoever calls this holds the lease.

        Args:
            recipes: As ``settings["compare"]`` of :meth:`create` had them.

        Raises:
            StudyError: If another process drives the study, or it cannot be written.
        """
        with self._driving() as connection:
            settings = connection.execute(select(studies.c.settings).where(studies.c.id == self.id)).scalar_one()
            self._set(connection, settings={**settings, "compare": recipes})

    def add(self, stage: str, measurement: Measurement) -> None:
        """Write one measurement of a stage that is not finished; :meth:`record` finishes the stage.

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
        """Return what was added to a stage that is not finished, in the order it was added."""
        with self.database.read() as connection:
            return self._read(connection, stages.c.name == stage, stages.c.finished == 0)

    def record(self, stage: str, found: Sequence[Measurement], *, config_steps: int, seconds: float) -> None:
        """Write a finished stage with all its measurements, in one transaction.

        Measurements of trials that were added before are not written again; those added come first in the stage.

        Args:
            stage: Its name.
            found: All its measurements, with or without those that were added before.
            config_steps: What the whole stage cost.
            seconds: How long the whole stage took.

        Raises:
            StudyError: If the stage is finished, another process drives the study, or it cannot be written.
        """
        with self._driving() as connection:
            key = self._unfinished(connection, stage)
            added = Counter(row.trial for row in self._read(connection, stages.c.id == key))
            insert_measurements(connection, _without(found, added), study=self.id, stage=key)
            end = {"config_steps": config_steps, "seconds": seconds, "finished": 1}
            connection.execute(update(stages).where(stages.c.id == key).values(end))

    def stage(self, name: str) -> tuple[Measurement, ...] | None:
        """Return the measurements of a finished stage, ``None`` where it is not finished."""
        found = self.measurements(stage=name)
        return found if found or name in self.costs() else None

    def seconds(self, *, unfinished: bool = False) -> float:
        """Return how long the finished stages took, all together; with what was added to the unfinished, if asked."""
        query = select(func.coalesce(func.sum(stages.c.seconds), 0.0)).where(*self._stages(unfinished=unfinished))
        with self.database.read() as connection:
            return float(connection.execute(query).scalar_one())

    def costs(self, *, unfinished: bool = False) -> dict[str, int]:
        """Return the config-steps of every finished stage, in the order they were begun.

        Args:
            unfinished: Whether the others are there too, with the steps of what was added to them.
        """
        query = select(stages.c.name, stages.c.config_steps).where(*self._stages(unfinished=unfinished))
        with self.database.read() as connection:
            return {row.name: row.config_steps for row in connection.execute(query.order_by(stages.c.id))}

    def measurements(self, *, stage: str | None = None, unfinished: bool = False) -> tuple[Measurement, ...]:
        """Return all measurements in the order they were recorded.

        Args:
            stage: Of this stage alone.
            unfinished: Whether those of unfinished stages are there too.
        """
        wanted = self._stages(unfinished=unfinished)
        with self.database.read() as connection:
            return self._read(connection, *wanted, *([] if stage is None else [stages.c.name == stage]))

    def trials(self) -> dict[Recipe, int]:
        """Return every recipe of the study with its number, those of unfinished stages too."""
        mine = trials.c.study_id == self.id
        with self.database.read() as connection:
            rows = connection.execute(
                select(trials.c.recipe_json, trials.c.number).where(mine).order_by("number")
            ).all()
        return {Recipe.from_json(recipe): number for recipe, number in rows}

    @property
    def model_path(self) -> Path:
        """Where the weights of the recommended training belong: beside the database."""
        return self.database.path.with_name(f"{self.database.path.name}-{self.id}-model.safetensors")

    @property
    def output_path(self) -> Path:
        """Folder for what the trials of functions and scripts print: beside the database."""
        return self.database.path.with_name(f"{self.database.path.name}-{self.id}-output")

    @property
    def checkpoints_path(self) -> Path:
        """Folder for the checkpoints of trainings that go on: beside the database; none is there when none do."""
        return self.database.path.with_name(f"{self.database.path.name}-{self.id}-checkpoints")

    @contextmanager
    def _driving(self) -> Iterator[Connection]:
        """Yield a connection to write with, unless another process drives the study."""
        with self.database.write() as connection:
            hold(connection, self.id, take=False)
            yield connection

    def _stages(self, *, unfinished: bool) -> list[ColumnElement[bool]]:
        """Return what holds of the study's finished stages, or of all."""
        mine = stages.c.study_id == self.id
        return [mine] if unfinished else [mine, stages.c.finished == 1]

    def _unfinished(self, connection: Connection, stage: str) -> int:
        """Return the row of a stage that is not finished; it is made, where there is none."""
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


def _without(found: Sequence[Measurement], added: Counter[Trial]) -> list[Measurement]:
    """Return the measurements whose trials were not added before; a trial may be there more than once."""
    left, fresh = added.copy(), []
    for row in found:
        if left[row.trial] > 0:
            left[row.trial] -= 1
        else:
            fresh.append(row)
    return fresh
