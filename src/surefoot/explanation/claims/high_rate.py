"""A high rate converges fast, then overshoots, oscillates or diverges."""

from __future__ import annotations

import numpy as np

from surefoot.explanation.choice import best_rates, chosen, held_out_best, middle
from surefoot.explanation.claim import Claim
from surefoot.explanation.course import end_losses
from surefoot.explanation.effect import Effect, Number
from surefoot.explanation.figure import Courses
from surefoot.explanation.lines import course_line, rate_name
from surefoot.explanation.survey import RESOLUTION, Kind, Survey

KINDS = (Kind(),)
# Fast is what leads after this share of the training.
EARLY = 0.1
# Quarter decades above the best rate: 3.2 times and 10 times.
HIGH, VERY_HIGH = 2, 4


def high_rate(survey: Survey) -> Claim:
    """Judge it: the rate that leads early is above the one that is best in the end, and a high rate ends worse."""
    sweep = survey.sweep(Kind())
    step = max(1, round(EARLY * survey.steps))
    early = end_losses(sweep.courses[..., :step])
    lead = best_rates(sweep.rates, early) / best_rates(sweep.rates, sweep.ends)
    best = held_out_best(sweep.ends)
    last = len(sweep.rates) - 1
    high = np.minimum(best + HIGH, last)
    worse = chosen(sweep.ends, high) / chosen(sweep.ends, best)
    place = middle(sweep.ends)
    tops = [min(place + above, last) for above in (HIGH, VERY_HIGH)]
    fast = Effect(
        Number.of(f"best rate after {step} steps over the best in the end", lead, unit="x", resolution=RESOLUTION),
        notable=RESOLUTION,
    )
    end = Effect(Number.of("loss at 3.2 times the best rate over the best loss", worse, unit="x"), notable=1.1)
    lost = sum(sweep.diverged(top) or int((sweep.ends[top] >= 1.0).sum()) for top in tops)
    return Claim(
        title="A high learning rate converges fast, then overshoots, oscillates or diverges",
        effects=(fast, end),
        sentence=(
            f"After {step} of {survey.steps} steps the best rate is {fast.number} the rate that is best in the end. "
            f"At 3.2 times that rate the loss ends at {end.number} the best; at 3.2 and 10 times it, {lost} of "
            f"{len(tops) * survey.seeds} trainings end no lower than they began."
        ),
        figure=Courses(
            "Momentum 0.9: the best learning rate, and higher ones",
            tuple(course_line(sweep, at, rate_name(sweep, at)) for at in sorted({place, min(place + 1, last), *tops})),
        ),
    )
