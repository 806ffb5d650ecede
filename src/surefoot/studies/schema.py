"""The tables of a study database, and the migration of older ones.

The tables are plain SQL, which any SQLite tool can read:

    study         one search or check: its settings, its environment, its result
    ├── trial        one recipe of the study, numbered from 0 in the order of the first trainings
    ├── stage        one part of the study, with its cost: map/... (lowest rung), climb/100/... (longer rungs),
    │                 full/... (full training), transfer/...
    │   └── measurement   one recipe trained once in a stage: seed, steps, losses, seconds, failure
    │       ├── curve            its training losses, if any were kept
    │       ├── valid_curve      its validation losses on the way, if any were reported
    │       └── sharpness_probe  gradient norm and sharpness at some of its steps
    checked       the result of one check of a recipe

A stage whose ``finished`` is 0 is still being trained: it has the measurements that ended so far, and their cost. A
loss is NULL if the training diverged, or if it failed for the reason in ``failure``. A REAL is exactly the double that
was measured. Recipes are stored as text, as people write them, and as JSON, as programs read them.
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

# Changes the tables of a database, within the transaction of a connection.
Migration: TypeAlias = Callable[[Connection], None]

# ``PRAGMA application_id`` of a study database.
APPLICATION_ID = int.from_bytes(b"sfot")

metadata = MetaData()

studies = Table(
    "study",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("created", Text, nullable=False),  # UTC, ISO 8601
    Column("task", Text, nullable=False),
    Column("settings", JSON, nullable=False),  # what the command was given: enough to resume the study
    Column("seed", Integer, nullable=False),
    Column("environment", JSON, nullable=False),  # versions and machine
    Column("plan", JSON),  # how fleets were run; NULL before calibration
    Column("status", Text, nullable=False),  # running | interrupted | failed | done
    Column("result", JSON),  # what the command printed with --json; NULL until done
    Column("lease_owner", Text),  # the process that drives the study, as host:process:start time
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
    Column("finished", Integer, nullable=False, server_default=text("1")),  # 0: more measurements will follow
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
    Column("command", Text),  # command that repeats the check
    Column("environment", JSON, nullable=False),  # versions and machine
    Column("result", JSON, nullable=False),  # result with all measurements
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
    """Drop the table of checkpoints, which trainers keep in files now."""
    connection.exec_driver_sql("DROP TABLE checkpoint")


# MIGRATIONS[n - 1] turns a database of version n into one of version n + 1. A change of a table above needs another
# migration; those that are here must not be changed.
MIGRATIONS: tuple[Migration, ...] = (_with_checks, _with_looks, _with_outcomes, _without_checkpoints)


# Version of an empty file.
EMPTY = 0


@dataclass(frozen=True, slots=True)
class Versions:
    """A schema with its older versions.

    Attributes:
        create: Creates the tables of the present version.
        steps: ``steps[n - 1]`` turns a database of version n into one of version n + 1.
    """

    create: Migration = create
    steps: Sequence[Migration] = MIGRATIONS

    @property
    def present(self) -> int:
        """Number of the present version; the first one is 1."""
        return len(self.steps) + 1

    def of(self, connection: Connection) -> int:
        """Return the version of a database, ``EMPTY`` if it has no tables yet.

        Raises:
            StudyError: If it is a database of another program, or has a newer version than this one knows.
        """
        version = _pragma(connection, "user_version")
        if _pragma(connection, "application_id") != APPLICATION_ID:
            if version or connection.exec_driver_sql("SELECT 1 FROM sqlite_master").first():
                raise StudyError("it is a database of another program.", hint="give another path.")
            return EMPTY
        if version > self.present:
            raise StudyError(
                f"it has version {version}; this program reads 1 to {self.present}.", hint="update surefoot."
            )
        return version

    def update(self, connection: Connection) -> None:
        """Migrate a database to the present version, within the connection's transaction."""
        version = self.of(connection)
        for migrate in [self.create] if version == EMPTY else self.steps[version - 1 :]:
            migrate(connection)
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.exec_driver_sql(f"PRAGMA user_version = {self.present}")


def _pragma(connection: Connection, name: str) -> int:
    return int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
