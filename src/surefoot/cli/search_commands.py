"""``surefoot find``.

``surefoot tune``.

``surefoot report``.

``surefoot export``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from surefoot.cli.options import TaskText
from surefoot.cli.search import run_command, search_options
from surefoot.cli.subject import SubjectCommand
from surefoot.core.errors import RecipeError, StudyError


@click.command(cls=SubjectCommand, short_help="The good range of learning rates, by short trials alone.")
@click.argument("subject", type=TaskText(), required=False)
@search_options
def find(subject: str | None, *, resume: str | None, **settings: Any) -> int:
    """Find which learning rates are good for SUBJECT at which momentum, and what they will give, by short trials alone.

    SUBJECT is a task (FILE.py:NAME, FILE.csv with --target, a built-in), a training function (FILE.py:FUNCTION with
    --steps) or, after two dashes, a script that asks surefoot.trial().

    \b
    surefoot find digits
    surefoot find train.py:task --optimizers adamw
    surefoot find train.py:train --steps 2000 --workers 4
    surefoot find -- python train.py --epochs 3
    surefoot find --resume surefoot.db#3
    """
    return run_command("find", subject, resume=resume, settings=settings)


@click.command(cls=SubjectCommand, short_help="The best learning rate, momentum, schedule and length.")
@click.argument("subject", type=TaskText(), required=False)
@search_options
@click.option("--compare", metavar="RECIPE", multiple=True, help="Train this too, beside the answer; repeatable.")
@click.option(
    "--transfer",
    is_flag=True,
    help="Also: how the answer changes with the batch size; at most 3 trainings beyond the budget.",
)
@click.option(
    "--save-model",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the weights of the recommended training: FILE.safetensors.",
)
def tune(subject: str | None, *, resume: str | None, **settings: Any) -> int:
    """Find the learning rate, momentum and schedule for SUBJECT, and how long to train; then train so.

    SUBJECT is a task (FILE.py:NAME, FILE.csv with --target, a built-in), a training function (FILE.py:FUNCTION with
    --steps) or, after two dashes, a script that asks surefoot.trial().

    \b
    surefoot tune digits
    surefoot tune train.py:task --optimizers sgd,adamw --search warmup
    surefoot tune houses.csv --target price --test 0.2
    surefoot tune train.py:train --steps 2000 --workers 4
    surefoot tune --budget 10m -- python train.py --epochs 3
    surefoot tune digits --compare "adamw(lr=cosine(0.001))" --save-model best.safetensors
    surefoot tune --resume surefoot.db#3 --budget 30x
    """
    return run_command("tune", subject, resume=resume, settings=settings)


@click.command(short_help="A study again, and its report anew.")
@click.argument("study", default="surefoot.db")
@click.option("--out", type=click.Path(path_type=Path), default="surefoot-out", show_default=True, help="Where to.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object and nothing else on stdout.")
def report(study: str, *, out: Path, as_json: bool) -> int:
    """Show STUDY (PATH or PATH#id) again and write its report anew.

    \b
    surefoot report surefoot.db
    surefoot report surefoot.db#3 --out talk
    """
    from surefoot.cli.search import show_result
    from surefoot.core.files import writable_folder
    from surefoot.search.stored_result import SEARCHES, read_result
    from surefoot.studies.study import Study

    result = read_result(Study.open(study, commands=SEARCHES))
    writable_folder(out)
    return show_result(result, out=out, as_json=as_json)


# Spelt out here, so that --help needs no torch.
TARGETS = ("pytorch", "lightning", "huggingface", "keras", "optax")


@click.command(short_help="RECIPE as code to paste: PyTorch, Lightning, Hugging Face, Keras, optax.")
@click.argument("recipe")
@click.option(
    "--to", "target", type=click.Choice(TARGETS), default=TARGETS[0], show_default=True, help="For what to write it."
)
@click.option("--steps", type=click.IntRange(min=1), help="Length of the training; a study knows its own.")
def export(recipe: str, *, target: str, steps: int | None) -> None:
    """Print RECIPE, a text or the recommendation of a STUDY, as code to paste.

    \b
    surefoot export "sgd(lr=cosine(0.3), momentum=0.9)" --steps 1000
    surefoot export surefoot.db --to lightning
    """
    from surefoot.export import framework_code
    from surefoot.recipe.recipe import Recipe

    if "(" in recipe:
        if steps is None:
            raise RecipeError("a recipe's code needs the length of the training.", hint="add --steps 1000.")
        click.echo(framework_code(Recipe.parse(recipe), target, steps=steps))
        return
    from surefoot.search.stored_result import SEARCHES, read_result
    from surefoot.studies.study import Study

    result = read_result(Study.open(recipe, commands=SEARCHES))
    if result.recipe is None:
        raise StudyError(f"study {recipe} recommends nothing: {result.reason}")
    click.echo(framework_code(result.recipe, target, steps=steps or result.steps))
