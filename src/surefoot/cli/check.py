"""``surefoot check``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from surefoot.cli.options import (
    DONE,
    INTERRUPTED,
    TASK_OPTIONS,
    SubjectCommand,
    TaskText,
    check_device,
    load_subject,
    no_report_option,
    out_option,
    read_plan,
    run_options,
    study_option,
    task_options,
    trial_options,
    trial_settings,
)
from surefoot.cli.report_and_resume import (
    options_given_with_resume,
    print_resume_command,
    recorded_settings,
    repeat_command,
    require_command_line_study,
    require_one_subject,
    settings_of_resumed,
)

if TYPE_CHECKING:
    from surefoot.checking.result import CheckResult
    from surefoot.recipe.recipe import Recipe
    from surefoot.studies.study import Study

DEFAULT_BUDGET = "auto"
REPORT_NAME = "check.html"
# What a study records of its command line.
RECORDED_SETTINGS = (*TASK_OPTIONS, "recipe", "checkpoint", "budget", "seed", "device", "out", "workers", "timeout")
# What the report's command line repeats: everything recorded that changes the result.
REPEATED_SETTINGS = tuple(name for name in RECORDED_SETTINGS if name != "out")


@click.command(cls=SubjectCommand, short_help="Check a learning rate and momentum; suggest better ones.")
@click.argument("subject", type=TaskText(), required=False)
@click.option("--recipe", help="Recipe to check; by default sgd(lr=0.01, momentum=0.9).")
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Start every trial from these weights: a state_dict (.pt, .ckpt, .safetensors).",
)
@task_options
@click.option(
    "--budget",
    default=DEFAULT_BUDGET,
    show_default=True,
    help="Limit on the cost: in full trainings (5x) or in time (60s); auto: 2x at 220 steps, 0.5x at 4000.",
)
@trial_options
@out_option
@no_report_option
@study_option
@click.option(
    "--no-study", is_flag=True, help="Store nothing: surefoot play will not show the check, and it cannot be resumed."
)
@click.option("--resume", metavar="STUDY", help="Resume an interrupted check, PATH or PATH#id.")
@run_options
def check(subject: str | None, *, resume: str | None, **settings: Any) -> int:
    """Check whether a recipe's learning rate and momentum are right for SUBJECT, by short trials of their neighbours.

    SUBJECT is a task (FILE.py:NAME, FILE.csv with --target, or a built-in), a training function (FILE.py:FUNCTION with
    --steps) or, after two dashes, a script that calls surefoot.trial().

    \b
    surefoot check digits --recipe "sgd(lr=0.001, momentum=0.9)"
    surefoot check train.py:task --recipe "adamw(lr=cosine(1e-3))" --budget 10x
    surefoot check train.py:task --checkpoint epoch3.pt
    surefoot check --recipe "sgd(lr=0.1)" -- python train.py --epochs 3
    surefoot check --resume surefoot.db#3
    """
    script = require_one_subject(subject, resume)
    return _start(subject, script, settings=settings) if resume is None else _resume(resume, settings)


def _start(text: str | None, script: tuple[str, ...] | None, *, settings: dict[str, Any]) -> int:
    """Start a check, in a new study unless --no-study is given; refuse invalid options before any work."""
    from surefoot.studies.database import Database

    _check_options(settings)
    recorded = recorded_settings(settings, RECORDED_SETTINGS, text=text, script=script)
    recorded["line"] = _command_line(recorded)
    study = None if settings["no_study"] else settings["study"]
    if study is not None and study.exists():
        Database(study)
    return _check(load_subject(text, script, settings=settings), study, settings=settings, recorded=recorded)


def _resume(text: str, settings: dict[str, Any]) -> int:
    """Resume a check with its recorded settings; one that is done runs again only for a new budget."""
    from surefoot.checking.result import read_check
    from surefoot.studies.study import Study

    given = options_given_with_resume()
    study = Study.open(text, commands=("check",))
    info = study.info()
    resumed = settings_of_resumed(info, command="check", study=study.name, settings=settings, given=given)
    _check_options(resumed)
    require_command_line_study(info, study.name)
    if info.status == "done" and "budget" not in given:
        click.echo(f"study {study.name} is done; this is its result.", err=True)
        return _show_and_report(read_check(study), resumed, command=info.settings["line"])
    subject = load_subject(info.settings.get("task"), info.settings.get("script"), settings=resumed)
    return _check(subject, study, settings=resumed, recorded=info.settings)


def _check_options(settings: Mapping[str, Any]) -> None:
    """Check before any work that the recipe, the device and the output folder can be used."""
    from surefoot.core.files import make_writable_folder

    _recipe_of(settings)
    check_device(settings["device"])
    if not settings["no_report"]:
        make_writable_folder(settings["out"])


def _recipe_of(settings: Mapping[str, Any]) -> Recipe:
    from surefoot.recipe.recipe import DEFAULT_RECIPE, Recipe

    return DEFAULT_RECIPE if settings["recipe"] is None else Recipe.parse(settings["recipe"])


def _command_line(recorded: Mapping[str, Any]) -> str:
    """Return the command line that repeats the check."""
    budget = None if recorded["budget"] == DEFAULT_BUDGET else recorded["budget"]
    return repeat_command("check", recorded["task"], settings={**recorded, "budget": budget}, names=REPEATED_SETTINGS)


def _check(subject: Any, study: Study | Path | None, *, settings: dict[str, Any], recorded: Mapping[str, Any]) -> int:
    """Run a check and show its result; return the exit code."""
    from surefoot.checking.check import check as run_check
    from surefoot.cli.progress_display import display, stop_on_interrupt
    from surefoot.core.progress import Interrupted

    try:
        with (
            display(quiet=settings["quiet"]) as progress,
            stop_on_interrupt(saves=study is not None) as stop,
        ):
            result = run_check(
                subject,
                _recipe_of(settings),
                budget=settings["budget"],
                seed=settings["seed"],
                study=study,
                settings=recorded,
                checkpoint=settings["checkpoint"],
                plan=read_plan(settings["plan_file"]),
                device=settings["device"],
                **trial_settings(subject, settings),
                progress=progress,
                stop=stop,
            )
    except Interrupted as interruption:
        print_resume_command("check", interruption.study)
        return INTERRUPTED
    return _show_and_report(result, settings, command=recorded["line"])


def _show_and_report(result: CheckResult, settings: Mapping[str, Any], *, command: str) -> int:
    """Print the result of a check and write its report, which takes a moment; return the exit code."""
    report = None if settings["no_report"] else str(settings["out"] / REPORT_NAME)
    if not settings["as_json"]:
        _print_table(result)
    if report is not None:
        from surefoot.reports.check_page import write_check_html
        from surefoot.studies.study import environment

        write_check_html(result, Path(report), environment=environment(), command=command)
    if settings["as_json"]:
        click.echo(json.dumps({**result.to_json(), "report": report}, indent=2))
        return DONE
    if report is not None:
        click.echo(f"report: {report}")
    if result.study is not None:
        click.echo(f"stored: {result.study}; surefoot play shows it")
    return DONE


def _print_table(result: CheckResult) -> None:
    from rich.console import Console

    from surefoot.reports.terminal_check_table import check_table

    Console().print(check_table(result))
