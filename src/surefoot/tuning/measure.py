"""Members of a fleet -> measurements."""

from __future__ import annotations

import math
from collections.abc import Sequence

from surefoot.fleet import LocalFleet
from surefoot.studies import Measurement
from surefoot.trainers import Curve, Outcome, Trial


def measure_all(
    fleet: LocalFleet, places: Sequence[int], seen: Sequence[int], *, stage: str, test: bool = False
) -> list[Measurement]:
    """Return the measurements of some members, with the validation losses of others standing for them.

    Args:
        fleet: Where they are.
        places: The members whose recipes, steps and curves are recorded.
        seen: For each of them the member that is evaluated: itself, or its cooled copy.
        stage: The stage of the study.
        test: Whether to look at the test data as well.
    """
    if not places:
        return []
    valid = fleet.evaluate("valid", places=seen)
    tested = fleet.evaluate("test", places=seen).loss.tolist() if test else [None] * len(places)
    metrics = [None] * len(places) if valid.metric is None else valid.metric.tolist()
    return [
        Measurement(
            stage,
            Trial(fleet.recipes[place], steps=int(fleet.total[place]), seed=fleet.seed),
            Outcome(
                loss=loss if math.isfinite(loss) else math.inf,
                metric=metric if metric is not None and math.isfinite(metric) else None,
                test_loss=test_loss if test_loss is not None and math.isfinite(test_loss) else None,
                diverged_at=None if fleet.diverged_at[place] < 0 else int(fleet.diverged_at[place]),
                train=_curve(fleet, place),
            ),
            taken=int(fleet.step[place]),
        )
        for place, loss, metric, test_loss in zip(places, valid.loss.tolist(), metrics, tested, strict=True)
    ]


def _curve(fleet: LocalFleet, place: int) -> Curve:
    points = fleet.curve(place)
    return Curve(tuple(step for step, _ in points), tuple(loss for _, loss in points))
