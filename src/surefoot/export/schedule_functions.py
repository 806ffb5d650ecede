"""Schedule -> Python source that stands alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import singledispatch
from itertools import pairwise

from surefoot.schedules.composition import Sequence, Warmup
from surefoot.schedules.constant import Constant
from surefoot.schedules.cosine import Cosine, CosineRestarts
from surefoot.schedules.exponential import Exponential
from surefoot.schedules.inverse_sqrt import InverseSqrt
from surefoot.schedules.one_cycle import OneCycle
from surefoot.schedules.polynomial import Linear, Polynomial
from surefoot.schedules.scanner import number_text as num
from surefoot.schedules.schedule import Schedule, Span
from surefoot.schedules.step_decay import MultiStep, StepDecay
from surefoot.schedules.text import schedule_text
from surefoot.schedules.triangular import Triangular
from surefoot.schedules.wsd import WarmupStableDecay


def python_code(schedule: Schedule, *, total: int, name: str = "lr_at") -> str:
    """Return a Python function of the step that gives the schedule's values; it needs ``import math`` alone.

    Args:
        schedule: What to write out.
        total: Steps of the whole training; its numbers are worked into the code.
        name: Of the function.

    Raises:
        RecipeError: If ``total`` is below 1.

    Example:
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
    body = [*_body(schedule, Span(float(total), int(total)), 0.0)]
    end = (
        total - 1 if isinstance(schedule, OneCycle) else total
    )  # a one-cycle ends at the last step, the others after it
    hold = [] if isinstance(schedule, Constant) else [f"step = min(step, {end})"]
    head = [f"# {schedule_text(schedule)} over {total} steps", *hold]
    return "\n".join([f"def {name}(step):", *(f"    {line}" for line in (*head, *body))]) + "\n"


@singledispatch
def _body(schedule: Schedule, span: Span, begin: float) -> Iterator[str]:
    """Yield the lines that return a schedule's value at ``step``, of a stretch that begins at ``begin``."""
    raise NotImplementedError(schedule.name)


@_body.register
def _constant(schedule: Constant, span: Span, begin: float) -> Iterator[str]:  # noqa: ARG001  (the same at every step)
    yield f"return {num(schedule.peak)}"


@_body.register
def _step_decay(schedule: StepDecay, span: Span, begin: float) -> Iterator[str]:
    every = max(1, schedule.every.steps(span.training))
    yield f"return {num(schedule.peak)} * {num(schedule.drop)} ** ({_since(begin)} // {every})"


@_body.register
def _multistep(schedule: MultiStep, span: Span, begin: float) -> Iterator[str]:
    places = sorted(round(begin) + length.steps(span.training) for length in schedule.at)
    yield f"drops = sum(step >= place for place in {places})"
    yield f"return {num(schedule.peak)} * {num(schedule.drop)} ** drops"


@_body.register
def _exponential(schedule: Exponential, span: Span, begin: float) -> Iterator[str]:
    every = span.steps if schedule.every is None else max(1, schedule.every.steps(span.training))
    yield f"return {num(schedule.peak)} * {num(schedule.rate)} ** ({_since(begin)} / {num(every)})"


@_body.register
def _polynomial(schedule: Polynomial, span: Span, begin: float) -> Iterator[str]:
    share = f"(1 - {_since(begin)} / {num(span.steps)}) ** {num(schedule.power)}"
    yield f"return {_between(schedule.final, schedule.peak, share)}"


@_body.register
def _linear(schedule: Linear, span: Span, begin: float) -> Iterator[str]:
    yield f"return {_between(schedule.final, schedule.peak, f'(1 - {_since(begin)} / {num(span.steps)})')}"


@_body.register
def _cosine(schedule: Cosine, span: Span, begin: float) -> Iterator[str]:
    yield f"return {_between(schedule.final, schedule.peak, _half_cosine(f'{_since(begin)} / {num(span.steps)}'))}"


@_body.register
def _cosine_restarts(schedule: CosineRestarts, span: Span, begin: float) -> Iterator[str]:
    period, growth = max(1, schedule.period.steps(span.training)), num(schedule.growth)
    if schedule.growth == 1.0:
        yield f"cycle, since = divmod({_since(begin)}, {period})"
        progress = f"since / {period}"
    else:
        times, over = (f" {sign} {num(schedule.growth - 1.0)}" if schedule.growth != 2.0 else "" for sign in "*/")
        yield f"periods = {_since(begin)} / {period}"
        yield f"cycle = int(math.log1p(periods{times}) / math.log({growth}) + 1e-12)"
        yield f"progress = (periods - ({growth}**cycle - 1){over}) / {growth}**cycle"
        progress = "progress"
    if schedule.shrink == 1.0:
        yield f"return {_between(schedule.final, schedule.peak, _half_cosine(progress))}"
    else:
        yield f"peak = {num(schedule.peak)} * {num(schedule.shrink)} ** cycle"
        final = num(schedule.final)
        falling = f"peak * {_half_cosine(progress)}" if schedule.final == 0 else None
        yield f"return {falling or f'{final} + (peak - {final}) * {_half_cosine(progress)}'}"


