"""Supervised threads outlive errors."""

import threading

import pytest

from renderq_shared import threads
from renderq_shared.threads import SupervisedThread


def test_a_loop_that_fails_runs_again_and_each_cause_is_logged_once(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(threads, "_RESTART_DELAY_S", 0.01)
    errors = iter([ValueError("first"), SystemExit(1), ValueError("first")])
    ended = threading.Event()

    def loop() -> None:
        if (error := next(errors, None)) is not None:
            raise error
        ended.set()

    thread = SupervisedThread("example", loop)
    thread.start()
    assert ended.wait(10)
    thread.join(10)
    assert not thread.is_alive()
    assert capfd.readouterr().out.count("thread.failed") == 2
