"""What ``surefoot find`` and ``surefoot tune`` have in common: their options, and how a search is run and shown."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from surefoot.cli.options import (
    DONE,
    FAILED,
    INTERRUPTED,
    TASK_OPTIONS,
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
from surefoot.cli.subject import load_subject, trial_settings
from surefoot.core.errors import StudyError

if TYPE_CHECKING:
    from surefoot.core.values import Json
    from surefoot.search.result import SearchResult
    from surefoot.search.space.search_space import SearchSpace
    from surefoot.studies.study import Study

Command = TypeVar("Command", bound=Callable[..., Any])
SPACE_OPTIONS = ("optimizers", "schedules", "also_search", "set_settings", "space_file")
# What changes the answer, and is remembered with the study.
KEPT = (
    *TASK_OPTIONS,
    *SPACE_OPTIONS,
    "budget",
    "seed",
    "sampler",
    "goal",
    "judge",
    "tolerance",
    "device",
    "out",
    "compare",
    "transfer",
    "workers",
    "timeout",
)
# Named here, for help is to be quick and does not load what they name.
ALSO = (
    *("nesterov", "warmup", "final", "weight_decay", "clip"),
    *("momentum_schedules", "beta2", "eps", "dampening", "no_decay"),
)
SAMPLERS = ("surefoot", "tpe", "gp", "random", "grid")
DEFAULT_STUDY, DEFAULT_OUT = "surefoot.db", "surefoot-out"


def search_options(command: Command) -> Command:
    """Add the options that say what is searched, for how much, and what is kept."""
    options = (
        task_options,
        click.option(
            "--budget",
            default="auto",
            show_default=True,
            help="Ceiling: 0.25x, 3x, 18x (full trainings), or 90s, 10m, 2h; auto: what the answer needs.",
        ),
        click.option("--optimizers", metavar="NAMES", help="Which to try: sgd,adam,muon … (default: sgd)."),
        click.option("--schedules", metavar="NAMES", help="Which to try: cosine,linear,wsd … (default: cosine)."),
        click.option("--search", "also_search", metavar="NAMES", help=f"What else to search: {','.join(ALSO)}."),
        click.option(
            "--set",
            "set_settings",
            metavar="NAME=VALUE",
            multiple=True,
            help="Fix or bound a setting: beta2=0.95, lr=0.01..1, no_decay=bias+norm; repeatable.",
        ),
        click.option("--space", "space_file", metavar="FILE", help="A search space: space.toml or file.py:name."),
        click.option(
            "--sampler",
            type=click.Choice(SAMPLERS),
            default="surefoot",
            show_default=True,
            help="Who draws the first trials.",
        ),
        click.option(
            "--goal",
            type=click.Choice(["loss", "metric"]),
            default="loss",
            show_default=True,
            help="Lowest validation loss or highest metric.",
        ),
        click.option(
            "--judge",
            type=click.Choice(["final", "best"]),
            default="final",
            show_default=True,
            help="The loss at the end of a training, or the best on its way, as with kept checkpoints.",
        ),
        click.option(
            "--tolerance",
            type=float,
            default=0.05,
            show_default=True,
            help="What a good rate may lose, as a share of the best loss.",
        ),
        trial_options,
        click.option(
            "--study",
            type=click.Path(path_type=Path),
            default=DEFAULT_STUDY,
            show_default=True,
            help="Database to write to.",
        ),
        click.option(
            "--resume", metavar="STUDY", help="Go on with a study, PATH or PATH#id; a larger --budget may be given."
        ),
        click.option(
            "--out",
            type=click.Path(path_type=Path),
            default=DEFAULT_OUT,
            show_default=True,
            help="Folder for the report.",
        ),
        click.option("--no-report", is_flag=True, help="Write no report."),
        run_options,
    )
    for option in reversed(options):
        command = option(command)
    return command


def run_command(
    name: Literal["find", "tune"], text: str | None, *, resume: str | None, settings: dict[str, Any]
) -> int:
    """Begin a search, or go on with one; return the exit code."""
    started = time.monotonic()
    script = one_subject(text, resume)
    settings = {"compare": (), "save_model": None, **settings}
    if resume is None:
        return _begun(name, text, script, settings, started=started)
    return _resumed(name, resume, settings, given_anew(), started=started)


def _begun(
    name: Literal["find", "tune"],
    text: str | None,
    script: tuple[str, ...] | None,
    settings: dict[str, Any],
    *,
    started: float,
) -> int:
    """Begin a new study."""
    from surefoot.core.budget import Budget
    from surefoot.studies.database import Database

    # Refuse what is wrong before any work.
    space_of(settings)
    _compared(settings)
    if not Budget.parse(settings["budget"]).reproducible:
        click.echo("note: a budget in seconds is not reproducible; one in trainings, as 3x, is.", err=True)
    _check_surroundings(settings)
    if settings["study"].exists():
        Database(settings["study"])
    kept = kept_settings(settings, KEPT, text=text, script=script)
    subject = load_subject(text, script, settings)
    return _run(name, subject, settings["study"], settings, kept=kept, started=started)


def _resumed(
    name: Literal["find", "tune"], text: str, settings: dict[str, Any], given: set[str], *, started: float
) -> int:
    """Go on with a study as it was begun, with a larger budget if one is given."""
    from surefoot.studies.study import Study

    study = Study.open(text, commands=(name,))
    info = study.info()
    before = settings_to_go_on(info, name, study.name, settings, given)
    if "compare" in given:  # beside those of before
        before["compare"] = [*dict.fromkeys([*info.settings.get("compare", []), *settings["compare"]])]
    _check_surroundings(before)
    more = "compare" in given or ("budget" in given and settings["budget"] != info.settings.get("budget"))
    if info.status == "done" and not more:
        from surefoot.search.stored_result import read_result

        click.echo(f"study {study.name} is done; this is its result.", err=True)
        return _finished(read_result(study), before)
    require_subject(info, study.name)
    subject = load_subject(info.settings.get("task"), info.settings.get("script"), before)
    return _run(name, subject, study, before, kept={}, started=started)


def _run(
    name: Literal["find", "tune"],
    subject: Any,
    study: Study | Path,
    settings: dict[str, Any],
    *,
    kept: dict[str, Json],
    started: float,
) -> int:
    from surefoot.cli.progress_display import display, stop_on_interrupt
    from surefoot.core.budget import Budget
    from surefoot.core.progress import Interrupted
    from surefoot.search.request import Aim, Request
    from surefoot.search.run_search import run_search

    try:
        with display(quiet=settings["quiet"]) as progress, stop_on_interrupt(saves=True) as stop:
            result = run_search(
                Request(
                    command=name,
                    subject=subject,
                    budget=Budget.parse(settings["budget"]),
                    seed=settings["seed"],
                    space=space_of(settings),
                    sampler=settings["sampler"],
                    aim=Aim(settings["goal"], settings["judge"]),
                    compare=_compared(settings),
                    tolerance=settings["tolerance"],
                    study=study,
                    settings=kept,
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
        return _interrupted(name, interruption.result, interruption.study, as_json=settings["as_json"])
    return _finished(result, settings)


def _interrupted(name: str, result: SearchResult | None, study: str | None, *, as_json: bool) -> int:
    """Show the best so far, and the line that goes on."""
    if result is not None and result.measurements:
        _print(result, as_json=as_json)
    said_to_go_on(name, study)
    return INTERRUPTED


def _finished(result: SearchResult, settings: Mapping[str, Any]) -> int:
    code = show_result(result, out=None if settings["no_report"] else settings["out"], as_json=settings["as_json"])
    if settings["save_model"] is not None:
        _save_model(result, settings["save_model"])
    return code


def _save_model(result: SearchResult, path: Path) -> None:
    """Copy the weights of the recommended training, which lie beside the study."""
    from surefoot.core.files import atomic_path
    from surefoot.studies.study import Study

    kept = Study.open(str(result.study)).model_path
    if result.best is None or not kept.exists():
        raise StudyError(
            "there is no model to save: the recommended recipe was not trained in full.", hint="give a larger --budget."
        )
    with atomic_path(path) as temporary:
        shutil.copyfile(kept, temporary)
    click.echo(f"model: {path}", err=True)


def show_result(result: SearchResult, *, out: Path | None, as_json: bool) -> int:
    """Print the result, and write the reports to a folder, if there is one; return the exit code."""
    if as_json:
        written = {} if out is None else _write_reports(result, out)
        click.echo(json.dumps({**result.to_json(), "report": written.get("report")}, indent=2))
    else:
        _print(result, as_json=False)
        for what, path in ({} if out is None else _write_reports(result, out)).items():  # the answer comes first
            click.echo(f"{what}: {path}")
    return DONE if result.recipe is not None else FAILED


def _print(result: SearchResult, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(result.to_json(), indent=2))
        return
    from rich.console import Console

    from surefoot.reports.search_tables import search_table

    Console().print(search_table(result))


def _write_reports(result: SearchResult, folder: Path) -> dict[str, str]:
    from surefoot.reports.search_page import write_html
    from surefoot.reports.tensorboard import write_tensorboard
    from surefoot.studies.study import Study

    info = Study.open(str(result.study)).info()
    write_html(result, folder / "report.html", environment=info.environment, command=_again(info.settings))
    write_tensorboard(result, folder / "tensorboard")
    return {"report": str(folder / "report.html"), "curves": f"tensorboard --logdir {folder / 'tensorboard'}"}


def _again(settings: Mapping[str, Any]) -> str:
    """Return the command that asks for the same again; a study from Python has none."""
    if settings.get("task") is None and settings.get("script") is None:
        return ""
    kept = [name for name in KEPT if name != "out"]
    return again(settings.get("command", "tune"), settings.get("task"), settings, kept=kept)


def space_of(settings: Mapping[str, Any]) -> SearchSpace:
    """Return the search space that the options name."""
    from surefoot.search.space.search_space import SearchSpace, usual_settings
    from surefoot.search.space.space_text import load_space, read_settings

    if "space" in settings:  # as a study has it; its file may have changed since
        return SearchSpace.of(settings["space"])
    if settings["space_file"] is not None:
        if any(settings[name] for name in SPACE_OPTIONS[:-1]):
            raise click.UsageError("--space says all of it; leave out --optimizers, --schedules, --search and --set.")
        return load_space(settings["space_file"])
    named = {name: _names(settings[name]) for name in ("optimizers", "schedules") if settings[name] is not None}
    also = usual_settings(_names(settings["also_search"] or ""))
    return SearchSpace.of({**named, **also, **read_settings(settings["set_settings"])})


def _compared(settings: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the recipes of ``--compare``."""
    if not settings["compare"]:
        return ()
    from surefoot.search.request import recipes_of

    return recipes_of(settings["compare"])


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _check_surroundings(settings: Mapping[str, Any]) -> None:
    """Refuse a device or a folder that cannot be used before any work is done."""
    from surefoot.core.files import writable_folder

    check_device(settings["device"])
    if not settings["no_report"]:
        writable_folder(Path(settings["out"]))
    if settings["save_model"] is not None:
        writable_folder(settings["save_model"].parent)
