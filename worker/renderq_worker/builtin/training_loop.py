"""Training loop of all stages: single-threaded processes with averaged gradients, resumable."""

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Protocol, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

ModuleT = TypeVar("ModuleT", bound=nn.Module)
_SAVE_EVERY_SECONDS = 240.0
_LOG_EVERY_STEPS = 50


@dataclass(frozen=True, slots=True)
class TrainingConfig:
    """Hyperparameters of one stage.

    `batch` is per process. The learning rate is constant for the fraction `hold` of the steps, then follows a cosine;
    parameters whose name starts with a key of `rate_factors` have a multiple of it. bfloat16 is slower than float32 on
    CPUs without instructions for it.
    """

    steps: int
    batch: int
    learning_rate: float
    warm_up: int = 100
    ema: float = 0.998
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.01
    hold: float = 0.0
    rate_factors: Mapping[str, float] = field(default_factory=dict[str, float])
    bfloat16: bool = True

    def rate(self, step: int) -> float:
        progress = min(max(step / self.steps - self.hold, 0.0) / (1 - self.hold), 1.0)
        cosine = 0.5 * (1 + math.cos(math.pi * progress))
        return self.learning_rate * min(1.0, (step + 1) / self.warm_up) * max(cosine, 0.01)


class Stage(Protocol):
    """One training objective: `model` has the trained weights, `loss` draws the batch of one step from `rng`."""

    name: str
    config: TrainingConfig

    @property
    def model(self) -> nn.Module: ...

    def loss(self, rng: Random, step: int, /) -> tuple[Tensor, dict[str, float]]: ...


def fit(stage: Stage, folder: Path, seed: int) -> nn.Module:
    """Train `stage` from its last checkpoint in `folder`; return the averaged (EMA) weights.

    Data and noise of a step depend only on seed, stage, process and step, so that a resumed run gives the same result.
    """
    config, path = stage.config, folder / f"{stage.name}.pt"
    optimizer = torch.optim.AdamW(
        _parameter_groups(stage.model, config), lr=config.learning_rate, betas=config.betas, fused=True
    )
    average = deepcopy(stage.model).requires_grad_(False)
    start = _resume(path, stage.model, average, optimizer)
    process = rank()
    saved_at = started_at = time.monotonic()
    for step in range(start, config.steps):
        for group in optimizer.param_groups:
            group["lr"] = group["rate_factor"] * config.rate(step)
        torch.manual_seed((seed * 1_000_003 + step) * 64 + process)
        with torch.autocast("cpu", torch.bfloat16, enabled=config.bfloat16):
            loss, metrics = stage.loss(Random(f"{seed}/{stage.name}/{process}/{step}"), step)
        loss.backward()
        average_gradients(stage.model.parameters())
        nn.utils.clip_grad_norm_(stage.model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        _update_average(average, stage.model, min(config.ema, (step + 1) / (step + 10)))
        if process == 0 and (step + 1) % _LOG_EVERY_STEPS == 0:
            _log(stage.name, step + 1, config, (time.monotonic() - started_at) / (step + 1 - start), metrics)
        if process == 0 and (time.monotonic() - saved_at > _SAVE_EVERY_SECONDS or step + 1 == config.steps):
            _save(path, stage.model, average, optimizer, step + 1)
            saved_at = time.monotonic()
    return average


def rank() -> int:
    """Return the index of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


def average_gradients(parameters: Any) -> None:
    """Replace every gradient by its mean over the processes; sent as bfloat16 to halve the traffic."""
    if not dist.is_initialized():
        return
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients]).bfloat16()
    dist.all_reduce(flat)
    flat = flat.float().div_(dist.get_world_size())
    for gradient, mean in zip(gradients, flat.split([gradient.numel() for gradient in gradients]), strict=True):
        gradient.copy_(mean.view_as(gradient))


def run_processes(work: Callable[..., None], arguments: Sequence[object], processes: int, folder: Path) -> None:
    """Run `work(*arguments)` in `processes` processes of one process group."""
    if processes == 1:
        torch.set_num_threads(1)
        work(*arguments)
        return
    rendezvous = folder / f"processes-{os.getpid()}"
    rendezvous.unlink(missing_ok=True)
    torch.multiprocessing.spawn(  # pyright: ignore[reportUnknownMemberType]
        _run_worker, args=(work, tuple(arguments), processes, str(rendezvous)), nprocs=processes
    )
    rendezvous.unlink(missing_ok=True)


def _run_worker(
    rank: int, work: Callable[..., None], arguments: tuple[object, ...], processes: int, rendezvous: str
) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=processes)
    work(*arguments)
    dist.destroy_process_group()


def _parameter_groups(model: nn.Module, config: TrainingConfig) -> list[dict[str, Any]]:
    """Weight decay for matrices and kernels, none for biases and norms."""
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            decay = config.weight_decay if parameter.ndim > 1 else 0.0
            factors = [factor for prefix, factor in config.rate_factors.items() if name.startswith(prefix)]
            groups.setdefault((factors[0] if factors else 1.0, decay), []).append(parameter)
    return [
        {"params": parameters, "rate_factor": factor, "weight_decay": decay}
        for (factor, decay), parameters in groups.items()
    ]


@torch.no_grad()
def _update_average(average: nn.Module, model: nn.Module, decay: float) -> None:
    for mean, latest in zip(average.parameters(), model.parameters(), strict=True):
        mean.lerp_(latest, 1 - decay)


def _resume(path: Path, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer) -> int:
    if not path.exists():
        return 0
    checkpoint = torch.load(path, weights_only=True)
    model.load_state_dict(checkpoint["model"])
    average.load_state_dict(checkpoint["average"])
    if "optimizer" in checkpoint:
        optimizer.load_state_dict(checkpoint["optimizer"])
    return int(checkpoint["step"])


def load(model: ModuleT, folder: Path, name: str) -> ModuleT:
    """Load the averaged weights of a trained stage into `model`."""
    model.load_state_dict(torch.load(folder / f"{name}.pt", weights_only=True)["average"])
    return model


def start_from(model: nn.Module, folder: Path, name: str) -> None:
    """Write a first checkpoint with the weights of `model`, unless the stage has one."""
    path = folder / f"{name}.pt"
    if not path.exists():
        torch.save({"model": model.state_dict(), "average": model.state_dict(), "step": 0}, path)


def _save(path: Path, model: nn.Module, average: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
    partial = path.with_suffix(".partial")
    torch.save(
        {
            "model": model.state_dict(),
            "average": average.state_dict(),
            "optimizer": optimizer.state_dict(),
            "step": step,
        },
        partial,
    )
    partial.replace(path)


def _log(name: str, step: int, config: TrainingConfig, seconds: float, metrics: dict[str, float]) -> None:
    text = "  ".join(f"{key} {value:.4f}" for key, value in metrics.items())
    print(f"{name} {step}/{config.steps}  {seconds:.3f} s/step  {text}", flush=True)
