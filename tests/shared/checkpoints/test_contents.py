"""Files that are no pipelines are named for what they are, by the tensor names under which they are published."""

from collections.abc import Mapping

import pytest

from renderq_shared.checkpoints import TensorInfo
from renderq_shared.checkpoints.contents import describe, quantization

UNET = "model.diffusion_model."
ALONE = "alone, without text encoders and autoencoder"


def contents(
    *names: str,
    shape: tuple[int, ...] = (4, 4),
    metadata: Mapping[str, str] | None = None,
    others: tuple[str, ...] = (),
) -> str:
    return str(describe(dict.fromkeys(names, TensorInfo(shape, "float16")), others, metadata or {}))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("lora_unet_double_blocks_0_img_attn_proj.lora_down.weight", "a LoRA for Flux (kohya keys)"),
        ("transformer.single_transformer_blocks.0.attn.to_k.lora_A.weight", "a LoRA for Flux (peft keys)"),
        ("lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_up.weight", "a LoRA for SDXL (kohya keys)"),
        (
            "unet.down_blocks.0.attentions.0.processor.to_q_lora.down.weight",
            "a LoRA for Stable Diffusion 1.x, 2.x or XL (dif",
        ),
        ("double_blocks.0.processor.qkv_lora1.down.weight", "a LoRA for Flux"),
        ("lora_unet_input_blocks_4_1_proj_in.hada_w1_a", "a LyCORIS network"),
        ("lora_unet_input_blocks_4_1_proj_in.lokr_w2", "a LyCORIS network"),
        ("lora_te1_text_model_encoder_layers_0_mlp_fc1.on_input", "a LyCORIS network"),
        ("lllite_unet_input_blocks_4_1_proj_in.conditioning1.0.weight", "a ControlNet-LLLite"),
        ("id_encoder.visual_projection.weight", "a PhotoMaker"),
        ("emb_params", "a textual inversion"),
        ("clip_g", "a textual inversion for SDXL"),
        ("image_proj.proj.weight", "an IP-Adapter"),
        ("down_blocks.0.motion_modules.0.temporal_transformer.proj_in.weight", "an AnimateDiff motion module"),
        ("control_model.input_blocks.0.0.weight", "a ControlNet"),
        ("controlnet_cond_embedding.conv_in.weight", "a ControlNet"),
        ("body.0.block1.weight", "a T2I-Adapter"),
        ("double_stream_modulation_img.lin.weight", f"the transformer of Flux.2 {ALONE}"),
        ("distilled_guidance_layer.in_proj.bias", f"the transformer of Chroma {ALONE}"),
        ("double_blocks.0.img_attn.norm.key_norm.scale", f"the transformer of Flux {ALONE}"),
        (f"{UNET}double_blocks.0.img_attn.norm.key_norm.scale", f"the transformer of Flux {ALONE}"),
        ("joint_blocks.37.x_block.mlp.fc1.weight", f"the transformer of Stable Diffusion 3.5 Large {ALONE}"),
        ("joint_blocks.0.x_block.attn2.qkv.weight", "the transformer of Stable Diffusion 3.5 Medium"),
        ("joint_blocks.0.context_block.adaLN_modulation.1.bias", "the transformer of Stable Diffusion 3 or 3.5"),
        ("transformer_blocks.0.img_mod.1.weight", "the transformer of Qwen-Image"),
        ("layers.0.adaLN_modulation.0.weight", "the transformer of Z-Image"),
        ("layers.0.adaLN_modulation.1.weight", "the transformer of Lumina 2"),
        ("double_layers.0.attn.w2q.weight", "the transformer of AuraFlow"),
        (f"{UNET}head.modulation", "the transformer of Wan"),
        ("blocks.0.cross_attn.q_linear.weight", "the transformer of Sana or PixArt"),
        ("net.x_embedder.proj.1.weight", "the transformer of Cosmos"),
        ("clip_txt_mapper.weight", "a stage of Stable Cascade"),
        ("conv_first.weight", "an ESRGAN upscaler"),
        ("model.1.sub.0.RDB1.conv1.0.weight", "an ESRGAN upscaler"),
        ("concept_embeds_weights", "a safety checker"),
        (f"{UNET}output_blocks.0.0.in_layers.0.weight", "a UNet alone"),
        ("down_blocks.0.resnets.0.conv1.weight", "a UNet alone"),
        ("decoder.conv_in.weight", "an autoencoder (VAE) alone"),
        ("first_stage_model.encoder.conv_in.weight", "an autoencoder (VAE) alone"),
        ("decoder.mid_block.resnets.0.conv1.weight", "an autoencoder (VAE) alone"),
        ("decoder.middle.0.residual.0.gamma", "an autoencoder (VAE) alone"),
        ("decoder.layers.0.weight", "a tiny autoencoder (TAESD)"),
        ("encoder.block.0.layer.0.SelfAttention.q.weight", "a T5 text encoder"),
        ("vision_model.encoder.layers.0.mlp.fc1.weight", "a CLIP image encoder"),
        ("text_model.encoder.layers.0.mlp.fc1.weight", "a CLIP text encoder"),
        ("cond_stage_model.model.transformer.resblocks.0.ln_1.weight", "a CLIP text encoder"),
        ("model.layers.0.self_attn.q_proj.weight", "a language model"),
        ("model_ema.diffusion_modelout2weight", "averaged weights (EMA) alone"),
    ],
)
def test_the_names_tell(name: str, kind: str) -> None:
    assert contents(name).startswith(f"the file holds {kind}")


