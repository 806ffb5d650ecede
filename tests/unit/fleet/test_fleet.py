import pytest
import torch

from surefoot.fleet.fleet import HISTORY_SEGMENTS, RecordedLosses


def means_by_hand(losses: list[float], total: int) -> list[tuple[int, float]]:
    """Group steps by the hundredth of the schedule they fall in, one by one."""
    segments: dict[int, list[int]] = {}
    for step in range(len(losses)):
        segments.setdefault(min(step * HISTORY_SEGMENTS // total, HISTORY_SEGMENTS - 1), []).append(step)
    ends = [
        max(s for s in range(total) if min(s * HISTORY_SEGMENTS // total, HISTORY_SEGMENTS - 1) == number)
        if number < HISTORY_SEGMENTS
        else 0
        for number in segments
    ]
    values = [sum(losses[step] for step in steps) / len(steps) for steps in segments.values()]
    return list(zip(ends, values, strict=True))


@pytest.mark.parametrize("total", [1, 7, 99, 100, 101, 220, 1234])
@pytest.mark.parametrize("slice_shares", [[1.0], [0.1, 0.35, 0.55], [0.5], [0.3, 0.05]])
def test_the_curve_has_the_mean_loss_of_each_hundredth(total, slice_shares):
    generator = torch.Generator().manual_seed(total)
    steps = [max(1, int(share * total)) for share in slice_shares]
    losses = torch.rand(sum(steps), 2, generator=generator, dtype=torch.float64)[:total]
    history, start = RecordedLosses.empty(3), 0
    for count in steps:
        block = losses[start : start + count]
        first_steps = torch.tensor([start, 0, start])
        history.add(block, [2, 0], first_steps=first_steps, totals=torch.tensor([total] * 3))
        start += len(block)
    for member, column in ((2, 0), (0, 1)):
        expected = means_by_hand(losses[:, column].tolist(), total)
        curve = history.curve(member, total=total)
        assert [step for step, _ in curve] == [step for step, _ in expected]
        assert [loss for _, loss in curve] == pytest.approx([loss for _, loss in expected], rel=1e-12)
    assert history.curve(1, total=total) == []


def test_steps_beyond_the_end_count_as_the_last_step():
    history = RecordedLosses.empty(1)
    losses = torch.arange(12.0, dtype=torch.float64)[:, None]
    history.add(losses, [0], first_steps=torch.tensor([0]), totals=torch.tensor([10]))
    assert history.curve(0, total=10)[-2:] == [(8, 8.0), (9, 10.0)]
    assert history.counts.sum() == 12


def test_a_loss_that_is_not_finite_makes_its_segment_infinite():
    losses = torch.ones(200, 1, dtype=torch.float64)
    losses[5], losses[120] = torch.nan, -torch.inf
    history = RecordedLosses.empty(1)
    history.add(losses, [0], first_steps=torch.tensor([0]), totals=torch.tensor([200]))
    values = dict(history.curve(0, total=200))
    assert {step for step, loss in values.items() if loss != 1.0} == {5, 121}
    assert values[5] == values[121] == float("inf")
