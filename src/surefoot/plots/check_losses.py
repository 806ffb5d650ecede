"""The losses of a check: of every setting tried, over its learning rate, and of the checked recipe, step by step."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import altair as alt

from surefoot.checking.neighbourhood import LrAndMomentum
from surefoot.checking.result import CheckResult
from surefoot.checking.trial_history import CheckTrial
from surefoot.core.formatting import format_measurement, format_number
from surefoot.plots.axes_and_point_labels import (
    LOSS_AXIS_MARGIN,
    AxesPosition,
    best_label_position,
    finite_values,
    labelled_ring,
    log_axis,
    loss_scale,
    step_axis,
)
from surefoot.plots.chart import Row, inline_data, layered, titled
from surefoot.plots.theme import ADVISED, CHECK_ROLES, YOURS, line_legend
from surefoot.wording.captions import check_losses_title, checked_training_title

# Losses above this multiple of the loss of the lowest learning rate, which hardly learns, are outside of the chart.
LOSS_CEILING = 1.6
# Factor by which the axis goes on beyond the learning rates tried, and below the lowest loss: a ring has room there.
RATE_MARGIN, FLOOR_MARGIN = 1.6, 1.15
# Marks of the training lengths; the last are taken, so that full trainings are always circles.
LENGTH_SHAPES = ("triangle-down", "diamond", "triangle-up", "square", "circle")


@dataclass(frozen=True, slots=True)
class TriedSetting:
    """A setting that a check tried, with its trials.

    Attributes:
        hyperparameters: Learning rate and momentum of the setting.
        trials: Its trials, in the order in which they ran.
    """

    hyperparameters: LrAndMomentum
    trials: tuple[CheckTrial, ...]

    @property
    def longest(self) -> CheckTrial:
        """The longest trial; of several as long, the one on the lowest seed."""
        return max(self.trials, key=lambda trial: (trial.steps, -trial.seed))

    @property
    def diverged(self) -> bool:
        """Whether the longest trial diverged."""
        return self.longest.diverged

    @property
    def losses_text(self) -> str:
        """The losses of all trials in words, for a tooltip."""
        return "; ".join(
            f"{trial.steps} steps, seed {trial.seed}: {format_measurement(trial.loss)}"
            for trial in sorted(self.trials, key=lambda trial: (trial.steps, trial.seed))
        )


def tried_settings(result: CheckResult) -> list[TriedSetting]:
    """Return every setting that a check tried, with its trials.

    Args:
        result: What ``check`` returned.
    """
    settings = dict.fromkeys(trial.hyperparameters for trial in result.trials)
    return [TriedSetting(each, tuple(t for t in result.trials if t.hyperparameters == each)) for each in settings]


def marked_settings(result: CheckResult) -> dict[str, LrAndMomentum]:
    """Return the advised setting, where there is another one than the recipe's, and the recipe's, by role.

    The recipe's comes last, so that it lies on top.

    Args:
        result: What ``check`` returned.
    """
    if result.advised == result.current:
        return {YOURS: result.current}
    return {ADVISED: result.advised, YOURS: result.current}


def check_losses(result: CheckResult) -> alt.LayerChart:
    """Return the validation losses of all trials over their learning rates.

    Every momentum has its colour, every training length its shape. Lines join trials of one momentum and one length on
    the first seed. What diverged, or ended far above the lowest learning rate, is a cross at the upper edge.

    Args:
        result: What ``check`` returned.
    """
    axes = _LossAxes.around(result)
    rows = [_trial_row(trial, axes) for trial in result.trials]
    inside = [row for row in rows if not row["outside"]]
    outside = [row for row in rows if row["outside"]]
    base = alt.Chart(inline_data(inside)).encode(axes.x(), axes.y(), color=_momentum_colour(result))
    crosses = alt.Chart(inline_data(outside)).mark_text(text="✕", fontSize=13, fontWeight=700)
    layers = [
        base.transform_filter(f"datum.seed == {result.first_seed}").mark_line(strokeWidth=2).encode(detail="steps:N"),
        base.mark_point(filled=True, size=80, opacity=1.0, style="backdrop", strokeWidth=0.7).encode(
            shape=_length_shape(result), tooltip=_TOOLTIP
        ),
        crosses.encode(axes.x(), y=alt.value(0), color=_momentum_colour(result), tooltip=_TOOLTIP),
        *_rings(result, axes),
    ]
    subtitle = (
        f"{result.task}: validation losses of {len(tried_settings(result))} settings, trials of one length on one "
        f"seed joined{'; crosses diverged or ended far above' if outside else ''}."
    )
    title = check_losses_title(marked_settings(result).get(ADVISED))
    figure: alt.LayerChart = titled(layered(*layers), title, subtitle=subtitle)
    return figure


@dataclass(frozen=True, slots=True)
class _LossAxes:
    """Axes of learning rates, and of losses up to a ceiling.

    Attributes:
        lr: Ends of the axis of learning rates.
        loss: Ends of the axis of losses.
    """

    lr: tuple[float, float]
    loss: tuple[float, float]

    @classmethod
    def around(cls, result: CheckResult) -> _LossAxes:
        rates = [trial.hyperparameters.lr for trial in result.trials]
        losses = finite_values(trial.loss for trial in result.trials) or [1.0]
        at_lowest_rate = finite_values(trial.loss for trial in result.trials if trial.hyperparameters.lr == min(rates))
        reference = max(at_lowest_rate or losses)
        ceiling = reference + (LOSS_CEILING - 1.0) * (abs(reference) or 1.0)
        lowest = min([loss for loss in losses if loss <= ceiling] or [reference])
        floor = lowest / FLOOR_MARGIN if lowest > 0 else lowest
        return cls((min(rates) / RATE_MARGIN, max(rates) * RATE_MARGIN), (floor, ceiling))

    def x(self) -> alt.X:
        scale = alt.Scale(type="log", domain=[*self.lr], nice=False)
        return alt.X("lr:Q", scale=scale, axis=log_axis(*self.lr), title="learning rate (peak)")

    def y(self) -> alt.Y:
        scale, axis = loss_scale([*self.loss], ceiling=self.loss[1])
        return alt.Y("loss:Q", scale=scale, axis=axis, title="validation loss at the end")

    def position(self, lr: float, loss: float) -> AxesPosition:
        """Return where a loss lies, as shares of the axes from the top left."""
        low, high = self.loss
        scaled = math.log if low > 0 else float
        low = low / LOSS_AXIS_MARGIN if low > 0 else low
        x = math.log(lr / self.lr[0]) / math.log(self.lr[1] / self.lr[0])
        return x, (scaled(high) - scaled(loss)) / (scaled(high) - scaled(low))


_TOOLTIP = [
    alt.Tooltip("rate:N", title="learning rate"),
    alt.Tooltip("momentum:N"),
    alt.Tooltip("steps:Q", title="steps"),
    alt.Tooltip("seed:O", title="seed"),
    alt.Tooltip("formatted:N", title="validation loss"),
]


def _trial_row(trial: CheckTrial, axes: _LossAxes) -> Row:
    return {
        "lr": trial.hyperparameters.lr,
        "loss": trial.loss,
        "outside": not trial.loss <= axes.loss[1],
        "momentum": format_number(trial.hyperparameters.momentum),
        "steps": trial.steps,
        "seed": trial.seed,
        "rate": format_number(trial.hyperparameters.lr),
        "formatted": format_measurement(trial.loss),
    }


def _momentum_colour(result: CheckResult) -> alt.Color:
    names = [format_number(each) for each in sorted({trial.hyperparameters.momentum for trial in result.trials})]
    legend = alt.Legend(orient="top", title="momentum", direction="horizontal", symbolType="stroke")
    return alt.Color("momentum:O", scale=alt.Scale(domain=names), legend=legend)


def _length_shape(result: CheckResult) -> alt.Shape:
    lengths = sorted({trial.steps for trial in result.trials})
    legend = alt.Legend(orient="bottom", title="steps", direction="horizontal")
    return alt.Shape("steps:N", scale=alt.Scale(domain=lengths, range=[*LENGTH_SHAPES[-len(lengths) :]]), legend=legend)


def _rings(result: CheckResult, axes: _LossAxes) -> Iterator[alt.Chart]:
    """Yield labelled rings around the longest trials of the recipe and of the advised setting."""
    occupied = [
        axes.position(trial.hyperparameters.lr, trial.loss) for trial in result.trials if trial.loss <= axes.loss[1]
    ]
    longest = {tried.hyperparameters: tried.longest for tried in tried_settings(result)}
    for role, setting in marked_settings(result).items():
        if setting not in longest:
            continue
        loss = min(longest[setting].loss, axes.loss[1])
        point = axes.position(setting.lr, loss)
        label = best_label_position(role, point, occupied)
        occupied += label.covered_positions(point)
        row: Row = {"lr": setting.lr, "loss": loss, "role": role}
        yield from labelled_ring(alt.Chart(inline_data([row])).encode(axes.x(), axes.y()), label, roles=CHECK_ROLES)


# Names of the two curves, in the legend and in the data.
TRAIN, VALID = "training loss", "validation loss"
# Losses above this multiple of the first are outside of the chart: a logarithmic axis has room for more.
LINEAR_CEILING, LOG_CEILING = 4.0, 100.0


def checked_training(result: CheckResult) -> alt.LayerChart:
    """Return training and validation loss of the longest trial of the recipe that was checked.

    The line is the training loss, averaged over the steps since the point before; dots are validation losses. Lines end
    where the training diverged.

    Args:
        result: What ``check`` returned.
    """
    training = result.recipe_training
    train = [*zip(training.train.steps, training.train.losses, strict=True)]
    losses = finite_values(loss for _, loss in (*train, *training.valid_curve)) or [1.0]
    ceiling = _ceiling(losses)
    inside = [loss for loss in losses if loss <= ceiling]
    scale, axis = loss_scale(inside, ceiling=ceiling if len(inside) < len(losses) else None)
    x, y = step_axis(training.steps), alt.Y("loss:Q", scale=scale, axis=axis, title="loss")
    colour = alt.Color("name:N", scale=alt.Scale(domain=[TRAIN, VALID]), legend=line_legend())

    def chart(rows: Iterable[Row]) -> alt.Chart:
        return alt.Chart(inline_data(rows)).encode(x, y, color=colour)

    valid = [*_curve_rows(VALID, training.valid_curve)]
    dots = chart(row for row in valid if float(row["loss"] or 0.0) <= ceiling)
    layers = [
        chart(_curve_rows(TRAIN, train)).mark_line(clip=True),
        chart(valid).mark_line(strokeWidth=1.5, strokeDash=[4, 3], clip=True),
        dots.mark_point(filled=True, size=60, opacity=1.0).encode(
            tooltip=[alt.Tooltip("step:Q"), alt.Tooltip("formatted:N", title=VALID)]
        ),
    ]
    about = f"{result.task}: {result.checked_recipe}, seed {training.seed}"
    figure: alt.LayerChart = titled(
        layered(*layers), checked_training_title(result), subtitle=f"{about}; training losses are means between points."
    )
    return figure


def _ceiling(losses: list[float]) -> float:
    """Return the upper end of the loss axis: a multiple of the first loss."""
    first = max(losses[0], 0.0)
    return first * (LOG_CEILING if min(losses) > 0 else LINEAR_CEILING) or math.inf


def _curve_rows(name: str, curve: Iterable[tuple[int, float]]) -> Iterator[Row]:
    """Yield the steps and losses of a curve, up to the first loss that is not finite."""
    for step, loss in curve:
        if not math.isfinite(loss):
            return
        yield {"name": name, "step": step, "loss": loss, "formatted": format_measurement(loss)}
