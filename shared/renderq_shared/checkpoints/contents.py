"""What a weight file holds, by the names of its tensors: so that a file that is no pipeline is named for what it is."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from renderq_shared.checkpoints.tensor import TensorInfo

_FOLDER = "renderq loads this model from its diffusers folder, not from one file; set source to that folder"
_PART = "it is a part of a model; set source to the whole model"
_ADDON = "it changes another model, and renderq does not load such files yet"
_MERGE = f"{_ADDON}; merge it into a model, and set source to that"
_LORA = "it is an addition to a model; write it as source of a table [loras.NAME]"
_EMBEDDING = "it is an addition to a model; write it as source of a table [embeddings.NAME]"
_OTHER = "renderq has no task for it"

_WIDTHS = {768: "Stable Diffusion 1.x", 1024: "Stable Diffusion 2.x", 1280: "the SDXL refiner", 2048: "SDXL"}
"""Width of the prompt in cross attention → model."""

_QUANTIZATIONS = (
    (r"(^|\.)(scaled_fp8|scale_weight|weight_scale|scale_input|input_scale|comfy_quant)$", "scaled fp8"),
    (r"\.(absmax|quant_map|nested_absmax)$|\.quant_state\.", "bitsandbytes"),
    (r"\.(qweight|qzeros|wscales)$", "GPTQ, AWQ or nunchaku"),
    (r"\.SCB$", "bitsandbytes"),
)
"""Names of tensors that only quantized weights have → kind of quantization."""

_BASES = ("modelspec.architecture", "ss_base_model_version")
"""Metadata of trainers that name the model a LoRA was trained for."""
_BASES_BY_NAMES = (
    (r"(double|single)_blocks|single_transformer_blocks", "Flux"),
    (r"lora_te2_|text_encoder_2\.", "SDXL"),
    (r"joint_blocks|(^|\.)transformer\.transformer_blocks.*add_[qkv]_proj", "Stable Diffusion 3 or Qwen-Image"),
)
"""Names of tensors → model that a LoRA was trained for."""
_NONE: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file holds, and what to do with it."""

    kind: str
    advice: str

    def __str__(self) -> str:
        return f"the file holds {self.kind}: {self.advice}"


@dataclass(frozen=True, slots=True)
class _Rule:
    pattern: str
    """Regular expression that one of the names matches at its beginning."""
    kind: str
    advice: str
    detail: Callable[[Mapping[str, TensorInfo], Mapping[str, str]], str] = lambda _tensors, _metadata: ""


def describe(
    tensors: Mapping[str, TensorInfo], others: Collection[str] = (), metadata: Mapping[str, str] = _NONE
) -> Contents | None:
    """Return what a file with these tensors, other keys and metadata holds; `None` if that is unknown."""
    names = "\n".join(name.removeprefix("model.diffusion_model.") for name in (*tensors, *others))
    for rule in _RULES:
        if re.search(f"^(?:{rule.pattern})", names, re.MULTILINE):
            return Contents(f"{rule.kind}{rule.detail(tensors, metadata)}", rule.advice)
    if tensors and len(tensors) <= 2 and all(_is_embedding(tensor) for tensor in tensors.values()):
        return Contents("a textual inversion", _EMBEDDING)
    return None


def quantization(names: Collection[str]) -> str | None:
    """Return the kind of quantization whose scales are among the tensors; `None` for plain weights."""
    for pattern, kind in _QUANTIZATIONS:
        if any(re.search(pattern, name) for name in names):
            return kind
    return None


def _is_embedding(tensor: TensorInfo) -> bool:
    return len(tensor.shape) in (1, 2) and tensor.shape[-1] in (768, 1024, 1280, 4096)


def _lora_base(tensors: Mapping[str, TensorInfo], metadata: Mapping[str, str]) -> str:
    """Return ` for MODEL (KEYS keys)`, as far as metadata, names and the width of the prompt's projections state it."""
    names = "\n".join(tensors)
    keys = "kohya" if re.search(r"lora_(unet|te|te1|te2|transformer)_", names) else "peft"
    keys = "diffusers" if ".lora.down." in names or "_lora.down." in names else keys
    stated = next((metadata[key] for key in _BASES if metadata.get(key)), "")
    base = repr(stated.removesuffix("/lora"))[1:-1] if stated else _base_by_tensors(tensors, names)
    return f"{f' for {base}' if base else ''} ({keys} keys)"


