"""Settings of a worker process."""

import re
from typing import Literal

from pydantic import Field, field_validator

from renderq_shared.settings.shared import SharedSettings
from renderq_shared.settings.values import split_list

_DEVICE = re.compile(r"auto|cpu|cuda(:[0-9]{1,3})?|simulated(:[0-9]{1,7}(\.[0-9]{1,6})?)?")


class WorkerSettings(SharedSettings):
    """Settings of a worker process."""

    worker_name: str | None = Field(
        None, description="Name in `/v1/workers`. Default: the host name with a random suffix."
    )
    worker_models: str | None = Field(
        None, description="Comma-separated names of the models to serve. Default: the whole catalog."
    )
    worker_slots: int = Field(16, ge=1, le=1_024, description="Maximum number of jobs that the worker holds at once.")
    device: str = Field("auto", description="Compute device: `auto`, `cpu`, `cuda` or `cuda:N`.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="Data type of the weights of models whose catalog entry says `auto`."
    )
    threads: int | None = Field(None, ge=1, le=1_024, description="CPU threads of the engine. Default: all cores.")
    batching: Literal["exact", "fast"] = Field(
        "exact",
        description="`exact`: images share a forward pass only where this was verified not to change a single bit; "
        "`fast`: also where it may.",
    )
    memory_mode: Literal["auto", "full", "balanced", "low"] = Field(
        "auto",
        description="How to save device memory: `full`, not at all; `balanced`, decode images larger than the "
        "autoencoder's training size in tiles; `low`, also keep components on the device only while they are used; "
        "`auto`, save as little as the free memory allows.",
    )
    model_memory_gb: float | None = Field(
        None,
        ge=0.01,
        le=100_000,
        description="Memory for resident models. Default: 80 % of the memory that is free at startup.",
    )
    lora_memory_gb: float = Field(
        1.0,
        ge=0.001,
        le=100_000,
        description="Memory for the LoRAs of each resident model; the least recently used ones leave it.",
    )
    device_memory_gb: float | None = Field(
        None,
        ge=0.01,
        le=100_000,
        description="Maximum device memory to use. On a CPU, simulates a GPU with this much memory.",
    )
    model_switch_after_seconds: float = Field(
        10.0,
        ge=0,
        le=86_400,
        description="Time that the oldest job of a model that is not resident waits before the worker switches to "
        "that model.",
    )
    stall_seconds: float = Field(
        120.0,
        ge=1,
        le=86_400,
        description="Time without progress (or 20 × the measured duration, if longer) after which the worker exits as "
        "hung. The first operation of a kind gets twice that time, loading a model 1 s more per 50 MB.",
    )
    drain_seconds: float = Field(
        30.0, ge=0, le=86_400, description="Time to finish jobs after SIGTERM; the remaining jobs are requeued."
    )

    @field_validator("device")
    @classmethod
    def _check_device(cls, device: str) -> str:
        if not _DEVICE.fullmatch(device):
            raise ValueError(
                "must be auto, cpu, cuda, cuda:N, simulated or simulated:MS, with MS milliseconds per step"
            )
        return device

    @field_validator("worker_models")
    @classmethod
    def _check_models(cls, names: str | None) -> str | None:
        if names is not None and not any(split_list(names)):
            raise ValueError("names no model; leave it out to serve the whole catalog")
        return names

    @field_validator("worker_name")
    @classmethod
    def _check_name(cls, name: str | None) -> str | None:
        if name is not None and not 0 < len(name) <= 200:
            raise ValueError("must have 1 to 200 characters")
        return name

    @property
    def served_models(self) -> tuple[str, ...] | None:
        """Names of `worker_models` without repetitions; `None` for the whole catalog."""
        return None if self.worker_models is None else tuple(dict.fromkeys(split_list(self.worker_models)))
