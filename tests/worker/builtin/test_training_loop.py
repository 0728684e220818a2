"""The training loop resumes from a checkpoint, or starts from other weights."""

from pathlib import Path
from random import Random

import pytest
import torch
from torch import Tensor, nn

from renderq_worker.builtin import training_loop
from renderq_worker.builtin.training_loop import TrainingConfig, fit, load, start_from


class Line:
    """Learns y = 2x; interrupts the run at step `interrupt_at`."""

    name = "line"

    def __init__(self, config: TrainingConfig, interrupt_at: int | None = None) -> None:
        self.config = config
        self.model = nn.Linear(1, 1)
        nn.init.zeros_(self.model.weight)
        nn.init.zeros_(self.model.bias)
        self._interrupt_at = interrupt_at

    def loss(self, rng: Random, step: int, /) -> tuple[Tensor, dict[str, float]]:
        if step == self._interrupt_at:
            raise KeyboardInterrupt
        x = torch.tensor([[rng.random()] for _ in range(self.config.batch)]) + 0.1 * torch.randn(self.config.batch, 1)
        loss = (self.model(x).float() - 2 * x).square().mean()
        return loss, {"loss": loss.item()}


CONFIG = TrainingConfig(steps=12, batch=4, learning_rate=0.1, warm_up=2, hold=0.5)


def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_loop, "_SAVE_EVERY_SECONDS", -1.0)
    uninterrupted, interrupted = tmp_path / "uninterrupted", tmp_path / "interrupted"
    uninterrupted.mkdir()
    interrupted.mkdir()
    expected = fit(Line(CONFIG), uninterrupted, seed=3)
    with pytest.raises(KeyboardInterrupt):
        fit(Line(CONFIG, interrupt_at=7), interrupted, seed=3)
    resumed = fit(Line(CONFIG), interrupted, seed=3)
    assert expected.state_dict()["weight"].item() > 0.1
    assert resumed.state_dict() == expected.state_dict()


def test_a_stage_starts_from_given_weights_but_never_loses_its_own(tmp_path: Path) -> None:
    initial = nn.Linear(1, 1)
    nn.init.constant_(initial.weight, 5.0)
    start_from(initial, tmp_path, "line")
    assert load(nn.Linear(1, 1), tmp_path, "line").weight.item() == 5.0
    trained = fit(Line(CONFIG), tmp_path, seed=0).state_dict()["weight"].item()
    assert 3.0 < trained < 5.0
    start_from(initial, tmp_path, "line")
    assert load(nn.Linear(1, 1), tmp_path, "line").weight.item() == trained


def test_the_learning_rate_rises_stays_and_falls() -> None:
    rates = [CONFIG.rate(step) for step in range(13)]
    assert rates[0] == 0.05
    assert rates[1:7] == [0.1] * 6
    assert rates[6:] == sorted(rates[6:], reverse=True)
    assert rates[12] == pytest.approx(0.001)
