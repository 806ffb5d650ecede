"""``surefoot find`` and ``surefoot tune``: start a search or resume one, and show its result."""

from __future__ import annotations

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import click

from surefoot.cli.options import (
    INTERRUPTED,
    SubjectCommand,
    TaskText,
    check_device,
    load_subject,
    read_plan,
    trial_settings,
)
from surefoot.cli.report_and_resume import (
    options_given_with_resume,
    print_result,
    print_resume_command,
    recorded_settings,
    require_command_line_study,
    require_one_subject,
    settings_of_resumed,
    show_result,
)
from surefoot.cli.search_options import RECORDED_SETTINGS, recipes_to_compare, search_options, search_space
from surefoot.core.errors import StudyError

if TYPE_CHECKING:
    from surefoot.core.value_types import Json
    from surefoot.search.result import SearchResult
    from surefoot.studies.study import Study

CommandName: TypeAlias = Literal["find", "tune"]


@click.command(cls=SubjectCommand, short_help="Find the good learning rates by short trials.")
@click.argument("subject", type=TaskText(), required=False)
@search_options
def find(subject: str | None, *, resume: str | None, **settings: Any) -> int:
    """Find the good learning rates and momenta for SUBJECT, and the loss to expect from them, by short trials alone.

    SUBJECT is a task (FILE.py:NAME, FILE.csv with --target, or a built-in), a training function (FILE.py:FUNCTION with
    --steps) or, after two dashes, a script that calls surefoot.trial().

    \b
    surefoot find digits
    surefoot find train.py:task --optimizers adamw
    surefoot find train.py:train --steps 2000 --workers 4
    surefoot find -- python train.py --epochs 3
    surefoot find --resume surefoot.db#3
    """
    return _start_or_resume("find", subject, resume=resume, settings={**settings, "compare": (), "save_model": None})


@click.command(cls=SubjectCommand, short_help="Find the best learning rate, momentum, schedule and length.")
@click.argument("subject", type=TaskText(), required=False)
@search_options
@click.option("--compare", metavar="RECIPE", multiple=True, help="Also train this recipe in full; repeatable.")
@click.option(
    "--transfer",
    is_flag=True,
    help="Also measure how the best learning rate changes with the batch size; adds up to 3 full trainings.",
)
@click.option(
    "--save-model",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the weights of the recommended training to FILE.safetensors.",
)
def tune(subject: str | None, *, resume: str | None, **settings: Any) -> int:
    """Find the best learning rate, momentum, schedule and training length for SUBJECT, and train with them.

    SUBJECT is a task (FILE.py:NAME, FILE.csv with --target, or a built-in), a training function (FILE.py:FUNCTION with
    --steps) or, after two dashes, a script that calls surefoot.trial().

    \b
    surefoot tune digits
    surefoot tune train.py:task --optimizers sgd,adamw --search warmup
    surefoot tune houses.csv --target price --test 0.2
    surefoot tune train.py:train --steps 2000 --workers 4
    surefoot tune --budget 10m -- python train.py --epochs 3
    surefoot tune digits --compare "adamw(lr=0.001)" --save-model best.safetensors
    surefoot tune --resume surefoot.db#3 --budget 30x
    """
    return _start_or_resume("tune", subject, resume=resume, settings=settings)


def _start_or_resume(command: CommandName, text: str | None, *, resume: str | None, settings: dict[str, Any]) -> int:
    started = time.monotonic()
    script = require_one_subject(text, resume)
    if resume is None:
        return _start(command, text, script=script, settings=settings, started=started)
    return _resume(command, resume, settings=settings, started=started)


def _start(
    command: CommandName, text: str | None, *, script: tuple[str, ...] | None, settings: dict[str, Any], started: float
) -> int:
    """Start a search in a new study; refuse invalid options before any work."""
    from surefoot.core.budget import Budget
    from surefoot.studies.database import Database

    search_space(settings)
    recipes_to_compare(settings)
    if not Budget.parse(settings["budget"]).reproducible:
        click.echo("note: a budget in seconds is not reproducible; a budget in trainings (3x) is.", err=True)
    _check_device_and_folders(settings)
    if settings["study"].exists():
        Database(settings["study"])
    recorded = recorded_settings(settings, RECORDED_SETTINGS, text=text, script=script)
    subject = load_subject(text, script, settings=settings)
    return _search(command, subject, study=settings["study"], settings=settings, recorded=recorded, started=started)


