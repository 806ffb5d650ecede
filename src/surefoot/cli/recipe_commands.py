"""``surefoot export`` and ``surefoot schedule``: a recipe as code of a framework, and a schedule as a plot."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from surefoot.core.errors import RecipeError, StudyError

# These names stand here a second time because --help must not wait for the import of torch.
FRAMEWORKS = ("pytorch", "lightning", "huggingface", "keras", "optax")


@click.command(short_help="Print a recipe as code for PyTorch, Lightning, Hugging Face, Keras or optax.")
@click.argument("recipe")
@click.option(
    "--to",
    "framework",
    type=click.Choice(FRAMEWORKS),
    default=FRAMEWORKS[0],
    show_default=True,
    help="Framework to write the code for.",
)
@click.option("--steps", type=click.IntRange(min=1), help="Length of the training; by default that of the study.")
def export(recipe: str, *, framework: str, steps: int | None) -> None:
    """Print RECIPE, a text or the recommendation of a study (PATH or PATH#id), as code to paste.

    \b
    surefoot export "sgd(lr=cosine(0.3), momentum=0.9)" --steps 1000
    surefoot export surefoot.db --to lightning
    """
    from surefoot.export import framework_code
    from surefoot.recipe.recipe import Recipe

    if "(" in recipe:
        if steps is None:
            raise RecipeError("the code of a recipe needs the length of the training.", hint="add --steps 1000.")
        click.echo(framework_code(Recipe.parse(recipe), framework, steps=steps))
        return
    from surefoot.search.read_stored_result import SEARCHES, read_result
    from surefoot.studies.study import Study

    result = read_result(Study.open(recipe, commands=SEARCHES))
    if result.recipe is None:
        raise StudyError(f"study {recipe} recommends no recipe: {result.reason}")
    click.echo(framework_code(result.recipe, framework, steps=steps or result.steps))


# Size of a plot in the terminal, in characters, however large the terminal is; the rest is the room for the prompt.
MAX_PLOT_WIDTH, MAX_PLOT_HEIGHT, LINES_FOR_PROMPT = 100, 20, 4


@click.command(short_help="Plot learning rate schedules.")
@click.argument("texts", nargs=-1, required=True, metavar="SCHEDULE...")
@click.option(
    "--steps",
    type=click.IntRange(min=1, max=1_000_000),
    default=1000,
    show_default=True,
    help="Length of the training, in optimizer steps.",
)
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Also write a plot: .png, .svg or .html.")
def schedule(texts: tuple[str, ...], *, steps: int, plot: Path | None) -> None:
    """Plot each SCHEDULE in the terminal.

    \b
    surefoot schedule "cosine(0.3, warmup=5%)"
    surefoot schedule "0.1 for 50% then linear(0.1)" --steps 5000
    surefoot schedule "wsd(0.3)" "onecycle(0.3)" --plot schedules.png
    """
    from surefoot.plots.schedule import schedule_plot
    from surefoot.schedules.text import parse_schedule

    schedules = [parse_schedule(text) for text in texts]
    if plot is not None:
        from surefoot.plots.figure_registry import save, show_schedules

        save(show_schedules(schedules, steps=steps), plot)
    width, height = shutil.get_terminal_size((80, 24))
    for parsed in schedules:
        plot_size = {"width": min(width, MAX_PLOT_WIDTH), "height": min(height - LINES_FOR_PROMPT, MAX_PLOT_HEIGHT)}
        click.echo(schedule_plot(parsed, steps, **plot_size))
