"""Tiny Stable Diffusion pipelines with random weights: every part is real, 64 px and four steps take 0.05 s."""

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DiffusionPipeline, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from renderq.contract import ModelDefaults, ModelLimits
from renderq_shared.catalog import ModelEntry

TOKENS = 16

SD1_SCHEDULER = {
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "clip_sample": False,
    "set_alpha_to_one": False,
    "steps_offset": 1,
}
"""What the published Stable Diffusion 1.x and 2.x configurations say."""


def entry(folder: Path, name: str = "tiny", **fields: Any) -> ModelEntry:
    return ModelEntry(
        name=name,
        source=str(folder),
        family="stable_diffusion",
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
    **unet: Any,
) -> None:
    torch.manual_seed(seed)
    pipeline_class(
        vae=_vae(),
        text_encoder=_text_encoder(),
        tokenizer=_tokenizer(),
        unet=_unet(in_channels=in_channels, **unet),
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)


def _vae() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
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


def _text_encoder() -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            vocab_size=len(_vocabulary()),
            max_position_embeddings=TOKENS,
            bos_token_id=0,
            eos_token_id=1,
            pad_token_id=1,
        )
    ).eval()


def _tokenizer() -> CLIPTokenizer:
    return CLIPTokenizer(vocab=_vocabulary(), merges=[], model_max_length=TOKENS)


def _vocabulary() -> dict[str, int]:
    letters = "abcdefghijklmnopqrstuvwxyz0123456789,."
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    return {word: number for number, word in enumerate(words)}
