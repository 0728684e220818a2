"""B1: images per second of the engine against a plain loop over the stock pipeline, on the tests' fast model.

16 jobs with mixed schedulers, steps and guidance; same process, same threads, same dtype, taken in turns.
"""

import argparse
import time

import diffusers
import torch
from diffusers import StableDiffusionPipeline
from torch.utils.flop_counter import FlopCounterMode

from bench.table import Ratio, measure_alternately, print_table
from renderq.contract import SamplingParams
from renderq_shared.catalog import ModelEntry
from renderq_worker.engine import Engine, EngineSettings, Event, GenerationSpec, Rendered, Txt2Img
from tests.fast_model.catalog import fast_model

_SCHEDULERS = ("ddim", "euler", "dpmpp_2m", "pndm")
_STOCK = {
    "ddim": ("DDIMScheduler", {}),
    "euler": ("EulerDiscreteScheduler", {}),
    "dpmpp_2m": ("DPMSolverMultistepScheduler", {}),
    "pndm": ("PNDMScheduler", {"skip_prk_steps": True}),
}


def specs(model: ModelEntry) -> list[GenerationSpec]:
    return [
        GenerationSpec(
            id=f"bench/{number}",
            model=model.name,
            prompt="a red circle on a blue background",
            negative_prompt="",
            width=model.defaults.width,
            height=model.defaults.height,
            sampling=SamplingParams(
                steps=10 + 5 * (number % 3),
                guidance_scale=2.0 + number % 3,
                scheduler=_SCHEDULERS[number % len(_SCHEDULERS)],
            ),
            seed=number,
            task=Txt2Img(),
        )
        for number in range(16)
    ]


class Stock:
    """The loop that users write without renderq."""

    def __init__(self, model: ModelEntry, dtype: torch.dtype) -> None:
        self.pipeline = StableDiffusionPipeline.from_pretrained(model.source, dtype=dtype, local_files_only=True)
        self.pipeline.set_progress_bar_config(disable=True)
        self._config = self.pipeline.scheduler.config
        self._specs = specs(model)

    def seconds(self) -> float:
        started = time.perf_counter()
        for spec in self._specs:
            name, changes = _STOCK[spec.sampling.scheduler or ""]
            self.pipeline.scheduler = getattr(diffusers, name).from_config(self._config, **changes)
            self.pipeline(
                spec.prompt,
                negative_prompt=spec.negative_prompt,
                width=spec.width,
                height=spec.height,
                num_inference_steps=spec.sampling.steps,
                guidance_scale=spec.sampling.guidance_scale,
                generator=torch.Generator().manual_seed(spec.seed),
            )
        return time.perf_counter() - started

    def gflop_per_row(self) -> float:
        """GFLOP of one forward pass of the UNet per row."""
        unet = self.pipeline.unet
        size, tokens = unet.config.sample_size, self.pipeline.tokenizer.model_max_length
        sample = torch.zeros(1, unet.config.in_channels, size, size, dtype=unet.dtype)
        text = torch.zeros(1, tokens, unet.config.cross_attention_dim, dtype=unet.dtype)
        with FlopCounterMode(display=False) as counter, torch.inference_mode():
            unet(sample, 1, encoder_hidden_states=text)
        return counter.get_total_flops() / 1e9


class Ours:
    """The engine with all jobs submitted at once."""

    def __init__(self, model: ModelEntry, batching: str) -> None:
        settings = EngineSettings(device="cpu", batching="exact" if batching == "exact" else "fast")
        self._engine = Engine.of([model], settings)
        self._specs = specs(model)
        self.width = 0.0

    def seconds(self) -> float:
        ended: list[Event] = []
        started = time.perf_counter()
        self._engine.submit(self._specs, ended.append)
        while self._engine.step():
            pass
        taken = time.perf_counter() - started
        rendered = [event.stats for event in ended if isinstance(event, Rendered)]
        if len(rendered) != len(self._specs):
            raise RuntimeError(f"only {len(rendered)} of {len(self._specs)} images were rendered")
        self.width = sum(stats.batch_width_mean for stats in rendered) / len(rendered)
        return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds (default: 5)")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    fast = fast_model()
    rows: list[Ratio] = []
    for dtype in ("float32", "bfloat16"):
        model = fast.model_copy(update={"dtype": dtype})
        stock = Stock(model, getattr(torch, dtype))
        for batching in ("exact", "fast"):
            ours = Ours(model, batching)
            ratios = measure_alternately(ours.seconds, stock.seconds, arguments.rounds)
            note = f"{stock.gflop_per_row():.2f} GFLOP per row, mean width {ours.width:.1f}"
            rows.append(Ratio(f"{dtype}, {batching}", ratios, note))
    print_table("B1 engine against a loop over the stock pipeline, images per second", rows)


if __name__ == "__main__":
    main()
