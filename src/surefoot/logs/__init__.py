"""Readers of the logs that trainings write; ``READERS`` has every format, those of plugins included.

The first reader that accepts a file reads it. The last one takes any file for a table.
"""

from collections.abc import Mapping

from surefoot.core.plugins import Registry
from surefoot.logs import mlflow, tables, tensorboard_file
from surefoot.logs.training_log import LogContents, LogReader

BUILT_IN = (
    LogReader(
        "mlflow",
        "a run in MLflow's SQLite database or file store",
        patterns=(mlflow.DATABASE_NAME,),
        accepts=mlflow.is_database,
        read=lambda path: LogContents(mlflow.read_run_database(path)),
    ),
    LogReader(
        "tensorboard",
        "a TensorBoard event file",
        patterns=(),
        accepts=lambda path: "tfevents" in path.name,
        read=lambda path: tensorboard_file.read_event_files([path]),
    ),
    LogReader(
        "json",
        "Hugging Face's trainer_state.json, or one JSON list of rows",
        patterns=("trainer_state.json",),
        accepts=lambda path: path.suffix == ".json",
        read=lambda path: tables.table_contents(path, tables.read_trainer_state(path)),
    ),
    LogReader(
        "table",
        "a CSV file with a header (Lightning, Keras, a script's own), or one JSON object per line",
        patterns=("metrics.csv", "*.csv", "*.jsonl"),
        accepts=lambda path: True,  # noqa: ARG005  (the last resort)
        read=lambda path: tables.table_contents(path, tables.read_table(path)),
    ),
)
# Those of plugins come first: the last of the built-in ones accepts every file.
READERS: Mapping[str, LogReader] = Registry(
    {reader.name: reader for reader in BUILT_IN},
    "surefoot.log_readers",
    plugins_first=True,
    is_entry=lambda entry: isinstance(entry, LogReader),
)
