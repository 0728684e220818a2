"""Writer of pipelines as single files with the original Stable Diffusion keys.

It is the inverse of diffusers' `from_single_file`, written from the structure of the original models.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import diffusers
import torch
import transformers
from safetensors.torch import save_file
from torch import Tensor

from renderq_shared.catalog.layouts import layout_folder

_UNET_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
_UNET_ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "add_embedding.linear_1": "label_emb.0.0",
    "add_embedding.linear_2": "label_emb.0.2",
    "class_embedding": "label_emb",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
_OPEN_CLIP = {
    "layer_norm1": "ln_1",
    "layer_norm2": "ln_2",
    "self_attn.out_proj": "attn.out_proj",
    "mlp.fc1": "mlp.c_fc",
    "mlp.fc2": "mlp.c_proj",
}


def save_original(pipeline: Any, path: Path) -> None:
    """Save as `.safetensors`, or as a pickle like those of training frameworks."""
    save_tensors(original_tensors(pipeline), path)


def save_tensors(tensors: Mapping[str, Tensor], path: Path) -> None:
    tensors = {name: tensor.contiguous() for name, tensor in tensors.items()}
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save({"state_dict": tensors, "global_step": 1}, path)


def original_tensors(pipeline: Any) -> dict[str, Tensor]:
    tensors = {f"model.diffusion_model.{name}": tensor for name, tensor in _unet(pipeline.unet)}
    tensors |= {f"first_stage_model.{name}": tensor for name, tensor in _vae(pipeline.vae)}
    if hasattr(pipeline, "text_encoder_2"):
        first, second = "conditioner.embedders.0.transformer.text_model.", "conditioner.embedders.1.model."
        return (
            tensors
            | _prefixed(first, _clip(pipeline.text_encoder))
            | _prefixed(second, _open_clip(pipeline.text_encoder_2))
        )
    if pipeline.text_encoder.config.hidden_act == "gelu":
        return tensors | _prefixed("cond_stage_model.model.", _open_clip(pipeline.text_encoder))
    return tensors | _prefixed("cond_stage_model.transformer.text_model.", _clip(pipeline.text_encoder))


def published_shapes(layout: str) -> dict[str, tuple[int, ...]]:
    """Return name → shape of all tensors of the published model with this shipped layout."""
    folder = layout_folder(layout)
    index = json.loads((folder / "model_index.json").read_text())
    components = dict[str, Any]()
    with torch.device("meta"):
        for name in ("unet", "vae", "text_encoder", "text_encoder_2"):
            library, class_name = index.get(name, (None, None))
            if library == "diffusers":
                diffusers_class = getattr(diffusers, class_name)
                components[name] = diffusers_class.from_config(diffusers_class.load_config(folder / name))
            elif library == "transformers":
                transformers_class = getattr(transformers, class_name)
                components[name] = transformers_class(transformers_class.config_class.from_pretrained(folder / name))
    return {name: tuple(tensor.shape) for name, tensor in original_tensors(SimpleNamespace(**components)).items()}


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in tensors.items()}


def _renamed(name: str, names: Mapping[str, str]) -> str:
    for ours, original in names.items():
        if name == ours or name.startswith(f"{ours}."):
            return original + name[len(ours) :]
    return name


def _unet(unet: Any) -> Iterator[tuple[str, Tensor]]:
    places = dict(_unet_places(unet))
    for name, tensor in unet.state_dict().items():
        place = next((place for place in places if name.startswith(f"{place}.")), None)
        if place is None:
            yield _renamed(name, _UNET_ENDS), tensor
        else:
            rest = name[len(place) + 1 :]
            yield f"{places[place]}.{_renamed(rest, _UNET_RESNET) if 'resnets' in place else rest}", tensor


def _unet_places(unet: Any) -> Iterator[tuple[str, str]]:
    """Yield pairs of a diffusers module and its block in the original."""
    number = 1
    for index, block in enumerate(unet.down_blocks):
        for layer in range(len(block.resnets)):
            yield f"down_blocks.{index}.resnets.{layer}", f"input_blocks.{number}.0"
            yield f"down_blocks.{index}.attentions.{layer}", f"input_blocks.{number}.1"
            number += 1
        if block.downsamplers:
            yield f"down_blocks.{index}.downsamplers.0.conv", f"input_blocks.{number}.0.op"
            number += 1
    yield from (
        ("mid_block.resnets.0", "middle_block.0"),
        ("mid_block.attentions.0", "middle_block.1"),
        ("mid_block.resnets.1", "middle_block.2"),
    )
    number = 0
    for index, block in enumerate(unet.up_blocks):
        attends = hasattr(block, "attentions")
        for layer in range(len(block.resnets)):
            yield f"up_blocks.{index}.resnets.{layer}", f"output_blocks.{number}.0"
            yield f"up_blocks.{index}.attentions.{layer}", f"output_blocks.{number}.1"
            number += 1
        yield f"up_blocks.{index}.upsamplers.0.conv", f"output_blocks.{number - 1}.{2 if attends else 1}.conv"


def _vae(vae: Any) -> Iterator[tuple[str, Tensor]]:
    blocks = len(vae.config.block_out_channels)
    for name, tensor in vae.state_dict().items():
        name = name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
        name = name.replace("downsamplers.0", "downsample").replace("upsamplers.0", "upsample")
        name = name.replace("mid_block.resnets.0", "mid.block_1").replace("mid_block.resnets.1", "mid.block_2")
        for index in range(blocks):
            name = name.replace(f"down_blocks.{index}.", f"down.{index}.")
            name = name.replace(f"up_blocks.{index}.", f"up.{blocks - 1 - index}.")
        name = name.replace("resnets", "block")
        coder, attention, rest = name.partition("mid_block.attentions.0.")
        if attention:
            name = f"{coder}mid.attn_1.{_renamed(rest, _VAE_ATTENTION)}"
            tensor = tensor[:, :, None, None] if tensor.dim() == 2 else tensor  # a convolution in the original
        yield name, tensor


def _clip(encoder: Any) -> dict[str, Tensor]:
    return {name.removeprefix("text_model."): tensor for name, tensor in encoder.state_dict().items()}


def _open_clip(encoder: Any) -> dict[str, Tensor]:
    """Return OpenCLIP tensors: query, key and value in one matrix, the projection transposed."""
    weights = _clip(encoder)
    width = encoder.config.hidden_size
    tensors = {
        "token_embedding.weight": weights["embeddings.token_embedding.weight"],
        "positional_embedding": weights["embeddings.position_embedding.weight"],
        "ln_final.weight": weights["final_layer_norm.weight"],
        "ln_final.bias": weights["final_layer_norm.bias"],
        "text_projection": weights.get("text_projection.weight", torch.zeros(width, width)).T,
    }
    for name, tensor in weights.items():
        if name.startswith("encoder.layers."):
            _, _, number, rest = name.split(".", 3)
            place = f"transformer.resblocks.{number}"
            if "_proj." not in rest or "out_proj" in rest:
                tensors[f"{place}.{_renamed(rest, _OPEN_CLIP)}"] = tensor
            elif "q_proj" in rest:
                three = [weights[name.replace("q_proj", part)] for part in ("q_proj", "k_proj", "v_proj")]
                tensors[f"{place}.attn.in_proj_{rest.rpartition('.')[2]}"] = torch.cat(three)
    return tensors
