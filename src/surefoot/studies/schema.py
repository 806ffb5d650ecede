"""The tables of a study database: plain SQL that any SQLite tool reads, years later too.

An empty file becomes a database, and one of an older version becomes one of this, step by step.

    study         one tune: what it was asked, on what it ran, what it found
    ├── trial        one recipe of the study, numbered from 0 in the order of their first training
    ├── stage        one part of the study (map/..., climb/100/..., full/..., transfer/...), with its cost
    │   └── measurement   one recipe trained once in a stage: seed, steps, losses, seconds, failure
    │       ├── curve            its training losses, where any were kept
    │       ├── valid_curve      validation losses on its way, where any were reported
    │       └── sharpness_probe  gradient norm and sharpness at some of its steps
    checked       one check of a recipe: what it found

A stage whose ``finished`` is 0 is still being trained: it has the measurements that ended so far, and what those cost.
A loss of NULL did not stay finite, or, where ``failure`` says why, was never had. Numbers are exact: a REAL is the
double that was measured. Recipes are kept as text, as people write them, and as JSON, as programs read them.
``PRAGMA application_id`` is 1936093044 ("sfot"), and ``PRAGMA user_version`` the version of the schema. The
best recipes of study 1, without this program:

    SELECT trial.recipe, avg(measurement.valid_loss) AS loss, count(*) AS seeds
    FROM measurement JOIN trial ON trial.id = trial_id JOIN stage ON stage.id = stage_id
    WHERE trial.study_id = 1 AND stage.name LIKE 'full/%' AND stage.finished
    GROUP BY trial.id HAVING count(*) = count(valid_loss) ORDER BY loss;
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from surefoot.core.errors import StudyError

Step: TypeAlias = Callable[[Connection], None]

APPLICATION_ID = int.from_bytes(b"sfot")

metadata = MetaData()

studies = Table(
    "study",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("created", Text, nullable=False),  # UTC, ISO 8601
    Column("task", Text, nullable=False),
    Column("settings", JSON, nullable=False),  # what the command was given: enough to go on
    Column("seed", Integer, nullable=False),
    Column("environment", JSON, nullable=False),  # versions and machine
    Column("plan", JSON),  # how fleets were run; NULL before calibration
    Column("status", Text, nullable=False),  # running | interrupted | failed | done
    Column("result", JSON),  # what the command printed with --json; NULL until done
    Column("lease_owner", Text),  # the process that drives the study: host:process:start time
    Column("lease_until", Float),  # seconds since the epoch
)

trials = Table(
    "trial",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("study_id", ForeignKey("study.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),  # from 0, in the order of their first training
    Column("recipe", Text, nullable=False),
    Column("recipe_json", JSON, nullable=False),
    UniqueConstraint("study_id", "recipe"),
    UniqueConstraint("study_id", "number"),
)

stages = Table(
    "stage",
    metadata,
    Column("id", Integer, primary_key=True),  # ascending in the order they were begun
    Column("study_id", ForeignKey("study.id", ondelete="CASCADE"), nullable=False),
    Column("name", Text, nullable=False),
    Column("config_steps", Integer, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("finished", Integer, nullable=False, server_default=text("1")),  # 0: more measurements are to come
    UniqueConstraint("study_id", "name"),
)

measurements = Table(
    "measurement",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("stage_id", ForeignKey("stage.id", ondelete="CASCADE"), nullable=False),
    Column("trial_id", ForeignKey("trial.id", ondelete="CASCADE"), nullable=False),
    Column("seed", Integer, nullable=False),  # of initialisation and data order
    Column("total", Integer, nullable=False),  # length of the schedule in steps
    Column("steps", Integer, nullable=False),  # steps taken
    Column("valid_loss", Float),  # NULL: diverged or failed
    Column("metric", Float),
    Column("test_loss", Float),
    Column("diverged_at", Integer),  # step of the first loss that was not finite
    Column("seconds", Float),  # its share, where several were trained at once; NULL: not known
    Column("failure", Text),  # why there is no loss; NULL: it ran
    Index("measurement_stage", "stage_id"),
)

curves = Table(
    "curve",
    metadata,
    Column("measurement_id", ForeignKey("measurement.id", ondelete="CASCADE"), primary_key=True),
    Column("steps", JSON, nullable=False),
    Column("losses", JSON, nullable=False),  # mean since the step before; null: not finite
)

valid_curves = Table(
    "valid_curve",
    metadata,
    Column("measurement_id", ForeignKey("measurement.id", ondelete="CASCADE"), primary_key=True),
    Column("steps", JSON, nullable=False),
    Column("losses", JSON, nullable=False),  # null: not finite
)

sharpness_probes = Table(
    "sharpness_probe",
    metadata,
    Column("measurement_id", ForeignKey("measurement.id", ondelete="CASCADE"), primary_key=True),
    Column("step", Integer, primary_key=True),
    Column("grad_norm", Float, nullable=False),
    Column("sharpness", Float, nullable=False),  # along the optimizer's step
    Column("edge", Float),  # what it would be at the edge of stability; NULL: not known
)

checks = Table(
    "checked",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("created", Text, nullable=False),  # UTC, ISO 8601
    Column("task", Text, nullable=False),
    Column("recipe", Text, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("command", Text),  # what asks for the same again
    Column("environment", JSON, nullable=False),  # versions and machine
    Column("result", JSON, nullable=False),  # every training and all that was measured
)


def create(connection: Connection) -> None:
    """Create the tables of the present version."""
    metadata.create_all(connection)


def _with_checks(connection: Connection) -> None:
    connection.exec_driver_sql(
        "CREATE TABLE checked (id INTEGER NOT NULL, created TEXT NOT NULL, task TEXT NOT NULL, recipe TEXT NOT NULL, "
        "verdict TEXT NOT NULL, command TEXT, environment JSON NOT NULL, result JSON NOT NULL, PRIMARY KEY (id))"
    )


def _with_looks(connection: Connection) -> None:
    connection.exec_driver_sql(
        "CREATE TABLE look (measurement_id INTEGER NOT NULL, step INTEGER NOT NULL, grad_norm FLOAT NOT NULL, "
        "sharpness FLOAT NOT NULL, edge FLOAT, PRIMARY KEY (measurement_id, step), "
        "FOREIGN KEY(measurement_id) REFERENCES measurement (id) ON DELETE CASCADE)"
    )


def _with_outcomes(connection: Connection) -> None:
    for statement in (
        "ALTER TABLE stage ADD COLUMN finished INTEGER NOT NULL DEFAULT 1",
        "ALTER TABLE measurement ADD COLUMN seconds FLOAT",
        "ALTER TABLE measurement ADD COLUMN failure TEXT",
        "CREATE TABLE valid_curve (measurement_id INTEGER NOT NULL, steps JSON NOT NULL, losses JSON NOT NULL, "
        "PRIMARY KEY (measurement_id), FOREIGN KEY(measurement_id) REFERENCES measurement (id) ON DELETE CASCADE)",
        "ALTER TABLE look RENAME TO sharpness_probe",
    ):
        connection.exec_driver_sql(statement)


def _without_checkpoints(connection: Connection) -> None:
    """Drop a table of checkpoints that nothing reads any more: a trainer keeps its own, in files."""
    connection.exec_driver_sql("DROP TABLE checkpoint")


# MIGRATIONS[n - 1] turns a database of version n into one of version n + 1. Whoever changes a table above adds the
# step that makes the old table the same; steps that are here stay as they are.
MIGRATIONS: tuple[Step, ...] = (_with_checks, _with_looks, _with_outcomes, _without_checkpoints)


EMPTY = 0


@dataclass(frozen=True, slots=True)
class Versions:
    """A schema with its past.

    Attributes:
        create: Creates the present tables.
        steps: ``steps[n - 1]`` turns version n into version n + 1.
    """

    create: Step = create
    steps: Sequence[Step] = MIGRATIONS

    @property
    def present(self) -> int:
        """The present version; the first is 1."""
        return len(self.steps) + 1

    def of(self, connection: Connection) -> int:
        """Return the version of a database, ``EMPTY`` where there is nothing in it yet.

        Raises:
            StudyError: If it is somebody else's database, or of a newer version.
        """
        version = _pragma(connection, "user_version")
        if _pragma(connection, "application_id") != APPLICATION_ID:
            if version or connection.exec_driver_sql("SELECT 1 FROM sqlite_master").first():
                raise StudyError("it is a database, but not of studies.", hint="give another path.")
            return EMPTY
        if version > self.present:
            raise StudyError(f"it is of version {version}; known are 1 to {self.present}.", hint="update surefoot.")
        return version

    def update(self, connection: Connection) -> None:
        """Bring a database to the present version, within the connection's transaction."""
        version = self.of(connection)
        for step in [self.create] if version == EMPTY else self.steps[version - 1 :]:
            step(connection)
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version = {self.present}")


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
