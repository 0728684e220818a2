"""Faults of the UNet, for the harness to inject."""

from typing import Any

import torch
from diffusers import StableDiffusionPipeline

from tests.worker.engine.engine_harness import FaultInjector


def before_each_forward(check: Any) -> FaultInjector:
    """Call `check(rows, embeddings)`, which may raise, before each call of the UNet."""

    def attach(pipeline: StableDiffusionPipeline) -> None:
        def hook(_: torch.nn.Module, args: tuple[torch.Tensor, ...], kwargs: dict[str, torch.Tensor]) -> None:
            check(args[0].shape[0], kwargs["encoder_hidden_states"])

        pipeline.unet.register_forward_pre_hook(hook, with_kwargs=True)

    return attach


def without_memory_for(limit: int) -> FaultInjector:
    def check(rows: int, _: torch.Tensor) -> None:
        if rows > limit:
            raise torch.OutOfMemoryError(f"tried to allocate {rows} rows")

    return before_each_forward(check)


def poisoned_by(prompt: str) -> FaultInjector:
    """Return a fault: the UNet raises when a row of this prompt is in the batch."""

    def attach(pipeline: StableDiffusionPipeline) -> None:
        poison = pipeline.encode_prompt(prompt, torch.device("cpu"), 1, False)[0]

        def check(_: int, embeddings: torch.Tensor) -> None:
            if any(torch.equal(row, poison[0]) for row in embeddings):
                raise ValueError("poison")

        before_each_forward(check)(pipeline)

    return attach
