"""Tiny Stable Diffusion pipelines with random weights: all components are real; 64 px and four steps take 0.05 s."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DDPMScheduler,
    DiffusionPipeline,
    StableDiffusionDepth2ImgPipeline,
    StableDiffusionPipeline,
    StableDiffusionUpscalePipeline,
    UNet2DConditionModel,
)
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    DPTConfig,
    DPTForDepthEstimation,
    DPTImageProcessor,
)

from renderq.contract import ModelDefaults, ModelLimits
from renderq_shared.catalog import ModelEntry
from tests.worker.models.scaled_layouts import small_layout, small_pipeline

TOKENS = 16

SD1_SCHEDULER = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}
"""Scheduler configuration of the published Stable Diffusion 1.x and 2.x models."""


def entry(folder: Path, name: str = "tiny", **fields: Any) -> ModelEntry:
    return ModelEntry(
        name=name,
        source=str(folder),
        family=fields.pop("family", "stable_diffusion"),
        tasks=("txt2img",),
        revision=fields.pop("revision", folder.name),
        defaults=ModelDefaults(width=64, height=64, steps=4, guidance_scale=7.5),
        limits=ModelLimits(max_side=256, max_pixels=256 * 256),
        **fields,
    )


def save_pipeline(
    folder: Path,
    scheduler: Any,
    pipeline_class: type[DiffusionPipeline] = StableDiffusionPipeline,
    *,
    seed: int = 0,
    in_channels: int = 4,
    text_layers: int = 1,
    vae_channels: tuple[int, ...] = (8, 8, 16, 16),
    **unet: Any,
) -> None:
    torch.manual_seed(seed)
    pipeline_class(
        vae=_vae(vae_channels),
        text_encoder=_text_encoder(text_layers),
        tokenizer=tokenizer(),
        unet=_unet(in_channels=in_channels, **unet),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)


def save_depth_pipeline(folder: Path, scheduler: Any) -> None:
    """Like stable-diffusion-2-depth: five channels, and a depth estimator of 32 × 32 pixels."""
    torch.manual_seed(4)
    StableDiffusionDepth2ImgPipeline(
        vae=_vae(),
        text_encoder=_text_encoder(),
        tokenizer=tokenizer(),
        unet=_unet(in_channels=5),
        scheduler=scheduler,
        depth_estimator=_depth_estimator(),
        feature_extractor=DPTImageProcessor(size={"height": 32, "width": 32}),
    ).save_pretrained(folder)


def save_upscaler(folder: Path, scheduler: Any) -> None:
    """Like stable-diffusion-x4-upscaler: seven channels, noise levels, an autoencoder of three blocks."""
    torch.manual_seed(5)
    StableDiffusionUpscalePipeline(
        vae=_vae((8, 8, 16), scaling_factor=0.08333),
        text_encoder=_text_encoder(),
        tokenizer=tokenizer(),
        unet=_unet(in_channels=7, num_class_embeds=1000, sample_size=16),
        scheduler=scheduler,
        low_res_scheduler=DDPMScheduler(beta_schedule="squaredcos_cap_v2"),
    ).save_pretrained(folder)


def _depth_estimator() -> DPTForDepthEstimation:
    return DPTForDepthEstimation(
        DPTConfig(
            hidden_size=16,
            num_hidden_layers=4,
            num_attention_heads=2,
            intermediate_size=32,
            image_size=32,
            patch_size=8,
            backbone_out_indices=[0, 1, 2, 3],
            neck_hidden_sizes=[8, 8, 16, 16],
            fusion_hidden_size=8,
            use_auxiliary_head=False,
        )
    ).eval()


def _vae(channels: tuple[int, ...] = (8, 8, 16, 16), **changes: Any) -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=channels,
        down_block_types=("DownEncoderBlock2D",) * len(channels),
        up_block_types=("UpDecoderBlock2D",) * len(channels),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        **changes,
    )


def _unet(**changes: Any) -> UNet2DConditionModel:
    arguments: dict[str, Any] = {
        "sample_size": 8,
        "out_channels": 4,
        "block_out_channels": (16, 32),
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "layers_per_block": 1,
        "cross_attention_dim": 16,
        "attention_head_dim": 2,
        "norm_num_groups": 8,
    }
    return UNet2DConditionModel(**arguments | changes)


def _text_encoder(layers: int = 1) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=layers,
            num_attention_heads=2,
            **clip_vocabulary_config(),
        )
    ).eval()


def save_xl(folder: Path, layout: Path, **changes: Mapping[str, Any]) -> None:
    """Like SDXL base: the second tokenizer has a different padding token."""
    small = small_layout(
        "sdxl", layout, text_encoder=clip_vocabulary_config(), text_encoder_2=clip_vocabulary_config(), **changes
    )
    pipeline = small_pipeline(small, tokenizer=tokenizer(), tokenizer_2=tokenizer(pad_token="."))
    pipeline.save_pretrained(folder)


def clip_vocabulary_config() -> dict[str, int]:
    """Return the part of a CLIP text encoder's configuration that depends on `tokenizer`."""
    return {
        "vocab_size": len(vocabulary()),
        "max_position_embeddings": TOKENS,
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 1,
    }


def tokenizer(**changes: Any) -> CLIPTokenizer:
    return CLIPTokenizer(vocab=vocabulary(), merges=[], model_max_length=TOKENS, **changes)


def vocabulary() -> dict[str, int]:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789,."
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    return {word: number for number, word in enumerate(words)}
