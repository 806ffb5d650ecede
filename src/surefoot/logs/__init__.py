"""Readers of the logs that trainings leave, each to the one :class:`surefoot.logs.curve.Curve`.

    read             a path -> a curve; finds out what wrote it
    curve, series    what a log amounts to
    names            which logged name is the training loss, which the learning rate
    crc32c           the checksum of those records
    event_records    the records of TensorBoard's event files, checked, and found again behind damage
    plain_scalars    what most of them hold, decoded many at once
    event_file       their scalars, also while the file grows
    tables           CSV (Lightning, Keras, any), JSONL
    trainer_state    Hugging Face
    mlflow_run       MLflow's file store
    mlflow_database  its SQLite store

Import from the modules.
"""
