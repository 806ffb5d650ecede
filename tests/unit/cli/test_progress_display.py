"""Ctrl-C and SIGTERM: the first is a request to stop, the second stops at once."""

from __future__ import annotations

import os
import signal

import pytest

from surefoot.cli.progress_display import stop_on_interrupt


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_requests_a_stop_and_restores_the_handlers(number, capsys):
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    with stop_on_interrupt(saves=True) as stop:
        assert not stop()
        os.kill(os.getpid(), number)
        assert stop()
        assert {each: signal.getsignal(each) for each in before} == before, "the second one stops at once"
    assert {each: signal.getsignal(each) for each in before} == before
    assert "stopping after this step and saving" in capsys.readouterr().err
