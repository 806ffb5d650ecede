"""Driving a study: it is begun or resumed, receives trials from one process, and is released when the work ends."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from surefoot.core.errors import StudyError
from surefoot.core.files import make_writable_folder
from surefoot.core.progress import Interrupted
from surefoot.core.values import Json
from surefoot.studies.database import Database
from surefoot.studies.study import Study
from surefoot.trainers.trial import Trainer


def open_driven_study(
    study_or_path: Study | Path | str | None,
    trainer: Trainer,
    *,
    asked: Mapping[str, Json],
    same: Sequence[str],
    settings: Mapping[str, Json],
    seed: int,
) -> Study | None:
    """Return the study to resume, or a new one, with its lease held by this process.

    Args:
        study_or_path: Study to resume, or database to begin a study in; ``None`` keeps nothing.
        trainer: Trainer that runs the trials.
        asked: Settings of the work, among them ``command`` and ``budget``.
        same: Names of the settings that must not have changed when a study is resumed.
        settings: Further settings that a new study keeps.
        seed: Seed of everything random.

    Returns:
        The study; ``None`` if nothing is kept.

    Raises:
        StudyError: If the study was begun with other settings, or another process drives it.
    """
    if study_or_path is None:
        return None
    if isinstance(study_or_path, Study):
        study = study_or_path
        _require_same(study, {**asked, "seed": seed}, ("seed", *same))
    else:
        database = Database(Path(study_or_path))
        study = Study.create(database, task=trainer.name, settings={**settings, **asked}, seed=seed)
    study.take_lease()
    plan = getattr(trainer, "plan", None)
    if plan is not None:
        study.set_plan(plan.to_json())
    if study.info().settings.get("budget") != asked["budget"]:
        study.extend_budget(asked["budget"])
    if study.info().settings.get("compare", []) != asked.get("compare", []):
        study.set_compared(asked["compare"])
    return study


def _require_same(study: Study, asked: Mapping[str, Json], same: Sequence[str]) -> None:
    """Check that a study is resumed with the settings that it was begun with.

    Raises:
        StudyError: If a setting has changed.
    """
    info = study.info()
    before = {**info.settings, "seed": info.seed}
    changed = [key for key in same if before.get(key, asked[key]) != asked[key]]
    if changed:
        changes = "; ".join(f"{key} was {before[key]}, now {asked[key]}" for key in changed)
        raise StudyError(
            f"study {study.name} cannot be resumed: {changes}.", hint="begin a new study, or undo the change."
        )


@contextmanager
def release_when_interrupted(study: Study | None, command: str) -> Iterator[None]:
    """Release a study if its work is interrupted or fails, with its status and how to resume it.

    Args:
        study: The study; ``None`` if nothing is kept.
        command: Name of the command that resumes it.
    """
    try:
        yield
    except Interrupted as interruption:
        if study is not None:
            study.release(status="interrupted")
            interruption.study = study.name
        raise
    except KeyboardInterrupt:  # a second Ctrl-C, while the result was being built
        if study is not None:
            study.release(status="interrupted")
        again = Interrupted("asked to stop")
        again.study = None if study is None else study.name
        raise again from None
    except BaseException as error:
        if study is not None:
            study.release(status="failed")
            if getattr(error, "hint", None) is None:  # else resuming meets the same error until the hint is followed
                error.add_note(
                    f"The trials so far are kept. To resume: surefoot {command} --resume {shlex.quote(study.name)}"
                )
        raise


@contextmanager
def capture_early_output(trainer: Trainer) -> Iterator[dict[str, bytes]]:
    """Yield a dict that has, after the block, what trials printed in it: content by file name.

    It is for trials that run before there is a study next to which their output is stored. A trainer that already has
    an output folder writes there instead.
    """
    printed: dict[str, bytes] = {}
    if not hasattr(trainer, "output") or trainer.output is not None:
        yield printed
        return
    with TemporaryDirectory(prefix="surefoot-") as folder:
        trainer.output = Path(folder)
        try:
            yield printed
        finally:
            trainer.output = None
            printed |= {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def store_files_with_study(
    study: Study | None, trainer: Trainer, *, output: Path | None = None, printed: Mapping[str, bytes] | None = None
) -> None:
    """Store the output of trials, and the checkpoints of a trainer, next to a study.

    Args:
        study: The study; ``None`` stores nothing.
        trainer: Trainer that runs the trials; one that has folders already keeps them.
        output: Folder for what trials print; ``None`` puts it next to the study.
        printed: Output of trials that ran before the study was begun, by file name.
    """
    if study is None:
        return
    if hasattr(trainer, "output") and trainer.output is None:
        trainer.output = make_writable_folder(study.output_path if output is None else output)
        for name, data in (printed or {}).items():
            (trainer.output / name).write_bytes(data)
    if hasattr(trainer, "checkpoints") and trainer.checkpoints is None:
        trainer.checkpoints = study.checkpoints_path
