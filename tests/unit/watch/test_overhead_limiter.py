import pytest

from surefoot.watch.overhead_limiter import TARGET_SHARE_OF_OVERHEAD, OverheadLimiter


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def watched(limiter, clock, *, steps, step_seconds, costs):
    """Run a loop; return how often each kind of work was done."""
    done = dict.fromkeys(costs, 0)
    for _ in range(steps):
        clock.now += step_seconds
        with limiter.step():
            clock.now += 1e-5
            for work, cost in costs.items():
                if limiter.allows(work):
                    with limiter.work(work):
                        clock.now += cost
                    done[work] += 1
    return done


@pytest.mark.parametrize("step_seconds", [0.001, 0.01, 0.1])
def test_both_kinds_together_stay_below_the_share(step_seconds):
    clock = Clock()
    limiter = OverheadLimiter(overhead=0.05, clock=clock)
    costs = {"signals": 0.1 * step_seconds, "curvature": 3 * step_seconds}
    done = watched(limiter, clock, steps=3000, step_seconds=step_seconds, costs=costs)
    assert 0.025 < limiter.measured_overhead <= TARGET_SHARE_OF_OVERHEAD * 0.05
    assert done["signals"] > 50
    assert done["curvature"] == pytest.approx(3000 * TARGET_SHARE_OF_OVERHEAD * 0.03 / 3, rel=0.15)


def test_without_curvature_signals_take_their_own_share_only():
    clock = Clock()
    limiter = OverheadLimiter(overhead=0.05, clock=clock)
    watched(limiter, clock, steps=3000, step_seconds=0.01, costs={"signals": 0.001})
    assert 0.008 < limiter.measured_overhead <= TARGET_SHARE_OF_OVERHEAD * 0.02


def test_a_long_pause_saves_nothing_up():
    clock = Clock()
    limiter = OverheadLimiter(overhead=0.05, clock=clock)
    watched(limiter, clock, steps=10, step_seconds=0.01, costs={"curvature": 0.03})
    clock.now += 3600.0
    assert watched(limiter, clock, steps=50, step_seconds=0.01, costs={"curvature": 0.03}) == {"curvature": 1}


def test_without_a_limit_everything_is_allowed():
    clock = Clock()
    limiter = OverheadLimiter(overhead=None, clock=clock)
    assert watched(limiter, clock, steps=5, step_seconds=0.01, costs={"curvature": 1.0}) == {"curvature": 5}


def test_what_is_done_is_owed_even_where_it_fails():
    clock = Clock()
    limiter = OverheadLimiter(overhead=0.05, clock=clock)

    def fails():
        with limiter.step(), limiter.work("curvature"):
            clock.now += 1.0
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert not limiter.allows("curvature")
    assert limiter.seconds == 1.0
