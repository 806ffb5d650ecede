"""``surefoot tune``."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from surefoot.cli.again import again
from surefoot.cli.device import check_device
from surefoot.cli.exits import DONE, FAILED, INTERRUPTED
from surefoot.cli.options import TASK_OPTIONS, TaskText, load_task, run_options, task_options
from surefoot.cli.plans import read_plan
from surefoot.errors import StudyError

if TYPE_CHECKING:
    from surefoot.fleet import Plan
    from surefoot.studies import Study
    from surefoot.tasks.task import Task
    from surefoot.search.result import TuneResult
    from surefoot.search.space import SearchSpace
    from surefoot.values import Json

SPACE_OPTIONS = ("optimizers", "schedules", "also_search", "space_file")
KEPT = (*TASK_OPTIONS, *SPACE_OPTIONS, "budget", "seed", "strategy", "goal", "transfer", "device", "out")
# Named here, for help is to be quick and does not load what they name.
ALSO = ("nesterov", "warmup", "final", "weight_decay", "clip")
STRATEGY_NAMES = ("surefoot", "tpe", "gp", "random", "grid")
WITH_RESUME = ("resume", "as_json", "quiet", "no_report")
DEFAULT_STUDY, DEFAULT_OUT = "surefoot.db", "surefoot-out"


@click.command(short_help="The best learning rate, momentum, schedule.")
@click.argument("task", type=TaskText(), required=False)
@task_options
@click.option("--optimizers", metavar="NAMES", help="Which to try: sgd,adam,muon … (default: sgd).")
@click.option("--schedules", metavar="NAMES", help="Which to try: cosine,linear,wsd … (default: cosine).")
@click.option("--search", "also_search", metavar="NAMES", help=f"What else to search: {','.join(ALSO)}.")
@click.option("--space", "space_file", metavar="FILE", help="A search space: space.toml or file.py:name.")
@click.option(
    "--strategy", type=click.Choice(STRATEGY_NAMES), default="surefoot", show_default=True, help="Who draws the points."
)
@click.option(
    "--goal",
    type=click.Choice(["loss", "metric"]),
    default="loss",
    show_default=True,
    help="Lowest validation loss or highest metric.",
)
@click.option("--budget", help="Ceiling: 30x (full trainings) or 120s, 10m, 2h; 18x or what the space needs.")
@click.option(
    "--transfer",
    is_flag=True,
    help="Also: how the answer changes with length and batch size; about 90 trainings beyond the budget.",
)
@click.option(
    "--study", type=click.Path(path_type=Path), default=DEFAULT_STUDY, show_default=True, help="Database to write to."
)
@click.option("--resume", metavar="STUDY", help="Go on with an interrupted study, PATH or PATH#id.")
@click.option(
    "--out", type=click.Path(path_type=Path), default=DEFAULT_OUT, show_default=True, help="Folder for the report."
)
@click.option("--no-report", is_flag=True, help="Write no report.")
@run_options
def tune(task: str | None, *, resume: str | None, **settings: Any) -> int:
    """Find the learning rate, momentum and schedule for TASK.

    \b
    surefoot tune digits
    surefoot tune train.py:task --optimizers sgd,adamw --search warmup
    surefoot tune houses.csv --target price --test 0.2
    surefoot tune --resume surefoot.db#3
    """
    if (task is None) == (resume is None):
        raise click.UsageError("give a TASK or --resume STUDY, one of the two.", click.get_current_context())
    if resume is None:
        return _begun(str(task), settings)
    _refuse_other_options()
    return _resumed(resume, settings)


def _refuse_other_options() -> None:
    """Make sure that a study is gone on with as it was begun: what it was asked is not to be asked otherwise."""
    context = click.get_current_context()
    given = [
        name
        for name in context.params
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE and name not in WITH_RESUME
    ]
    if given:
        raise click.UsageError(f"--resume goes on as the study was begun; leave out {', '.join(given)}.", context)


def _begun(text: str, settings: dict[str, Any]) -> int:
    """Begin a new study."""
    from surefoot.budget import Budget
    from surefoot.studies import Database

    space_of(settings)  # refuse a wrong one before any work
    if settings["budget"] is not None and not Budget.parse(settings["budget"]).reproducible:
        click.echo("note: a budget in seconds is not reproducible; one in trainings, as 30x, is.", err=True)
    _check_surroundings(settings)
    plan = read_plan(settings["plan_file"])
    kept = {name: str(value) if isinstance(value := settings[name], Path) else value for name in KEPT}
    task = load_task(text, settings)
    if settings["study"].exists():
        Database(settings["study"])  # refuse what is no database before any work
    return _run(task, settings["study"], settings, plan, kept={"task": text, **kept})


def _resumed(name: str, settings: dict[str, Any]) -> int:
    """Go on with a study as it was begun."""
    from surefoot.studies import Study

    study = Study.open(name)
    info = study.info()
    if "task" not in info.settings:
        raise StudyError(f"study {study.name} was begun from Python; go on with it there.")
    paths = {key: Path(value) for key in ("data_folder", "out") if (value := info.settings.get(key)) is not None}
    before = {**settings, **info.settings, **paths}
    _check_surroundings(before)
    if info.status == "done":
        from surefoot.tuning.assembly import read_result

        click.echo(f"study {study.name} is done; this is its result.", err=True)
        return _shown(read_result(study), before)
    return _run(load_task(info.settings["task"], before), study, before, None, kept={})


def _run(task: Task, study: Study | Path, settings: dict[str, Any], plan: Plan | None, *, kept: dict[str, Json]) -> int:
    from surefoot.cli.display import display
    from surefoot.cli.interrupt import stop_on_interrupt
    from surefoot.fleet.progress import Interrupted
    from surefoot.search.tune import tune as tune_task

    try:
        with display(quiet=settings["quiet"]) as progress, stop_on_interrupt(saves=True) as stop:
            result = tune_task(
                task,
                budget=settings["budget"],
                seed=settings["seed"],
                space=space_of(settings),
                strategy=settings["strategy"],
                goal=settings["goal"],
                study=study,
                settings=kept,
                plan=plan,
                device=settings["device"],
                transfer=settings["transfer"],
                progress=progress,
                stop=stop,
            )
    except Interrupted as interruption:
        command = shlex.join(["surefoot", "tune", "--resume", str(interruption.study)])
        click.echo(f"interrupted; what was done is kept. Go on with: {command}", err=True)
        return INTERRUPTED
    return _shown(result, settings)


def space_of(settings: dict[str, Any]) -> SearchSpace:
    """Return the search space that the options name."""
    from surefoot.search.space import SearchSpace, load_space

    if "space" in settings:  # as a study has it; its file may have changed since
        return SearchSpace.of(settings["space"])
    if settings["space_file"] is not None:
        others = [name for name in SPACE_OPTIONS[:-1] if settings[name] is not None]
        if others:
            raise click.UsageError("--space says all of it; leave out --optimizers, --schedules and --search.")
        return load_space(settings["space_file"])
    named = {name: _names(settings[name]) for name in ("optimizers", "schedules") if settings[name] is not None}
    return SearchSpace.of(named).adding(*_names(settings["also_search"] or ""))


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _shown(result: TuneResult, settings: dict[str, Any]) -> int:
    out = None if settings["no_report"] else settings["out"]
    return show_result(result, out=out, as_json=settings["as_json"])


def show_result(result: TuneResult, *, out: Path | None, as_json: bool) -> int:
    """Write the reports to a folder, if there is one, and print the result; return the exit code."""
    from surefoot.reports.terminal import tune_table

    written = {} if out is None else _write_reports(result, out)
    if as_json:
        click.echo(json.dumps({**result.to_json(), "report": written.get("report")}, indent=2))
    else:
        from rich.console import Console

        console = Console()
        console.print(tune_table(result))
        for what, path in written.items():
            console.print(f"{what}: {path}", soft_wrap=True, highlight=False, markup=False)
    return DONE if result.best is not None else FAILED


def _write_reports(result: TuneResult, folder: Path) -> dict[str, str]:
    from surefoot.reports.html import write_html
    from surefoot.reports.tensorboard import write_tensorboard
    from surefoot.studies import Study

    info = Study.open(str(result.study)).info()
    write_html(result, folder / "report.html", environment=info.environment, command=_again(info.settings))
    write_tensorboard(result, folder / "tensorboard")
    return {"report": str(folder / "report.html"), "curves": f"tensorboard --logdir {folder / 'tensorboard'}"}


def _check_surroundings(settings: dict[str, Any]) -> None:
    """Refuse a device or a folder that cannot be used before any work is done."""
    from surefoot.files import writable_folder

    check_device(settings["device"])
    if not settings["no_report"]:
        writable_folder(Path(settings["out"]))


def _again(settings: dict[str, Any]) -> str:
    """Return the command that asks for the same again; a study from Python has none."""
    if "task" not in settings:
        return ""
    return again("tune", settings["task"], settings, kept=[name for name in KEPT if name != "out"])
