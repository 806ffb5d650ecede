"""Tuning changes over- and underfitting."""

from __future__ import annotations

from surefoot.explanation.beside import tenth
from surefoot.explanation.choice import chosen, held_out_best
from surefoot.explanation.claim import Claim
from surefoot.explanation.effect import Effect, Number
from surefoot.explanation.figure import Ends
from surefoot.explanation.lines import end_line
from surefoot.explanation.survey import Kind, Survey

KINDS = (Kind(),)


def fitting(survey: Survey) -> Claim:
    """Judge it: a tenth of the best rate fits the training data worse, and the best overfits more in proportion."""
    sweep = survey.sweep(Kind())
    best = held_out_best(sweep.ends)
    low = tenth(sweep)
    train = [chosen(sweep.ends, places) for places in (best, low.places)]
    valid = [chosen(sweep.valid_ends, places) for places in (best, low.places)]
    under = Effect(
        Number.of(f"training loss at {low.words} the best rate over that at the best", train[1] / train[0], unit="x"),
        notable=1.1,
    )
    over = Effect(
        Number.of(
            f"validation over training loss at the best rate, over the same at {low.words} it",
            (valid[0] / train[0]) / (valid[1] / train[1]),
            unit="x",
        ),
        notable=1.1,
    )
    gaps = [
        Number.of(f"validation over training loss at {name}", valid[at] / train[at], unit="x")
        for at, name in enumerate(("the best rate", f"{low.words} it"))
    ]
    return Claim(
        title="Tuning the learning rate changes over- and underfitting",
        effects=(under, over),
        sentence=(
            f"At {low.words} the best rate the training loss ends {under.number} as high: underfitting. There the "
            f"validation loss is {gaps[1]} the training loss, at the best rate {gaps[0]}: in proportion {over.number} "
            "the overfitting."
        ),
        figure=Ends(
            "Training and validation loss at the end, by learning rate (momentum 0.9)",
            (end_line(sweep, name="training loss"), end_line(sweep, name="validation loss", valid=True)),
        ),
        numbers=tuple(gaps),
    )