def _resume(command: CommandName, text: str, *, settings: dict[str, Any], started: float) -> int:
    """Resume a search with its recorded settings; one that is done runs again only for a new budget or comparison."""
    from surefoot.studies.study import Study

    given = options_given_with_resume()
    study = Study.open(text, commands=(command,))
    info = study.info()
    resumed = settings_of_resumed(info, command=command, study=study.name, settings=settings, given=given)
    if "compare" in given:
        resumed["compare"] = [*dict.fromkeys([*info.settings.get("compare", []), *settings["compare"]])]
    _check_device_and_folders(resumed)
    has_new_work = "compare" in given or ("budget" in given and settings["budget"] != info.settings.get("budget"))
    if info.status == "done" and not has_new_work:
        from surefoot.search.read_stored_result import read_result

        click.echo(f"study {study.name} is done; this is its result.", err=True)
        return _show_and_save(read_result(study), resumed)
    require_command_line_study(info, study.name)
    subject = load_subject(info.settings.get("task"), info.settings.get("script"), settings=resumed)
    return _search(command, subject, study=study, settings=resumed, recorded={}, started=started)


def _search(
    command: CommandName,
    subject: Any,
    *,
    study: Study | Path,
    settings: dict[str, Any],
    recorded: dict[str, Json],
    started: float,
) -> int:
    """Run a search and show its result, or after an interruption the best so far; return the exit code."""
    from surefoot.cli.progress_display import display, stop_on_interrupt
    from surefoot.core.budget import Budget
    from surefoot.core.progress import Interrupted
    from surefoot.search.criterion import Criterion
    from surefoot.search.request import Request
    from surefoot.search.run_search import run_search

    try:
        with display(quiet=settings["quiet"]) as progress, stop_on_interrupt(saves=True) as stop:
            result = run_search(
                Request(
                    command=command,
                    subject=subject,
                    budget=Budget.parse(settings["budget"]),
                    seed=settings["seed"],
                    space=search_space(settings),
                    sampler=settings["sampler"],
                    criterion=Criterion.from_json(settings),
                    compare=recipes_to_compare(settings),
                    tolerance=settings["tolerance"],
                    study=study,
                    settings=recorded,
                    plan=read_plan(settings["plan_file"]),
                    device=settings["device"],
                    **trial_settings(subject, settings),
                    started=started,
                    transfer=settings.get("transfer", False),
                    progress=progress,
                    stop=stop,
                )
            )
    except Interrupted as interruption:
        if interruption.result is not None and interruption.result.measurements:
            print_result(interruption.result, as_json=settings["as_json"])
        print_resume_command(command, interruption.study)
        return INTERRUPTED
    return _show_and_save(result, settings)


def _show_and_save(result: SearchResult, settings: Mapping[str, Any]) -> int:
    """Print a result, write its reports and save the model, as the options say; return the exit code."""
    folder = None if settings["no_report"] else settings["out"]
    exit_code = show_result(result, folder=folder, as_json=settings["as_json"])
    if settings["save_model"] is not None:
        _save_model(result, settings["save_model"])
    return exit_code


def _save_model(result: SearchResult, path: Path) -> None:
    """Copy the weights of the recommended training from the study's files.

    Raises:
        StudyError: If the recommended recipe was not trained in full.
    """
    from surefoot.core.files import atomic_path
    from surefoot.studies.study import Study

    stored = Study.open(str(result.study)).model_path
    if result.best is None or not stored.exists():
        raise StudyError(
            "there is no model to save: the recommended recipe was not trained in full.", hint="give a larger --budget."
        )
    with atomic_path(path) as temporary:
        shutil.copyfile(stored, temporary)
    click.echo(f"model: {path}", err=True)


def _check_device_and_folders(settings: Mapping[str, Any]) -> None:
    """Check before any work that the device and the output folders can be used."""
    from surefoot.core.files import make_writable_folder

    check_device(settings["device"])
    if not settings["no_report"]:
        make_writable_folder(Path(settings["out"]))
    if settings["save_model"] is not None:
        make_writable_folder(settings["save_model"].parent)
