"""Schedule -> the scheduler of torch.optim that is its equal, as source text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import singledispatch

from surefoot.schedules.cosine import Cosine, CosineRestarts
from surefoot.schedules.exponential import Exponential
from surefoot.schedules.one_cycle import FINAL_DIVISOR, START_DIVISOR, OneCycle
from surefoot.schedules.polynomial import Linear, Polynomial
from surefoot.schedules.scanner import number_text as num
from surefoot.schedules.schedule import Schedule, Span
from surefoot.schedules.step_decay import MultiStep, StepDecay
from surefoot.schedules.triangular import Triangular


@dataclass(frozen=True, slots=True)
class TorchScheduler:
    """A class of ``torch.optim.lr_scheduler`` and its arguments after the optimizer, as source text."""

    name: str
    arguments: tuple[str, ...]


def torch_scheduler(schedule: Schedule, *, steps: int, grouped: bool) -> TorchScheduler | None:
    """Return the equal scheduler for an optimizer whose learning rate is the peak; ``None`` where there is none.

    Args:
        schedule: Of the learning rate.
        steps: Of the whole training.
        grouped: Whether parameter groups have rates of their own; then only schedulers that multiply will do.

    Example:
        >>> torch_scheduler(Cosine(0.3), steps=100, grouped=False)
        TorchScheduler(name='CosineAnnealingLR', arguments=('T_max=100',))
    """
    if grouped and getattr(schedule, "final", 0.0) != 0.0 and not isinstance(schedule, Linear):
        return None
    if grouped and isinstance(schedule, (OneCycle, Triangular)):
        return None
    return _call(schedule, steps)


def one_cycle(rate: OneCycle, momentum: Schedule | None, *, steps: int) -> TorchScheduler | None:
    """Return OneCycleLR, which cycles a momentum as well; ``None`` where it cannot."""
    start, final = rate.ends()
    top, bottom = rate.turns(Span(float(steps), steps))
    if not (start > 0 and final > 0 and 0 < top < bottom):
        return None
    settings = {"max_lr": num(rate.peak), "total_steps": str(steps), "pct_start": repr(rate.rise.exact(steps) / steps)}
    settings |= {"div_factor": num(rate.peak / start)} if rate.peak != start * START_DIVISOR else {}
    settings |= {"final_div_factor": num(start / final)} if start != final * FINAL_DIVISOR else {}
    settings |= {"anneal_strategy": '"linear"'} if rate.shape == "linear" else {}
    if momentum is None:
        settings["cycle_momentum"] = "False"
    elif isinstance(momentum, OneCycle) and _turned_over(rate, momentum):
        settings |= {"base_momentum": num(momentum.peak), "max_momentum": num(momentum.ends()[0])}
    else:
        return None
    return _made("OneCycleLR", settings)


@singledispatch
def _call(schedule: Schedule, steps: int) -> TorchScheduler | None:  # noqa: ARG001  (there is none for most)
    return None


@_call.register
def _step(schedule: StepDecay, steps: int) -> TorchScheduler | None:
    every = max(1, schedule.every.steps(steps))
    return _made("StepLR", {"step_size": str(every), "gamma": num(schedule.drop)})


@_call.register
def _multistep(schedule: MultiStep, steps: int) -> TorchScheduler | None:
    places = sorted(length.steps(steps) for length in schedule.at)
    # Torch passes over a milestone at step 0.
    return _made("MultiStepLR", {"milestones": str(places), "gamma": num(schedule.drop)}) if places[0] > 0 else None


@_call.register
def _exponential(schedule: Exponential, steps: int) -> TorchScheduler | None:
    every = steps if schedule.every is None else max(1, schedule.every.steps(steps))
    gamma = num(schedule.rate) if every == 1 else f"{num(schedule.rate)} ** (1 / {every})"
    return _made("ExponentialLR", {"gamma": gamma})


@_call.register
def _polynomial(schedule: Polynomial, steps: int) -> TorchScheduler | None:
    settings = {"total_iters": str(steps), "power": num(schedule.power)}
    return _made("PolynomialLR", settings) if schedule.final == 0 else None


@_call.register
def _linear(schedule: Linear, steps: int) -> TorchScheduler | None:
    if not 0 <= schedule.final <= schedule.peak or schedule.peak == 0:
        return None
    factors = {"start_factor": "1.0", "end_factor": repr(schedule.final / schedule.peak)}
    return _made("LinearLR", factors | {"total_iters": str(steps)})


@_call.register
def _cosine(schedule: Cosine, steps: int) -> TorchScheduler | None:
    return _made("CosineAnnealingLR", {"T_max": str(steps)} | _floor(schedule.final))


@_call.register
def _cosine_restarts(schedule: CosineRestarts, steps: int) -> TorchScheduler | None:
    if schedule.shrink != 1.0 or schedule.growth != int(schedule.growth):
        return None
    period = max(1, schedule.period.steps(steps))
    growth = {} if schedule.growth == 1.0 else {"T_mult": num(schedule.growth)}
    return _made("CosineAnnealingWarmRestarts", {"T_0": str(period)} | growth | _floor(schedule.final))


@_call.register
def _onecycle(schedule: OneCycle, steps: int) -> TorchScheduler | None:
    return one_cycle(schedule, None, steps=steps)


@_call.register
def _triangular(schedule: Triangular, steps: int) -> TorchScheduler | None:
    mode = {(1.0, 1.0): "triangular", (0.5, 1.0): "triangular2"}.get((schedule.shrink, schedule.gamma), "exp_range")
    if mode == "exp_range" and schedule.shrink != 1.0:
        return None
    up, down = schedule.slopes(Span(float(steps), steps))
    settings = {"base_lr": num(schedule.low), "max_lr": num(schedule.peak), "step_size_up": str(up)}
    settings |= {"step_size_down": str(down)} if down != up else {}
    settings |= {"mode": f'"{mode}"'} if mode != "triangular" else {}
    settings |= {"gamma": num(schedule.gamma)} if mode == "exp_range" else {}
    return _made("CyclicLR", settings | {"cycle_momentum": "False"})


def _turned_over(rate: OneCycle, momentum: OneCycle) -> bool:
    start, final = momentum.ends()
    return start == final and (momentum.rise, momentum.shape) == (rate.rise, rate.shape)


def _floor(final: float) -> dict[str, str]:
    return {"eta_min": num(final)} if final else {}


def _made(name: str, settings: dict[str, str]) -> TorchScheduler:
    return TorchScheduler(name, tuple(f"{key}={value}" for key, value in settings.items()))
