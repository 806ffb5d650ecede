"""A schedule as the source text of a Python function that stands alone."""

from __future__ import annotations

from surefoot.schedules.constant import Constant
from surefoot.schedules.schedule import Schedule, Span
from surefoot.schedules.text import schedule_text


def python_code(schedule: Schedule, *, total: int, name: str = "lr_at") -> str:
    """Return a Python function of the step that gives the schedule's values; it needs ``import math`` alone.

    Args:
        schedule: What to write out.
        total: Steps of the whole training; its numbers are worked into the code.
        name: Of the function.

    Raises:
        RecipeError: If ``total`` is below 1.

    Example:
        >>> from surefoot.schedules.composition import Warmup
        >>> from surefoot.schedules.cosine import Cosine
        >>> from surefoot.schedules.length import Length
        >>> print(python_code(Warmup(Cosine(0.3), Length(10)), total=200))
        def lr_at(step):
            # cosine(0.3, warmup=10) over 200 steps
            step = min(step, 200)
            if step < 10:
                return 0.3 * step / 10
            return 0.3 * (1 + math.cos(math.pi * (step - 10) / 190)) / 2
    """
    schedule.value(0, total)  # raises where there is no such training
    body = [*schedule.code(Span(float(total), int(total)), 0.0)]
    end = total - 1 if schedule.ends_at_last_step else total
    hold = [] if isinstance(schedule, Constant) else [f"step = min(step, {end})"]
    head = [f"# {schedule_text(schedule)} over {total} steps", *hold]
    return "\n".join([f"def {name}(step):", *(f"    {line}" for line in (*head, *body))]) + "\n"