def test_a_lora_names_the_model_that_it_was_trained_for() -> None:
    key = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight"
    assert "a LoRA for Stable Diffusion 1.x (kohya keys)" in contents(key, shape=(4, 768))
    assert "a LoRA for SDXL (kohya keys)" in contents(key, shape=(4, 2048))
    assert "a LoRA for sd_v1 (kohya keys)" in contents(key, metadata={"ss_base_model_version": "sd_v1"})
    architecture = {"modelspec.architecture": "stable-diffusion-xl-v1-base/lora", "ss_base_model_version": "sd_v1"}
    assert "a LoRA for stable-diffusion-xl-v1-base (kohya keys)" in contents(key, metadata=architecture)


def test_what_else_is_in_the_file() -> None:
    names = (f"{UNET}double_blocks.0.img_attn.qkv.weight", "vae.decoder.conv_in.weight", "text_encoders.t5xxl.x")
    assert "the transformer of Flux with its autoencoder and its text encoders" in contents(*names)


def test_a_unet_names_its_model() -> None:
    name = "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight"
    assert "a UNet alone of SDXL" in contents(name, shape=(640, 2048))


def test_textual_inversions_of_torch() -> None:
    assert "a textual inversion" in contents(others=("string_to_token", "string_to_param"))
    assert "a textual inversion" in contents("<style>", shape=(768,))


def test_a_hypernetwork_and_the_state_of_a_training() -> None:
    assert "a hypernetwork" in contents(others=("320", "640", "step"))
    assert "the state of a training" in contents(others=("optimizer", "epoch"))


def test_unknown_files() -> None:
    assert contents("layer.weight", "layer.bias", "x") == "None"
    assert contents() == "None"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("scaled_fp8", "scaled fp8"),
        (f"{UNET}out.2.scale_weight", "scaled fp8"),
        (f"{UNET}out.2.weight.absmax", "bitsandbytes"),
        (f"{UNET}out.2.weight.quant_state.bitsandbytes__nf4", "bitsandbytes"),
        (f"{UNET}out.2.qweight", "GPTQ, AWQ or nunchaku"),
        (f"{UNET}out.2.weight", None),
    ],
)
def test_quantized_weights_have_scales(name: str, kind: str | None) -> None:
    assert quantization([name]) == kind
