"""One study: what it was asked, what it measured, what it found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from surefoot.errors import StudyError
from surefoot.recipe import Recipe
from surefoot.studies.database import Database
from surefoot.studies.environment import environment
from surefoot.studies.lease import hold, is_left
from surefoot.studies.measurement import Measurement
from surefoot.studies.rows import insert_measurements, insert_row, looks_of, measurement_of, select_measurements
from surefoot.studies.schema import checkpoints, stages, studies, trials
from surefoot.values import Json

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
    def open(cls, text: str) -> Study:
        """Open the study that ``PATH`` (its newest) or ``PATH#id`` names.

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
        return cls(database, int(number) if named else known[-1])

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

    def record(self, stage: str, found: Sequence[Measurement], *, config_steps: int, seconds: float) -> None:
        """Write a finished stage with all its measurements, in one transaction; its checkpoint is dropped.

        Raises:
            StudyError: If the stage is recorded already, another process drives the study, or it cannot be written.
        """
        row = {"study_id": self.id, "name": stage, "config_steps": config_steps, "seconds": seconds}
        with self._driving() as connection:
            known = select(stages.c.id).where(stages.c.study_id == self.id, stages.c.name == stage)
            if connection.scalar(known) is not None:
                raise StudyError(f"stage {stage!r} of study {self.name} is recorded already.")
            key = insert_row(connection, stages, row)
            insert_measurements(connection, found, study=self.id, stage=key)
            connection.execute(delete(checkpoints).where(*self._of_stage(stage)))
        self.checkpoint_path(stage).unlink(missing_ok=True)

    def stage(self, name: str) -> tuple[Measurement, ...] | None:
        """Return the measurements of a finished stage, ``None`` where it is not finished."""
        found = self.measurements(stage=name)
        return found if found or name in self.costs() else None

    def seconds(self) -> float:
        """Return how long the finished stages took, all together."""
        query = select(func.coalesce(func.sum(stages.c.seconds), 0.0)).where(stages.c.study_id == self.id)
        with self.database.read() as connection:
            return float(connection.execute(query).scalar_one())

    def costs(self) -> dict[str, int]:
        """Return the config-steps of every finished stage, in the order they were finished."""
        query = select(stages.c.name, stages.c.config_steps).where(stages.c.study_id == self.id).order_by(stages.c.id)
        with self.database.read() as connection:
            return {row.name: row.config_steps for row in connection.execute(query)}

    def measurements(self, *, stage: str | None = None) -> tuple[Measurement, ...]:
        """Return all measurements, or those of one stage, in the order they were recorded."""
        query = select_measurements(self.id)
        with self.database.read() as connection:
            rows = connection.execute(query if stage is None else query.where(stages.c.name == stage)).all()
            seen = looks_of(connection, self.id)
        return tuple(measurement_of(row, seen) for row in rows)

    def trials(self) -> dict[Recipe, int]:
        """Return every recipe of the study with its number."""
        mine = trials.c.study_id == self.id
        with self.database.read() as connection:
            rows = connection.execute(
                select(trials.c.recipe_json, trials.c.number).where(mine).order_by("number")
            ).all()
        return {Recipe.from_json(recipe): number for recipe, number in rows}

    def checkpoint_path(self, stage: str) -> Path:
        """Return where the checkpoint of an unfinished stage belongs: beside the database."""
        path = self.database.path
        return path.with_name(f"{path.name}-{self.id}-{stage.replace('/', '-')}.safetensors")

    def note_checkpoint(self, stage: str, *, steps: int) -> None:
        """Enter a checkpoint that has been written at :meth:`checkpoint_path`."""
        row = {"study_id": self.id, "stage": stage, "file": self.checkpoint_path(stage).name, "steps": steps}
        with self._driving() as connection:
            connection.execute(delete(checkpoints).where(*self._of_stage(stage)))
            connection.execute(insert(checkpoints).values(row))

    def checkpoint(self, stage: str) -> tuple[Path, int] | None:
        """Return the checkpoint of an unfinished stage and the steps it stands at."""
        query = select(checkpoints.c.file, checkpoints.c.steps).where(*self._of_stage(stage))
        with self.database.read() as connection:
            row = connection.execute(query).one_or_none()
        path = None if row is None else self.database.path.with_name(row.file)
        return (path, row.steps) if row is not None and path is not None and path.exists() else None

    @contextmanager
    def _driving(self) -> Iterator[Connection]:
        """Yield a connection to write with, unless another process drives the study."""
        with self.database.write() as connection:
            hold(connection, self.id, take=False)
            yield connection

    def _of_stage(self, stage: str) -> tuple[Any, ...]:
        return checkpoints.c.study_id == self.id, checkpoints.c.stage == stage

    def _set(self, connection: Connection, **values: Any) -> None:
        connection.execute(update(studies).where(studies.c.id == self.id).values(values))