def _base_by_tensors(tensors: Mapping[str, TensorInfo], names: str) -> str:
    for pattern, base in _BASES_BY_NAMES:
        if re.search(pattern, names, re.MULTILINE):
            return base
    width = next((t.shape[-1] for n, t in tensors.items() if re.search(r"attn2.*to_k.*(down|lora_A)", n)), 0)
    return _WIDTHS.get(width) or ("Stable Diffusion 1.x, 2.x or XL" if "down_blocks" in names else "")


def _unet(tensors: Mapping[str, TensorInfo], _: Mapping[str, str]) -> str:
    width = next((t.shape[-1] for n, t in tensors.items() if n.endswith(".attn2.to_k.weight")), 0)
    return f" of {_WIDTHS[width]}" if width in _WIDTHS else ""


def _extent(tensors: Mapping[str, TensorInfo], _: Mapping[str, str]) -> str:
    """Return which parts of the pipeline are in the file in addition to the transformer."""
    prefixes = {
        "its autoencoder": ("vae.", "first_stage_model."),
        "its text encoders": ("text_encoders.", "cond_stage_model.", "conditioner."),
    }
    parts = [part for part, starts in prefixes.items() if any(name.startswith(starts) for name in tensors)]
    return f" with {' and '.join(parts)}" if parts else " alone, without text encoders and autoencoder"


def _model(pattern: str, name: str, advice: str = _FOLDER) -> _Rule:
    return _Rule(pattern, f"the transformer of {name}", advice, _extent)


