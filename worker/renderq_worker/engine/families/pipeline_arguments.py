"""Arguments of a stock pipeline's call for one image, and the refusal of what it would ignore."""

import inspect
from typing import Any

import torch

from renderq.contract import SamplingParams
from renderq_worker.engine.errors import SizeUnsupported, TaskUnsupported
from renderq_worker.engine.families.pipeline_tasks import task_arguments
from renderq_worker.engine.generation import GenerationSpec

REQUIRED_ARGUMENTS = ("prompt", "width", "height", "num_inference_steps", "generator", "output_type", "guidance_scale")

EMPTY_NEGATIVE_PROMPT = " "
"""Negative prompt of pipelines that guide with `true_cfg_scale`, as their makers write it."""


_UNSUPPORTED_FIELDS = {
    name: field.default
    for name, field in SamplingParams.model_fields.items()
    if name not in ("steps", "guidance_scale", "scheduler", "schedule")
}
"""Sampling fields that these pipelines have no argument for, with their neutral values."""


class PipelineArguments:
    """Arguments of the calls of one pipeline."""

    def __init__(self, pipeline: Any, *, guides_with_true_cfg: bool) -> None:
        """`guides_with_true_cfg`: the scale of classifier-free guidance is `true_cfg_scale`."""
        self._accepted = inspect.signature(pipeline.__call__).parameters
        self._guides_with_true_cfg = guides_with_true_cfg
        self._block = getattr(pipeline, "vae_scale_factor", 8)
        self._size_multiple = getattr(pipeline, "image_processor", pipeline).config.get("vae_scale_factor", 8)
        self._embeds_guidance = bool(getattr(pipeline, "transformer", pipeline).config.get("guidance_embeds", False))
        """Whether the guidance scale is an input of the transformer; a negative prompt then has no effect."""

    @property
    def missing(self) -> tuple[str, ...]:
        """Arguments that a call cannot do without."""
        return tuple(name for name in REQUIRED_ARGUMENTS if name not in self._accepted)

    def of(self, spec: GenerationSpec) -> dict[str, Any]:
        """Return the arguments of the call."""
        kwargs: dict[str, Any] = {
            "prompt": spec.prompt,
            "width": spec.width,
            "height": spec.height,
            "num_inference_steps": spec.sampling.steps,
            "generator": torch.Generator().manual_seed(spec.seed),
            "output_type": "np",
            **task_arguments(spec, self._block),
        }
        kwargs |= {name: value for name, value in _free_size(spec).items() if name in self._accepted}
        return kwargs | self._guidance(spec)

    def check(self, spec: GenerationSpec) -> None:
        """Reject options that the pipeline would ignore. Raises `TaskUnsupported` or `SizeUnsupported`."""
        unsupported = {
            "runs with its own scheduler only": spec.sampling.scheduler is not None,
            **{
                f"does not support {name}": getattr(spec.sampling, name) != default
                for name, default in _UNSUPPORTED_FIELDS.items()
            },
            "does not support a negative prompt": bool(spec.negative_prompt) and not self._reads_negative_prompt,
        }
        for reason, is_requested in unsupported.items():
            if is_requested:
                raise TaskUnsupported(f"model {spec.model!r} {reason}")
        multiple = self._size_multiple
        if spec.width % multiple or spec.height % multiple:
            raise SizeUnsupported(
                f"model {spec.model!r} needs a width and height that are multiples of {multiple}, "
                f"not {spec.width}×{spec.height}"
            )

    def _guidance(self, spec: GenerationSpec) -> dict[str, Any]:
        scale = spec.sampling.guidance_scale
        if self._guides_with_true_cfg and not self._embeds_guidance:
            # it ignores guidance_scale, and true_cfg_scale without a negative prompt
            return {"true_cfg_scale": scale, "negative_prompt": spec.negative_prompt or EMPTY_NEGATIVE_PROMPT}
        if spec.negative_prompt:
            return {"guidance_scale": scale, "negative_prompt": spec.negative_prompt}
        return {"guidance_scale": scale}

    @property
    def _reads_negative_prompt(self) -> bool:
        return "negative_prompt" in self._accepted and not self._embeds_guidance


def _free_size(spec: GenerationSpec) -> dict[str, Any]:
    """Return arguments without which some pipelines render the nearest size of a list, or one of the usual area."""
    return {"use_resolution_binning": False, "max_area": spec.width * spec.height}
