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
    TaskText,
    check_device,
    read_plan,
    run_options,
    task_options,
    trial_options,
)
from surefoot.cli.resume import (
    again,
    given_anew,
    kept_settings,
    one_subject,
    require_subject,
    said_to_go_on,
    settings_to_go_on,
)
from surefoot.cli.subject import SubjectCommand, load_subject, trial_settings

if TYPE_CHECKING:
    from surefoot.checking.result import CheckResult
    from surefoot.recipe.recipe import Recipe
    from surefoot.studies.study import Study

BUDGET, DEFAULT_OUT, DEFAULT_STUDY = "auto", "surefoot-out", "surefoot.db"
PAGE = "check.html"
KEPT = (*TASK_OPTIONS, "recipe", "checkpoint", "budget", "seed", "device", "out", "workers", "timeout")
# A study in the database keeps them, but the report's command needs no folder.
SHOWN = tuple(name for name in KEPT if name != "out")


@click.command(cls=SubjectCommand, short_help="Is this learning rate and momentum right, and what to change?")
@click.argument("subject", type=TaskText(), required=False)
@click.option("--recipe", help="What to judge; SGD at learning rate 0.01 and momentum 0.9, if not given.")
@click.option(
    "--checkpoint",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Start every trial from these weights: a state_dict (.pt, .ckpt, .safetensors).",
)
@task_options
@click.option(
    "--budget",
    default=BUDGET,
    show_default=True,
    help="Ceiling: auto (2x at 220 steps, 0.5x at 4000), 5x (full trainings) or 60s.",
)
@trial_options
@click.option(
    "--out", type=click.Path(path_type=Path), default=DEFAULT_OUT, show_default=True, help="Folder for the report."
)
@click.option("--no-report", is_flag=True, help="Write no report.")
@click.option(
    "--study", type=click.Path(path_type=Path), default=DEFAULT_STUDY, show_default=True, help="Database to write to."
)
@click.option(
    "--no-study", is_flag=True, help="Write to no database; surefoot play then does not show it, and it cannot go on."
)
@click.option("--resume", metavar="STUDY", help="Go on with a check that was interrupted, PATH or PATH#id.")
@run_options
def check(subject: str | None, *, resume: str | None, **settings: Any) -> int:
    """Judge a recipe's learning rate and momentum for SUBJECT by trials of its neighbours.

    SUBJECT is a task (FILE.py:NAME, FILE.csv with --target, a built-in), a training function (FILE.py:FUNCTION with
    --steps) or, after two dashes, a script that asks surefoot.trial().

    \b
    surefoot check digits --recipe "sgd(lr=0.001, momentum=0.9)"
    surefoot check train.py:task --recipe "adamw(lr=cosine(1e-3, warmup=5%))" --budget 10x
    surefoot check train.py:task --checkpoint epoch3.pt
    surefoot check --recipe "sgd(lr=0.1)" -- python train.py --epochs 3
    surefoot check --resume surefoot.db#3
    """
    script = one_subject(subject, resume)
    return _begun(subject, script, settings) if resume is None else _resumed(resume, settings, given_anew())


def _begun(text: str | None, script: tuple[str, ...] | None, settings: dict[str, Any]) -> int:
    """Begin a new check."""
    from surefoot.studies.database import Database

    _check_surroundings(settings)
    kept = kept_settings(settings, KEPT, text=text, script=script)
    kept["line"] = _line(kept)
    if settings["no_study"]:
        return _run(load_subject(text, script, settings), None, settings, kept)
    if settings["study"].exists():
        Database(settings["study"])  # refuse what is no database before any work
    return _run(load_subject(text, script, settings), settings["study"], settings, kept)


def _resumed(text: str, settings: dict[str, Any], given: set[str]) -> int:
    """Go on with a check as it was begun."""
    from surefoot.checking.result import read_check
    from surefoot.studies.study import Study

    study = Study.open(text, commands=("check",))
    info = study.info()
    before = settings_to_go_on(info, "check", study.name, settings, given)
    _check_surroundings(before)
    require_subject(info, study.name)
    if info.status == "done" and "budget" not in given:
        click.echo(f"study {study.name} is done; this is its result.", err=True)
        return _finished(read_check(study), before, info.settings["line"])
    subject = load_subject(info.settings.get("task"), info.settings.get("script"), before)
    return _run(subject, study, before, info.settings)


def _check_surroundings(settings: Mapping[str, Any]) -> None:
    """Refuse a recipe, a device or a folder that cannot be used before any work is done."""
    from surefoot.core.files import writable_folder

    _recipe_of(settings)
    check_device(settings["device"])
    if not settings["no_report"]:
        writable_folder(settings["out"])


def _recipe_of(settings: Mapping[str, Any]) -> Recipe:
    from surefoot.recipe.recipe import DEFAULT_RECIPE, Recipe

    return DEFAULT_RECIPE if settings["recipe"] is None else Recipe.parse(settings["recipe"])


def _line(kept: Mapping[str, Any]) -> str:
    """Return the command that asks for the same check."""
    asked = {**kept, "budget": None if kept["budget"] == BUDGET else kept["budget"]}
    return again("check", kept["task"], asked, kept=SHOWN)


def _run(subject: Any, study: Study | Path | None, settings: dict[str, Any], kept: Mapping[str, Any]) -> int:
    from surefoot.checking.check import check as judged
    from surefoot.cli.progress_display import display, stop_on_interrupt
    from surefoot.core.progress import Interrupted

    try:
        with (
            display(quiet=settings["quiet"]) as progress,
            stop_on_interrupt(saves=study is not None) as stop,
        ):
            found = judged(
                subject,
                _recipe_of(settings),
                budget=settings["budget"],
                seed=settings["seed"],
                study=study,
                settings=kept,
                checkpoint=settings["checkpoint"],
                plan=read_plan(settings["plan_file"]),
                device=settings["device"],
                **trial_settings(subject, settings),
                progress=progress,
                stop=stop,
            )
    except Interrupted as interruption:
        said_to_go_on("check", interruption.study)
        return INTERRUPTED
    return _finished(found, settings, kept["line"])


def _finished(found: CheckResult, settings: Mapping[str, Any], command: str) -> int:
    """Show a check, and write its report."""
    report = None if settings["no_report"] else _write_report(found, settings["out"] / PAGE, command)
    _show(found, report, as_json=settings["as_json"])
    return DONE


def _write_report(found: CheckResult, path: Path, command: str) -> str:
    """Write the page; return its path."""
    from surefoot.reports.check_page import write_check_html
    from surefoot.studies.study import environment

    write_check_html(found, path, environment=environment(), command=command)
    return str(path)


def _show(found: CheckResult, report: str | None, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({**found.to_json(), "report": report}, indent=2))
        return
    from rich.console import Console

    from surefoot.reports.check_tables import check_table

    console = Console()
    console.print(check_table(found))
    places = {"report": report, "recorded": None if found.study is None else f"{found.study}; surefoot play shows it"}
    for name, place in places.items():
        if place is not None:
            console.print(f"{name}: {place}", soft_wrap=True, highlight=False, markup=False)