_RULES: tuple[_Rule, ...] = (
    _Rule(r".*[._](lora_(down|up|A|B|mid)|lora1|lora2|lora[._](down|up))\b", "a LoRA", _LORA, _lora_base),
    _Rule(r".*\.(hada_w1_a|lokr_w1|lokr_w1_a|oft_blocks|oft_diag|dora_scale)$", "a LyCORIS network", _MERGE),
    _Rule(r"lllite_unet_", "a ControlNet-LLLite", _ADDON),
    _Rule(r"lora_(unet|te|te1|te2|te3|transformer|prior)_", "a LyCORIS network", _MERGE),
    _Rule(r"id_encoder\.", "a PhotoMaker", _ADDON),
    _Rule(r"(t5xxl|t5)$", "a textual inversion", _EMBEDDING),
    _Rule(r"emb_params$|string_to_param$|string_to_token$", "a textual inversion", _EMBEDDING),
    _Rule(r"clip_[lg]$", "a textual inversion for SDXL", _EMBEDDING),
    _Rule(r"(image_proj|ip_adapter)\b", "an IP-Adapter", _ADDON),
    _Rule(r"motion_modules\.|.*\.motion_modules\.", "an AnimateDiff motion module", _ADDON),
    _Rule(r"control_model\.|controlnet_|input_hint_block\.|control_(all_x_embedder|layers)\.", "a ControlNet", _ADDON),
    _Rule(r"(adapter\.)?body\.\d+\.(in_conv|block1)\.|adapter\.", "a T2I-Adapter", _ADDON),
    _Rule(r"(320|640|768|1280)$", "a hypernetwork", _ADDON),
    _model(r"(double|single)_stream_modulation", "Flux.2", "renderq does not serve this model"),
    _model(r"early_stream_modulations\.", "Flux 3", "renderq does not serve this model"),
    _model(r"distilled_guidance_layer\.", "Chroma"),
    _model(r".*individual_token_refiner\.", "HunyuanVideo", _OTHER),
    _model(r"double_blocks\.\d+\.img_attn\.", "Flux"),
    _model(r"(transformer\.)?single_transformer_blocks\.", "Flux (diffusers keys)"),
    _model(r"double_layers\.\d|cond_seq_linear\.", "AuraFlow"),
    _model(r"joint_blocks\.(24|3[0-7])\.", "Stable Diffusion 3.5 Large"),
    _model(r"joint_blocks\.\d+\.x_block\.attn2\.", "Stable Diffusion 3.5 Medium"),
    _model(r"joint_blocks\.", "Stable Diffusion 3 or 3.5"),
    _model(r"transformer_blocks\.\d+\.(img|txt)_mod\.", "Qwen-Image"),
    _model(r"txtfusion\.|txt_in\.text_norm\.", "a newer Qwen-Image or Krea", "renderq does not serve this model"),
    _model(r"layers\.\d+\.adaLN_modulation\.0\.|(x|cap)_pad_token$", "Z-Image"),
    _model(r"layers\.\d+\.adaLN_modulation\.1\.", "Lumina 2"),
    _model(r"cap_embedder\.|noise_refiner\.", "Z-Image or Lumina 2"),
    _model(r"head\.modulation$|blocks\.\d+\.self_attn\.norm_q", "Wan", _OTHER),
    _model(r"patchify_proj\.", "LTX-Video", _OTHER),
    _model(r"blocks\.\d+\.attn\.qkv_x\.", "Mochi", _OTHER),
    _model(r"blocks\.\d+\.attn1\.Wqkv\.|mlp_t5\.", "HunyuanDiT"),
    _model(r"blocks\.\d+\.cross_attn\.(q|kv)_linear\.", "Sana or PixArt"),
    _model(r"double_stream_blocks\.", "HiDream", "renderq does not serve this model"),
    _model(r"net\.(x_embedder|blocks|pos_embedder)\.", "Cosmos", _OTHER),
    _Rule(r"clip_txt_mapper\.|down_blocks\.\d+\.\d+\.channelwise\.", "a stage of Stable Cascade", _OTHER),
    _Rule(r"time_stack\.|.*\.time_stack\.", "Stable Video Diffusion", _OTHER),
    _Rule(r"(conv_first|RRDB_trunk|body\.\d+\.rdb\d)\.|model\.\d+\.sub\.\d+\.", "an ESRGAN upscaler", _OTHER),
    _Rule(r"layers\.\d+\.residual_group\.", "a SwinIR or HAT upscaler", _OTHER),
    _Rule(r"stylegan_decoder\.|quantize\.embedding\.", "a face restoration model", _OTHER),
    _Rule(r"concept_embeds(_weights)?$", "a safety checker", _PART),
    _Rule(r"pretrained\.model\.|dpt\.|depth_head\.", "a depth estimator", _PART),
    _Rule(
        r"input_blocks\.|output_blocks\.|(unet\.)?down_blocks\.\d+\.(resnets|attentions)\.",
        "a UNet alone",
        _PART,
        _unet,
    ),
    _Rule(
        r"(first_stage_model\.|vae\.)?(encoder|decoder)\.(conv_in|conv_out|mid|mid_block|middle|stages|conv1)\.",
        "an autoencoder (VAE) alone",
        _PART,
    ),
    _Rule(r"(taesd_)?(encoder|decoder)\.(layers\.)?\d+\.|\d+\.conv\.\d+\.", "a tiny autoencoder (TAESD)", _PART),
    _Rule(r".*\.SelfAttention\.q\.", "a T5 text encoder", _PART),
    _Rule(r"(.*\.)?(vision_model|visual)\.", "a CLIP image encoder", _PART),
    _Rule(
        r"(.*\.)?(text_model\.(encoder|embeddings)\.|transformer\.resblocks\.|embeddings\.token_embedding\.)",
        "a CLIP text encoder",
        _PART,
    ),
    _Rule(r"(.*\.)?layers\.\d+\.self_attn\.q_proj\.", "a language model", _PART),
    _Rule(r"model_ema\.", "averaged weights (EMA) alone", _PART),
    _Rule(r"(optimizer|optimizer_states|optimizer_state_dict|param_groups)$", "the state of a training", _PART),
)
"""The first rule that matches applies; add-ons come first, parts that other models also have last."""
