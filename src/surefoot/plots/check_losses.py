"""The settings that a check tried, each with all that came of it.

What every setting that a check tried ended at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import altair as alt

from surefoot.checking.evidence import CheckTrial
from surefoot.checking.neighbourhood import Setting
from surefoot.checking.result import CheckResult
from surefoot.core.formatting import measured, numeral
from surefoot.plots.axes import MARGIN, Place, finite, freest, log_axis, loss_scale, ring
from surefoot.plots.theme import ADVISED, YOURS, Row, finished, inline, layered

# In the order of their colours.
CHECK_ROLES = (ADVISED, YOURS)


@dataclass(frozen=True, slots=True)
class SettingTrials:
    """A setting that a check tried.

    Attributes:
        setting: Its learning rate and momentum.
        trials: What came of it, in the order in which they were run.
    """

    setting: Setting
    trials: tuple[CheckTrial, ...]

    @property
    def longest(self) -> CheckTrial:
        """The longest trial, on the first seed that has one."""
        return max(self.trials, key=lambda trial: (trial.steps, -trial.seed))

    @property
    def diverged(self) -> bool:
        """Whether that one did."""
        return self.longest.diverged

    @property
    def losses(self) -> str:
        """All its losses in words."""
        return "; ".join(
            f"{trial.steps} steps, seed {trial.seed}: {measured(trial.loss)}"
            for trial in sorted(self.trials, key=lambda trial: (trial.steps, trial.seed))
        )


def check_trials(result: CheckResult) -> list[SettingTrials]:
    """Return every setting once."""
    settings = dict.fromkeys(trial.setting for trial in result.trials)
    return [SettingTrials(each, tuple(t for t in result.trials if t.setting == each)) for each in settings]


def marked_settings(result: CheckResult) -> dict[str, Setting]:
    """Return the recipe's own setting and, where there is another, the advised one, by role.

    The advised one comes first, so that the own lies on top.
    """
    if result.advised == result.own:
        return {YOURS: result.own}
    return {ADVISED: result.advised, YOURS: result.own}


# A loss so many times that of the lowest learning rate, which hardly learns, is outside of the picture.
CEILING = 1.6
# Around the learning rates that were tried.
ROOM = 1.6
# Below the lowest loss.
BELOW = 1.15
# From the shortest trials to the full ones.
SHAPES = ("triangle-down", "diamond", "triangle-up", "square", "circle")


def check_losses(result: CheckResult) -> alt.LayerChart:
    """Return the validation losses of all settings tried over their learning rates.

    Every momentum has its colour, every length of training its shape; lines join trials of one momentum and one length
    on the first seed. What diverged, or ended far above the lowest learning rate, is a cross at the upper edge.
    """
    frame = _Frame.around(result)
    rows = [_row(trial, frame) for trial in result.trials]
    inside = [row for row in rows if not row["lost"]]
    crosses = [row for row in rows if row["lost"]]
    base = alt.Chart(inline(inside)).encode(frame.x(), frame.y(), color=_by_momentum(result))
    lost = alt.Chart(inline(crosses)).mark_text(text="✕", fontSize=13, fontWeight=700)
    layers = [
        base.transform_filter(f"datum.seed == {result.first_seed}").mark_line(strokeWidth=2).encode(detail="steps:N"),
        base.mark_point(filled=True, size=80, opacity=1.0, style="backdrop", strokeWidth=0.7).encode(
            shape=_by_length(result), tooltip=_TOOLTIP
        ),
        lost.encode(frame.x(), y=alt.value(0), color=_by_momentum(result), tooltip=_TOOLTIP),
        *_rings(result, frame),
    ]
    subtitle = [
        f"{result.task}: validation losses of {len(check_trials(result))} settings, trials of one length on "
        "one seed joined"
        f"{'; crosses diverged or ended far above' if crosses else ''}."
    ]
    figure: alt.LayerChart = finished(layered(*layers), _title(result), subtitle=subtitle)
    return figure


def _title(result: CheckResult) -> str:
    marked = marked_settings(result)
    if ADVISED not in marked:
        return "No change is advised"
    to = marked[ADVISED]
    return f"Learning rate {numeral(to.lr)} at momentum {numeral(to.momentum)} is advised"


@dataclass(frozen=True, slots=True)
class _Frame:
    """The axes: learning rates, and losses up to a ceiling."""

    lr: tuple[float, float]
    loss: tuple[float, float]

    @classmethod
    def around(cls, result: CheckResult) -> _Frame:
        rates = [trial.setting.lr for trial in result.trials]
        losses = finite(trial.loss for trial in result.trials) or [1.0]
        slowest = finite(trial.loss for trial in result.trials if trial.setting.lr == min(rates))
        reference = max(slowest or losses)
        ceiling = reference + (CEILING - 1.0) * (abs(reference) or 1.0)
        inside = [loss for loss in losses if loss <= ceiling] or [reference]
        return cls((min(rates) / ROOM, max(rates) * ROOM), (_below(min(inside)), ceiling))

    def x(self) -> alt.X:
        scale = alt.Scale(type="log", domain=[*self.lr], nice=False)
        return alt.X("lr:Q", scale=scale, axis=log_axis(*self.lr), title="learning rate (peak)")

    def y(self) -> alt.Y:
        scale, axis = loss_scale([*self.loss], ceiling=self.loss[1])
        return alt.Y("loss:Q", scale=scale, axis=axis, title="validation loss at the end")

    def place(self, lr: float, loss: float) -> Place:
        """Return where a loss lies, as shares of the axes."""
        low, high = self.loss
        turned = math.log if low > 0 else float
        low = low / MARGIN if low > 0 else low
        across = math.log(lr / self.lr[0]) / math.log(self.lr[1] / self.lr[0])
        return across, (turned(high) - turned(loss)) / (turned(high) - turned(low))


def _below(loss: float) -> float:
    """Return where the axis begins, so that a ring around the lowest loss has room."""
    return loss / BELOW if loss > 0 else loss


_TOOLTIP = [
    alt.Tooltip("rate:N", title="learning rate"),
    alt.Tooltip("momentum:N"),
    alt.Tooltip("steps:Q", title="steps"),
    alt.Tooltip("seed:O", title="seed"),
    alt.Tooltip("shown:N", title="validation loss"),
]


def _row(trial: CheckTrial, frame: _Frame) -> Row:
    return {
        "lr": trial.setting.lr,
        "loss": trial.loss,
        "lost": not trial.loss <= frame.loss[1],
        "momentum": numeral(trial.setting.momentum),
        "steps": trial.steps,
        "seed": trial.seed,
        "rate": numeral(trial.setting.lr),
        "shown": measured(trial.loss),
    }


def _by_momentum(result: CheckResult) -> alt.Color:
    names = [numeral(each) for each in sorted({trial.setting.momentum for trial in result.trials})]
    legend = alt.Legend(orient="top", title="momentum", direction="horizontal", symbolType="stroke")
    return alt.Color("momentum:O", scale=alt.Scale(domain=names), legend=legend)


def _by_length(result: CheckResult) -> alt.Shape:
    """Return the shape of a mark by how long it was trained, the longest last."""
    lengths = sorted({trial.steps for trial in result.trials})
    legend = alt.Legend(orient="bottom", title="steps", direction="horizontal")
    return alt.Shape("steps:N", scale=alt.Scale(domain=lengths, range=[*SHAPES[-len(lengths) :]]), legend=legend)


def _rings(result: CheckResult, frame: _Frame) -> Iterator[alt.Chart]:
    """Yield rings around the longest trials of the recipe and of the advice."""
    taken = [frame.place(trial.setting.lr, trial.loss) for trial in result.trials if trial.loss <= frame.loss[1]]
    for role, setting in marked_settings(result).items():
        longest = _longest(setting, check_trials(result))
        if longest is None:
            continue
        loss = min(longest.loss, frame.loss[1])
        side = freest(role, place := frame.place(setting.lr, loss), taken)
        taken += side.covered(place)
        row: Row = {"lr": setting.lr, "loss": loss, "role": role}
        yield from ring(alt.Chart(inline([row])).encode(frame.x(), frame.y()), side, roles=CHECK_ROLES)


def _longest(setting: Setting, tried: Sequence[SettingTrials]) -> CheckTrial | None:
    return next((each.longest for each in tried if each.setting == setting), None)
