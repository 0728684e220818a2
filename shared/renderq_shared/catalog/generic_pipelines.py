"""diffusers' text-to-image pipelines without a step loop of ours, which `GenericPipeline` runs as they are."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GenericPipelineInfo:
    """Facts of a pipeline class that a model's files do not state."""

    steps: int
    """Default of its `num_inference_steps`."""
    guidance_scale: float
    """Default of its `guidance_scale`; of `true_cfg_scale` with Qwen-Image."""
    size_multiple: int = 16
    """Width and height are multiples of it."""
    may_embed_guidance: bool = False
    """True if `guidance_embeds` of its transformer decides whether the guidance scale is an input of the transformer
    (guidance-distilled, no negative prompt) or that of classifier-free guidance, `true_cfg_scale`."""
    reads_negative_prompt: bool = True
    """False if it has no argument for a negative prompt."""
    distilled_steps: int = 4
    """Default steps of its models that were distilled to few steps, unless their names say otherwise."""
    img2img: str | None = None
    """Class for `img2img` and `variation` with the same components; None if there is none that renders any size."""
    inpaint: str | None = None
    """Class for `inpaint` and `outpaint` with the same components."""
    max_images: int = 0
    """Most input images of `edit`; 0 if its models were not trained for it."""
    takes_loras: bool = True
    """False if diffusers has no loader of LoRAs for it."""
    sets_timesteps: bool = False
    """True if its call computes the timesteps itself, which then do not follow the scheduler's schedule."""

    @property
    def tasks(self) -> tuple[str, ...]:
        return (
            "txt2img",
            *(("img2img",) if self.img2img else ()),
            *(("inpaint", "outpaint") if self.inpaint else ()),
            *(("variation",) if self.img2img else ()),
            *(("edit",) if self.max_images else ()),
        )


GENERIC_PIPELINES: Mapping[str, GenericPipelineInfo] = {
    "AuraFlow": GenericPipelineInfo(50, 3.5),
    "Chroma": GenericPipelineInfo(35, 5.0, img2img="ChromaImg2ImgPipeline"),
    "CogView4": GenericPipelineInfo(50, 5.0, sets_timesteps=True),
    "Flux": GenericPipelineInfo(
        28, 3.5, may_embed_guidance=True, img2img="FluxImg2ImgPipeline", inpaint="FluxInpaintPipeline"
    ),
    "Flux2Klein": GenericPipelineInfo(50, 4.0, reads_negative_prompt=False, max_images=4),
    "FluxKontext": GenericPipelineInfo(28, 3.5, may_embed_guidance=True, max_images=1),
    "HunyuanDiT": GenericPipelineInfo(50, 5.0, takes_loras=False),
    "Kandinsky3": GenericPipelineInfo(25, 3.0, size_multiple=64),
    "Lumina": GenericPipelineInfo(30, 4.0, takes_loras=False),
    "Lumina2": GenericPipelineInfo(30, 4.0),
    "PixArtAlpha": GenericPipelineInfo(20, 4.5, size_multiple=8, takes_loras=False),
    "PixArtSigma": GenericPipelineInfo(20, 4.5, size_multiple=8, takes_loras=False),
    "QwenImage": GenericPipelineInfo(
        50, 4.0, may_embed_guidance=True, img2img="QwenImageImg2ImgPipeline", inpaint="QwenImageInpaintPipeline"
    ),
    "Sana": GenericPipelineInfo(20, 4.5, size_multiple=32),
    "StableDiffusion3": GenericPipelineInfo(
        28, 7.0, img2img="StableDiffusion3Img2ImgPipeline", inpaint="StableDiffusion3InpaintPipeline"
    ),
    "ZImage": GenericPipelineInfo(
        50, 5.0, distilled_steps=8, img2img="ZImageImg2ImgPipeline", inpaint="ZImageInpaintPipeline"
    ),
}
"""Name of the pipeline class without `Pipeline` → its facts."""
