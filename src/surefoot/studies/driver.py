"""Who drives a study: one process at a time.

Driving a study: begun or gone on with, and released as the work ends.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from surefoot.core.errors import StudyError
from surefoot.core.files import writable_folder
from surefoot.core.progress import Interrupted
from surefoot.core.values import Json
from surefoot.studies.database import Database
from surefoot.studies.study import Study
from surefoot.trainers.trial import Trainer


def driven(
    given: Study | Path | str | None,
    trainer: Trainer,
    *,
    asked: Mapping[str, Json],
    same: Sequence[str],
    settings: Mapping[str, Json],
    seed: int,
) -> Study | None:
    """Return the study to go on with, or a new one, driven by this process.

    Args:
        given: A study to go on with, the database of a new one, or ``None`` for no study.
        trainer: What runs its trials.
        asked: What was asked, its command and budget among it.
        same: Which of it must be as the study was begun.
        settings: What a new study is to remember beside it.
        seed: Of everything random.

    Raises:
        StudyError: If the study was begun otherwise, or another process drives it.
    """
    if given is None:
        return None
    if isinstance(given, Study):
        study = given
        _require_same(study, {**asked, "seed": seed}, ("seed", *same))
    else:
        database = Database(Path(given))
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
    """Make sure that a study is asked for what it was begun with.

    Raises:
        StudyError: If it is not.
    """
    info = study.info()
    before = {**info.settings, "seed": info.seed}
    changed = [key for key in same if before.get(key, asked[key]) != asked[key]]
    if changed:
        given = "; ".join(f"{key} was {before[key]}, now {asked[key]}" for key in changed)
        raise StudyError(f"study {study.name} cannot go on: {given}.", hint="begin a new one, or undo the change.")


@contextmanager
def released(study: Study | None, command: str) -> Iterator[None]:
    """Give up driving a study when its work breaks off, and say how it stands.

    Args:
        study: Which; ``None`` where nothing is kept.
        command: Name of the command that goes on with it.
    """
    try:
        yield
    except Interrupted as interruption:
        if study is not None:
            study.release(status="interrupted")
            interruption.study = study.name
        raise
    except KeyboardInterrupt:  # a second Ctrl-C, while the first one's answer was being read
        if study is not None:
            study.release(status="interrupted")
        again = Interrupted("asked to stop")
        again.study = None if study is None else study.name
        raise again from None
    except BaseException as error:
        if study is not None:
            study.release(status="failed")
            if getattr(error, "hint", None) is None:  # else going on meets the same error, until the hint is followed
                error.add_note(
                    f"What was done is kept: surefoot {command} --resume {shlex.quote(study.name)} goes on from there."
                )
        raise


@contextmanager
def printed_before(trainer: Trainer) -> Iterator[dict[str, bytes]]:
    """Hold what trials print before there is a study to keep it beside: the files by name, once the block ends.

    A trainer that has a folder of its own keeps it.
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


def keep_beside(
    study: Study | None, trainer: Trainer, *, output: Path | None = None, printed: Mapping[str, bytes] | None = None
) -> None:
    """Let a trainer keep what trials print, and its checkpoints, beside the study.

    Args:
        study: Which; ``None`` where nothing is kept.
        trainer: Runs its trials.
        output: Another folder for what trials print.
        printed: Files of trials that came before the study.
    """
    if study is None:
        return
    if hasattr(trainer, "output") and trainer.output is None:
        trainer.output = writable_folder(study.output_path if output is None else output)
        for name, data in (printed or {}).items():
            (trainer.output / name).write_bytes(data)
    if hasattr(trainer, "checkpoints") and trainer.checkpoints is None:
        trainer.checkpoints = study.checkpoints_path
