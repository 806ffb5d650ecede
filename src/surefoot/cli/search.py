"""What ``surefoot find`` and ``surefoot tune`` have in common: their options, and how a search is run and shown."""

from __future__ import annotations

import json
import shlex
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click
from click.core import ParameterSource

from surefoot.cli.again import again
from surefoot.cli.device import check_device
from surefoot.cli.exits import DONE, FAILED, INTERRUPTED
from surefoot.cli.options import TASK_OPTIONS, run_options, task_options
from surefoot.cli.plans import read_plan
from surefoot.cli.subject import load_subject, script_of
from surefoot.errors import StudyError

if TYPE_CHECKING:
    from surefoot.search.result import SearchResult
    from surefoot.search.space import SearchSpace
    from surefoot.studies import Study
    from surefoot.values import Json

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
# What a study may be given anew when it is gone on with: none of these makes its recorded trials worth less.
WITH_RESUME = ("resume", "budget", "workers", "timeout", "out", "save_model", "as_json", "quiet", "no_report")


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
        click.option(
            "--workers",
            type=click.IntRange(min=0),
            default=0,
            metavar="N",
            help="Trials of a function or script side by side, each in a process of its own.",
        ),
        click.option(
            "--trial-timeout",
            "timeout",
            type=float,
            metavar="SECONDS",
            help="A trial of a function or script that takes longer has failed.",
        ),
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
    started, context = time.monotonic(), click.get_current_context()
    script = script_of(context)
    if sum(given is not None for given in (text, script, resume)) != 1:
        raise click.UsageError("give a SUBJECT, or a script after --, or --resume STUDY: one of them.", context)
    settings = {"compare": (), "save_model": None, **settings}
    if resume is None:
        return _begun(name, text, script, settings, started=started)
    given = {key for key in context.params if context.get_parameter_source(key) is ParameterSource.COMMANDLINE}
    refused = sorted(given - {*WITH_RESUME})
    if refused:
        raise click.UsageError(f"--resume goes on as the study was begun; leave out {', '.join(refused)}.", context)
    return _resumed(name, resume, {**settings, "given": given}, started=started)


def _begun(
    name: Literal["find", "tune"],
    text: str | None,
    script: tuple[str, ...] | None,
    settings: dict[str, Any],
    *,
    started: float,
) -> int:
    """Begin a new study."""
    from surefoot.budget import Budget
    from surefoot.studies import Database

    # Refuse what is wrong before any work.
    space_of(settings)
    _compared(settings)
    if not Budget.parse(settings["budget"]).reproducible:
        click.echo("note: a budget in seconds is not reproducible; one in trainings, as 3x, is.", err=True)
    _check_surroundings(settings)
    if settings["study"].exists():
        Database(settings["study"])
    kept = {key: _plain(settings[key]) for key in KEPT if key in settings}
    kept |= {"task": text, "script": None if script is None else list(script)}
    subject = load_subject(text, script, settings)
    return _run(name, subject, settings["study"], settings, kept=kept, started=started)


def _resumed(name: Literal["find", "tune"], text: str, settings: dict[str, Any], *, started: float) -> int:
    """Go on with a study as it was begun, with a larger budget if one is given."""
    from surefoot.studies import Study

    study, given = Study.open(text), settings.pop("given")
    info = study.info()
    begun = info.settings.get("command", "tune")
    if begun != name:
        raise StudyError(f"study {study.name} is one of surefoot {begun}.", hint=f"surefoot {begun} --resume {text}.")
    recorded = {key: value for key, value in info.settings.items() if key not in given or key not in WITH_RESUME}
    paths = {key: Path(value) for key in ("data_folder", "out") if (value := recorded.get(key)) is not None}
    before = {**settings, **recorded, **paths}
    _check_surroundings(before)
    if info.status == "done" and ("budget" not in given or settings["budget"] == info.settings.get("budget")):
        from surefoot.search.read_result import read_result

        click.echo(f"study {study.name} is done; this is its result.", err=True)
        return _finished(read_result(study), before)
    script = recorded.get("script")
    if recorded.get("task") is None and script is None:
        raise StudyError(f"study {study.name} was begun from Python; go on with it there.")
    before["budget"] = settings["budget"] if "budget" in given else info.settings["budget"]
    subject = load_subject(recorded.get("task"), script, before)
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
    from surefoot.budget import Budget
    from surefoot.cli.display import display
    from surefoot.cli.interrupt import stop_on_interrupt
    from surefoot.interruption import Interrupted
    from surefoot.search.goal import Aim
    from surefoot.search.request import Request
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
                    steps=settings["steps"],
                    workers=settings["workers"],
                    timeout=settings["timeout"],
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
    if study is None:
        click.echo("interrupted before anything was measured.", err=True)
    else:
        command = shlex.join(["surefoot", name, "--resume", study])
        click.echo(f"interrupted; what was done is kept. Go on with: {command}", err=True)
    return INTERRUPTED


def _finished(result: SearchResult, settings: Mapping[str, Any]) -> int:
    code = show_result(result, out=None if settings["no_report"] else settings["out"], as_json=settings["as_json"])
    if settings["save_model"] is not None:
        _save_model(result, settings["save_model"])
    return code


def _save_model(result: SearchResult, path: Path) -> None:
    """Copy the weights of the recommended training, which lie beside the study."""
    from surefoot.files import atomic_path
    from surefoot.studies import Study

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

    from surefoot.reports.terminal import search_table

    Console().print(search_table(result))


def _write_reports(result: SearchResult, folder: Path) -> dict[str, str]:
    from surefoot.reports.html import write_html
    from surefoot.reports.tensorboard import write_tensorboard
    from surefoot.studies import Study

    info = Study.open(str(result.study)).info()
    write_html(result, folder / "report.html", environment=info.environment, command=_again(info.settings))
    write_tensorboard(result, folder / "tensorboard")
    return {"report": str(folder / "report.html"), "curves": f"tensorboard --logdir {folder / 'tensorboard'}"}


def _again(settings: Mapping[str, Any]) -> str:
    """Return the command that asks for the same again; a study from Python has none."""
    if settings.get("task") is None and settings.get("script") is None:
        return ""
    kept = [name for name in KEPT if name != "out"]
    line = again(settings.get("command", "tune"), settings.get("task"), settings, kept=kept)
    script = settings.get("script")
    return line if script is None else f"{line} -- {shlex.join(script)}"


def space_of(settings: Mapping[str, Any]) -> SearchSpace:
    """Return the search space that the options name."""
    from surefoot.search.space import SearchSpace, load_space
    from surefoot.search.space.search_space import usual_settings
    from surefoot.search.space.setting_text import read_settings

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


def _plain(value: Any) -> Json:
    """Return a setting as JSON data."""
    if isinstance(value, Path):
        return str(value)
    return [*value] if isinstance(value, tuple) else value


def _check_surroundings(settings: Mapping[str, Any]) -> None:
    """Refuse a device or a folder that cannot be used before any work is done."""
    from surefoot.files import writable_folder

    check_device(settings["device"])
    if not settings["no_report"]:
        writable_folder(Path(settings["out"]))
    if settings["save_model"] is not None:
        writable_folder(settings["save_model"].parent)
