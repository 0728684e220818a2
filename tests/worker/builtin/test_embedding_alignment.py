"""A UNet is adapted to another text encoder."""

from copy import deepcopy

import torch
from diffusers import StableDiffusionPipeline

from renderq_worker.builtin.embedding_alignment import realign
from renderq_worker.builtin.text_encoder import hidden_states, tokenize


def test_a_realigned_unet_reads_the_new_hidden_states_as_it_read_the_old(pipeline: StableDiffusionPipeline) -> None:
    prompts = [f"{count} {color} stars on blue" for count in ("two", "three", "four") for color in ("red", "green")]
    torch.manual_seed(0)
    with torch.no_grad():
        old = hidden_states(pipeline.text_encoder, tokenize(pipeline.tokenizer, prompts))
        old = old + 0.1 * torch.randn_like(old)
        rotation = torch.linalg.qr(torch.randn(old.shape[-1], old.shape[-1])).Q
        new = old @ rotation
        unet = deepcopy(pipeline.unet)
        latents, timesteps = torch.randn(len(prompts), 16, 8, 8), torch.full((len(prompts),), 700)
        expected = unet(latents, timesteps, old).sample
        unaligned = unet(latents, timesteps, new).sample
        realign(unet, old, new)
        aligned = unet(latents, timesteps, new).sample
    assert (unaligned - expected).abs().mean() > 0.05
    assert (aligned - expected).abs().mean() < 0.2 * (unaligned - expected).abs().mean()