@_body.register
def _inverse_sqrt(schedule: InverseSqrt, span: Span, begin: float) -> Iterator[str]:
    timescale = max(1, schedule.timescale.steps(span.training))
    yield f"return {num(schedule.peak)} * math.sqrt({timescale} / ({_shifted(timescale - begin)}))"


@_body.register
def _onecycle(schedule: OneCycle, span: Span, begin: float) -> Iterator[str]:
    start, final = schedule.ends()
    top, bottom = schedule.turns(span)
    time = "since" if begin else "step"
    if begin:
        yield f"since = min({_shifted(-begin)}, {num(bottom)})"
    rise = _onecycle_line(schedule, start, schedule.peak, f"{time} / {num(top)}")
    fall = _onecycle_line(schedule, schedule.peak, final, f"{_since(top, of=time)} / {num(bottom - top)}")
    if top >= bottom:
        yield rise if top > 0 else f"return {num(schedule.peak)}"
        return
    if top > 0:
        yield f"if {time} < {num(top)}:"
        yield f"    {rise}"
    yield fall


def _onecycle_line(schedule: OneCycle, first: float, last: float, progress: str) -> str:
    share = _half_cosine(progress) if schedule.shape == "cosine" else f"(1 - {progress})"
    return f"return {_between(last, first, share)}"


@_body.register
def _triangular(schedule: Triangular, span: Span, begin: float) -> Iterator[str]:
    up, down = schedule.slopes(span)
    yield f"cycle, since = divmod({_since(begin)}, {up + down})"
    yield f"height = since / {up} if since <= {up} else 1 - (since - {up}) / {down}"
    scales = ["height"]
    scales += [] if schedule.shrink == 1.0 else [f"{num(schedule.shrink)} ** cycle"]
    scales += [] if schedule.gamma == 1.0 else [f"{num(schedule.gamma)} ** {_since(begin)}"]
    yield f"return {_between(schedule.low, schedule.peak, ' * '.join(scales))}"


@_body.register
def _wsd(schedule: WarmupStableDecay, span: Span, begin: float) -> Iterator[str]:
    decay = max(1, schedule.decay.steps(span.training))
    place = begin + span.steps - decay
    if place > begin:
        yield f"if step < {num(place)}:"
        yield f"    return {num(schedule.peak)}"
    progress = f"{_since(place)} / {decay}"
    share = {"linear": f"(1 - {progress})", "sqrt": f"(1 - math.sqrt({progress}))", "cosine": _half_cosine(progress)}
    yield f"return {_between(schedule.final, schedule.peak, share[schedule.shape])}"


@_body.register
def _warmup(schedule: Warmup, span: Span, begin: float) -> Iterator[str]:
    length, rest = schedule.stretches(span)
    if length > 0:
        first = schedule.first(rest)
        yield f"if step < {num(begin + length)}:"
        yield f"    return {_between(schedule.start, first, f'{_since(begin)} / {num(length)}')}"
    yield from _body(schedule.schedule, rest, begin + length)


@_body.register
def _sequence(schedule: Sequence, span: Span, begin: float) -> Iterator[str]:
    stretches = schedule.stretches(span)
    for (part, place, stretch), (_, following, _) in pairwise(stretches):
        if following > place:
            yield f"if step < {num(begin + following)}:"
            yield from (f"    {line}" for line in _body(part, stretch, begin + place))
    part, place, stretch = stretches[-1]
    yield from _body(part, stretch, begin + place)


def _since(begin: float, *, of: str = "step") -> str:
    """Return the time since a step, ready for a product."""
    return of if begin == 0 else f"({_shifted(-begin, of=of)})"


def _shifted(by: float, *, of: str = "step") -> str:
    return of if by == 0 else f"{of} {'+' if by > 0 else '-'} {num(math.fabs(by))}"


def _between(low: float, high: float, share: str) -> str:
    """Return ``low + (high - low) * share``, the shorter where ``low`` is 0."""
    if low == 0:
        return f"{num(high)} * {share}"
    return num(low) if high == low else f"{num(low)} + ({num(high)} - {num(low)}) * {share}"


def _half_cosine(progress: str) -> str:
    return f"(1 + math.cos(math.pi * {progress})) / 2"
