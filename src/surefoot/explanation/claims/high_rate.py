"""A high rate converges fast, then overshoots, oscillates or diverges."""

from __future__ import annotations

from surefoot.explanation.beside import beside, tenfold
from surefoot.explanation.choice import best_rates, chosen, held_out_best, middle
from surefoot.explanation.claim import Claim
from surefoot.explanation.course import end_losses
from surefoot.explanation.effect import Effect, Number
from surefoot.explanation.figure import Courses
from surefoot.explanation.lines import course_line, lr_name
from surefoot.explanation.survey import RESOLUTION, Kind, Survey

KINDS = (Kind(),)
# Fast is what leads after this share of the training.
EARLY = 0.1
# Quarter decades above the best rate: 3.2 times.
HIGH = 2


def high_rate(survey: Survey) -> Claim:
    """Judge it: the rate that leads early is above the one that is best in the end, and a high rate ends worse."""
    sweep = survey.sweep(Kind())
    step = max(1, round(EARLY * survey.steps))
    early = end_losses(sweep.courses[..., :step])
    lead = best_rates(sweep.rates, early) / best_rates(sweep.rates, sweep.ends)
    best = held_out_best(sweep.ends)
    above, high, far = beside(sweep, 1), beside(sweep, HIGH), tenfold(sweep)
    worse = chosen(sweep.ends, high.places) / chosen(sweep.ends, best)
    shown = sorted({middle(sweep.ends), above.place, high.place, far.place})
    fast = Effect(
        Number.of(f"best rate after {step} steps over the best in the end", lead, unit="x", resolution=RESOLUTION),
        notable=RESOLUTION,
    )
    end = Effect(Number.of(f"loss at {high.words} the best rate over the best loss", worse, unit="x"), notable=1.1)
    lost = int((sweep.ends[[high.place, far.place]] >= 1.0).sum())
    return Claim(
        title="A high learning rate converges fast, then overshoots, oscillates or diverges",
        effects=(fast, end),
        sentence=(
            f"After {step} of {survey.steps} steps the best rate is {fast.number} the rate that is best in the end. "
            f"At {high.words} that rate the loss ends at {end.number} the best; of the trainings at {high.words} and "
            f"at {far.words} it, {lost} of {2 * survey.seeds} end no lower than they began."
        ),
        figure=Courses(
            "Momentum 0.9: the best learning rate, and higher ones",
            tuple(course_line(sweep, at, lr_name(sweep, at)) for at in shown),
        ),
    )
