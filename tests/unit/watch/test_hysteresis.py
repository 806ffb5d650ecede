from surefoot.core.finding import Finding
from surefoot.watch.hysteresis import Hysteresis


def test_an_alternating_verdict_does_not_count():
    hysteresis = Hysteresis()
    for step in range(0, 400, 10):  # in turns
        hysteresis = hysteresis.add(Finding("healthy" if step % 20 else "lr_too_high", 0.7, ""), step=step)
    assert hysteresis.finding.verdict == "unknown"
    assert Hysteresis.from_state(hysteresis.state()) == hysteresis
