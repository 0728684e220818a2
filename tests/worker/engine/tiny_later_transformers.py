"""More tiny pipelines with random weights, like Flux.2 Klein, Flux Kontext, Sana, Lumina 2, PixArt, AuraFlow and
Kandinsky 3.

Widths are multiples of 64, as in published models: on a CPU, activations of what is left after whole vectors have other
bits, so that rows of other widths would depend on their place in a batch.
"""

from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AuraFlowPipeline,
    AuraFlowTransformer2DModel,
    AutoencoderDC,
    AutoencoderKLFlux2,
    DDPMScheduler,
    DPMSolverMultistepScheduler,
    FlowMatchEulerDiscreteScheduler,
    Flux2KleinPipeline,
    Flux2Transformer2DModel,
    FluxKontextPipeline,
    Kandinsky3Pipeline,
    Kandinsky3UNet,
    Lumina2Pipeline,
    Lumina2Transformer2DModel,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
    SanaPipeline,
    SanaTransformer2DModel,
    VQModel,
)
from transformers import (
    Gemma2Config,
    Gemma2Model,
    GemmaTokenizer,
    Qwen3Config,
    Qwen3ForCausalLM,
    UMT5Config,
    UMT5EncoderModel,
)

from tests.worker.engine.tiny_transformers import TEXT_WIDTH, qwen_tokenizer, save_flux, t5, t5_tokenizer, vae


def save_klein(folder: Path) -> None:
    torch.manual_seed(8)
    Flux2KleinPipeline(
        transformer=Flux2Transformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=48,
            timestep_guidance_channels=256,
            axes_dims_rope=[4, 4, 4, 4],
            guidance_embeds=False,
        ).eval(),
        text_encoder=Qwen3ForCausalLM(
            Qwen3Config(
                hidden_size=16,
                intermediate_size=16,
                num_hidden_layers=28,
                num_attention_heads=2,
                num_key_value_heads=2,
                vocab_size=300,
                max_position_embeddings=1024,
            )
        ).eval(),
        tokenizer=qwen_tokenizer(),
        vae=AutoencoderKLFlux2(
            sample_size=64,
            block_out_channels=(8, 8, 16, 16),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=1,
            latent_channels=4,
            norm_num_groups=4,
            use_quant_conv=False,
            use_post_quant_conv=False,
        ).eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True),
    ).save_pretrained(folder)


def save_kontext(folder: Path) -> None:
    save_flux(folder, pipeline_class=FluxKontextPipeline)


def save_sana(folder: Path) -> None:
    torch.manual_seed(11)
    SanaPipeline(
        transformer=SanaTransformer2DModel(
            in_channels=4,
            out_channels=4,
            num_layers=2,
            num_attention_heads=2,
            attention_head_dim=8,
            num_cross_attention_heads=2,
            cross_attention_head_dim=8,
            cross_attention_dim=16,
            caption_channels=16,
            sample_size=32,
        ).eval(),
        scheduler=DPMSolverMultistepScheduler(
            prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0, num_train_timesteps=1000
        ),
        vae=AutoencoderDC(
            latent_channels=4,
            attention_head_dim=2,
            encoder_block_types=("ResBlock", "EfficientViTBlock"),
            decoder_block_types=("ResBlock", "EfficientViTBlock"),
            encoder_block_out_channels=(8, 8),
            decoder_block_out_channels=(8, 8),
            encoder_layers_per_block=(1, 1),
            decoder_layers_per_block=(1, 1),
            encoder_qkv_multiscales=((), (5,)),
            decoder_qkv_multiscales=((), (5,)),
            scaling_factor=0.41407,
        ).eval(),
        text_encoder=_gemma(),
        tokenizer=_gemma_tokenizer(),
    ).save_pretrained(folder)


def save_lumina2(folder: Path) -> None:
    torch.manual_seed(12)
    Lumina2Pipeline(
        transformer=Lumina2Transformer2DModel(
            sample_size=16,
            patch_size=2,
            in_channels=4,
            hidden_size=64,
            num_layers=2,
            num_refiner_layers=1,
            num_attention_heads=8,
            num_kv_heads=1,
            multiple_of=16,
            axes_dim_rope=(4, 2, 2),
            axes_lens=(300, 128, 128),
            cap_feat_dim=16,
        ).eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=6.0),
        vae=vae(),
        text_encoder=_gemma(),
        tokenizer=_gemma_tokenizer(),
    ).save_pretrained(folder)


def save_pixart(folder: Path) -> None:
    torch.manual_seed(13)
    PixArtSigmaPipeline(
        transformer=PixArtTransformer2DModel(
            sample_size=8,
            num_layers=2,
            patch_size=2,
            attention_head_dim=8,
            num_attention_heads=8,
            caption_channels=TEXT_WIDTH,
            in_channels=4,
            out_channels=8,
            cross_attention_dim=64,
            use_additional_conditions=False,
        ).eval(),
        scheduler=DPMSolverMultistepScheduler(),
        vae=vae(),
        text_encoder=t5(),
        tokenizer=t5_tokenizer(),
    ).save_pretrained(folder)


def save_aura_flow(folder: Path) -> None:
    torch.manual_seed(14)
    config = UMT5Config(vocab_size=160, d_model=TEXT_WIDTH, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    AuraFlowPipeline(
        transformer=AuraFlowTransformer2DModel(
            sample_size=16,
            patch_size=2,
            in_channels=4,
            out_channels=4,
            num_mmdit_layers=1,
            num_single_dit_layers=1,
            attention_head_dim=8,
            num_attention_heads=4,
            joint_attention_dim=TEXT_WIDTH,
            caption_projection_dim=32,
            pos_embed_max_size=256,
        ).eval(),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=1.73),
        vae=vae(),
        text_encoder=UMT5EncoderModel(config).eval(),
        tokenizer=t5_tokenizer(),
    ).save_pretrained(folder)


def save_kandinsky3(folder: Path) -> None:
    torch.manual_seed(15)
    unet = Kandinsky3UNet(
        in_channels=4,
        time_embedding_dim=4,
        groups=2,
        attention_head_dim=4,
        block_out_channels=(16, 32),
        cross_attention_dim=4,
        encoder_hid_dim=TEXT_WIDTH,
    ).eval()
    for parameter in unet.parameters():
        if not parameter.any():  # as before training, which a model that is loaded must not have
            torch.nn.init.normal_(parameter, std=0.1)
    Kandinsky3Pipeline(
        unet=unet,
        scheduler=DDPMScheduler(beta_schedule="squaredcos_cap_v2", clip_sample=True, thresholding=False),
        movq=VQModel(
            block_out_channels=(32, 32, 64, 64),
            down_block_types=(*("DownEncoderBlock2D",) * 3, "AttnDownEncoderBlock2D"),
            up_block_types=("AttnUpDecoderBlock2D", *("UpDecoderBlock2D",) * 3),
            latent_channels=4,
            layers_per_block=1,
            norm_type="spatial",
            num_vq_embeddings=12,
            vq_embed_dim=4,
        ).eval(),
        text_encoder=t5(),
        tokenizer=t5_tokenizer(),
    ).save_pretrained(folder)


def _gemma() -> Any:
    return Gemma2Model(
        Gemma2Config(
            vocab_size=300,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=1,
            head_dim=8,
        )
    ).eval()


def _gemma_tokenizer() -> GemmaTokenizer:
    letters = "▁abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789,.-:;<>'()\n"
    vocabulary = {token: number for number, token in enumerate(["<pad>", "<eos>", "<bos>", "<unk>", *letters])}
    return GemmaTokenizer(vocab=vocabulary, merges=[], model_max_length=1024)
