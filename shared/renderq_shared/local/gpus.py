"""GPUs and memory of this machine, divided among the workers of one `renderq up`."""

import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence

from renderq_shared.free_memory import free_memory

_QUERY = (
    "import torch; cuda = torch.cuda; "
    "print(*(cuda.get_device_properties(number).total_memory for number in range(cuda.device_count())))"
)

_QUERY_TIMEOUT_S = 120.0

_MODELS_SHARE = 4 / 5
"""Share of the free memory that models may use: a worker's own default, here of all workers together."""

_DEVICE, _DEVICE_MEMORY, _MODEL_MEMORY = "RENDERQ_DEVICE", "RENDERQ_DEVICE_MEMORY_GB", "RENDERQ_MODEL_MEMORY_GB"


def gpu_memory(env: Mapping[str, str]) -> tuple[int, ...]:
    """Return the memory of each GPU that workers with this environment may use, in bytes; () if they use none.

    Takes seconds, because a process imports torch.
    """
    device = env.get(_DEVICE) or "auto"
    if device != "auto" and device.partition(":")[0] != "cuda":
        return ()
    try:
        query = subprocess.run(
            [sys.executable, "-c", _QUERY],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_QUERY_TIMEOUT_S,
            check=True,
        )
        return tuple(map(int, query.stdout.split()))
    except (subprocess.SubprocessError, ValueError):
        return ()  # the workers say what is wrong


def worker_environments(env: Mapping[str, str], workers: int, gpus: Sequence[int]) -> list[dict[str, str]]:
    """Return the environment of each worker: worker k uses GPU k modulo their number, and workers of one GPU divide its
    memory. Without GPUs they divide the machine's memory. What `env` sets itself is kept.

    `gpus`: memory of each, in bytes.
    """
    if workers == 1:
        return [dict(env)]
    if not gpus:
        return [{**_memory_share(env, workers), **env}] * workers
    devices = [_gpu(env, number, len(gpus)) for number in range(workers)]
    neighbors = Counter(devices)
    return [{**_gpu_share(device, neighbors[device], gpus), **env, _DEVICE: f"cuda:{device}"} for device in devices]


def _gpu(env: Mapping[str, str], number: int, gpus: int) -> int:
    _, _, index = (env.get(_DEVICE) or "auto").partition(":")
    return int(index) if index.isdecimal() else number % gpus


def _gpu_share(device: int, workers: int, gpus: Sequence[int]) -> dict[str, str]:
    if workers == 1 or device >= len(gpus):
        return {}
    return {_DEVICE_MEMORY: f"{gpus[device] / workers / 1e9:.3f}"}


def _memory_share(env: Mapping[str, str], workers: int) -> dict[str, str]:
    if (env.get(_DEVICE) or "auto") not in {"auto", "cpu"}:
        return {}
    return {_MODEL_MEMORY: f"{_MODELS_SHARE * free_memory() / workers / 1e9:.3f}"}
