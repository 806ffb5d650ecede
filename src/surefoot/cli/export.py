"""``surefoot export``."""

from __future__ import annotations

import click

from surefoot.errors import RecipeError, StudyError


@click.command(short_help="RECIPE as PyTorch code to paste.")
@click.argument("recipe")
@click.option(
    "--to", "target", type=click.Choice(["pytorch"]), default="pytorch", show_default=True, help="What to write."
)
@click.option("--steps", type=click.IntRange(min=1), help="Length of the training; a study knows its own.")
def export(recipe: str, *, target: str, steps: int | None) -> None:  # noqa: ARG001  (one target)
    """Print RECIPE, a text or the recommendation of a STUDY, as code to paste.

    \b
    surefoot export "sgd(lr=cosine(0.3), momentum=0.9)" --steps 1000
    surefoot export surefoot.db --to pytorch
    """
    from surefoot.recipe import Recipe, pytorch_code

    if "(" in recipe:
        if steps is None:
            raise RecipeError("a recipe's code needs the length of the training.", hint="add --steps 1000.")
        click.echo(pytorch_code(Recipe.parse(recipe), steps=steps))
        return
    from surefoot.studies import Study
    from surefoot.tuning.assembly import read_result

    result = read_result(Study.open(recipe))
    if result.best is None:
        raise StudyError(f"study {recipe} recommends nothing: {result.reason}")
    click.echo(pytorch_code(result.best.recipe, steps=steps or result.steps))
