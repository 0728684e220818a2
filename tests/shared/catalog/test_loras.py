"""`[loras.NAME]` in `models.toml`: what fits which model, and what is refused."""

import json
from pathlib import Path

import pytest

from renderq_shared.catalog import ModelEntry, load_catalog
from renderq_shared.errors import CatalogInvalid
from tests.shared.catalog.test_models_toml import pipeline

MODELS = '[models.old]\nsource = "sd1"\n[models.new]\nsource = "sd2"\n'


@pytest.fixture
def toml(tmp_path: Path) -> Path:
    for name, width in (("sd1", 768), ("sd2", 1024)):
        pipeline(tmp_path / name, cross_attention_dim=width)
        config = {"num_hidden_layers": 3, "hidden_size": width}
        (tmp_path / name / "text_encoder" / "config.json").write_text(json.dumps(config))
    return tmp_path / "models.toml"


def write(path: Path, tensors: dict[str, tuple[int, ...]]) -> Path:
    """Write a safetensors file with zeros of these shapes."""
    header, offset = dict[str, object](), 0
    for name, shape in tensors.items():
        size = 2
        for side in shape:
            size *= side
        header[name] = {"dtype": "F16", "shape": list(shape), "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(offset))
    return path


def kohya(path: Path, width: int = 768) -> Path:
    stem = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    return write(path, {f"{stem}.lora_down.weight": (4, width), f"{stem}.lora_up.weight": (320, 4)})


def peft(path: Path, width: int = 768) -> Path:
    stem = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k"
    return write(path, {f"{stem}.lora_A.weight": (4, width), f"{stem}.lora_B.weight": (320, 4)})


def diffusers(path: Path, width: int = 768) -> Path:
    stem = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora"
    return write(path, {f"{stem}.down.weight": (4, width), f"{stem}.up.weight": (320, 4)})


def text(path: Path, width: int) -> Path:
    stem = "text_encoder.text_model.encoder.layers.0.self_attn.q_proj"
    return write(path, {f"{stem}.lora_A.weight": (4, width), f"{stem}.lora_B.weight": (width, 4)})


def load(toml: Path, loras: str) -> dict[str, ModelEntry]:
    toml.write_text(MODELS + loras)
    return {model.name: model for model in load_catalog(toml, toml.parent / "hub").models}


def refused(toml: Path, loras: str) -> str:
    with pytest.raises(CatalogInvalid) as caught:
        load(toml, loras)
    return str(caught.value)


def names(model: ModelEntry) -> list[str]:
    return [lora.name for lora in model.loras]


@pytest.mark.parametrize("writer", [kohya, peft, diffusers])
def test_an_entry_adds_the_lora_to_its_base(toml: Path, writer: object) -> None:
    path = writer(toml.parent / "ink.safetensors")  # type: ignore[operator]
    models = load(toml, '[loras.ink]\nsource = "ink.safetensors"\nbase = "old"\nweight = 0.7\ntrigger = "ink style"')
    assert names(models["new"]) == []
    [lora] = models["old"].loras
    assert (lora.name, lora.source, lora.weight, lora.trigger) == ("ink", str(path), 0.7, ("ink style",))


def test_a_family_is_the_models_of_it_that_the_lora_fits(toml: Path) -> None:
    kohya(toml.parent / "ink.safetensors", 1024)
    models = load(toml, '[loras.ink]\nsource = "ink.safetensors"\nbase = "stable_diffusion"')
    assert (names(models["old"]), names(models["new"])) == ([], ["ink"])


def test_a_folder_and_a_repository_hold_one_file(toml: Path) -> None:
    peft(toml.parent / "folder" / "pytorch_lora_weights.safetensors")
    peft(toml.parent / "folder" / "other.safetensors")
    snapshot = toml.parent / "hub" / "models--own--er" / "snapshots" / "main"
    peft(snapshot / "style.safetensors")
    loras = '[loras.a]\nsource = "folder"\nbase = "old"\n[loras.b]\nsource = "hub:own/er"\nbase = ["old"]'
    found = load(toml, loras)["old"].loras
    assert [Path(lora.source).name for lora in found] == ["pytorch_lora_weights.safetensors", "style.safetensors"]


def test_the_revision_is_that_of_the_content(toml: Path) -> None:
    entry = '[loras.ink]\nsource = "ink.safetensors"\nbase = "old"'
    path = peft(toml.parent / "ink.safetensors")
    before = load(toml, entry)["old"]
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    after = load(toml, entry)["old"]
    assert before.loras[0].revision != after.loras[0].revision
    assert before.revision == after.revision


INK = '[loras.ink]\nsource = "ink.safetensors"\n'


@pytest.mark.parametrize(
    ("loras", "message"),
    [
        (
            f'{INK}base = "new"',
            "a LoRA for Stable Diffusion 1.x (peft keys), which does not fit its base 'new': it was",
        ),
        (f'{INK}base = "new"', "it was trained for prompts of width 768, those of 'new' have 1024"),
        (f'{INK}base = "sdxl"', "lora 'ink': base 'sdxl' is neither a model of the file, which has old, new, nor the"),
        (INK, "lora 'ink': base is missing; it is the name of a model, names of several, or a family"),
        ('[loras.ink]\nbase = "old"', "lora 'ink': source is missing; it is a folder, a file, or hub:OWNER/NAME"),
        (f'{INK}base = "old"\nweight = 5', "lora 'ink': weight must be a number from -4 to 4 (got 5)"),
        (f'{INK}base = "old"\nwieght = 1', "lora 'ink': unknown key 'wieght'; did you mean weight?"),
        ('[loras."a b"]\nsource = "x"\nbase = "old"', "lora 'a b': the name must have 1 to 100 letters"),
        ('[loras.ink]\nsource = "gone.safetensors"\nbase = "old"', "lora 'ink': "),
        ('[loras.ink]\nsource = "cut.safetensors"\nbase = "old"', "cut.safetensors"),
        ('[loras.ink]\nsource = "text.safetensors"\nbase = "old"', "it was trained for a text_encoder of width 1024"),
        ('[loras.ink]\nsource = "text2.safetensors"\nbase = "old"', "it changes text_encoder_2, which 'old' does not"),
        ('[loras.ink]\nsource = "flux.safetensors"\nbase = "old"', "a LoRA for Flux (peft keys), which does not fit"),
        ('[loras.ink]\nsource = "vae.safetensors"\nbase = "old"', "holds an autoencoder (VAE) alone, not a LoRA"),
        ('[loras.ink]\nsource = "hub:own/er"\nbase = "old"', "own/er (revision main) is not in the hub's cache"),
        ('[loras.ink]\nsource = "two"\nbase = "old"', "two holds 2 files of weights; write one of them as source: "),
        ('[loras.ink]\nsource = "none"\nbase = "old"', "none holds no file of weights"),
        ("[loras]\nink = 3", "lora 'ink' must be a table, [loras.NAME] with a source and a base (got 3)"),
    ],
)
def test_errors_name_the_entry_and_what_to_do(toml: Path, loras: str, message: str) -> None:
    folder = toml.parent
    whole = peft(folder / "ink.safetensors").read_bytes()
    (folder / "cut.safetensors").write_bytes(whole[:-100])
    text(folder / "text.safetensors", 1024)
    second = "lora_te2_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight"
    write(folder / "text2.safetensors", {second: (4, 768)})
    write(folder / "flux.safetensors", {"transformer.single_transformer_blocks.0.attn.to_k.lora_A.weight": (4, 4)})
    write(folder / "vae.safetensors", {"decoder.conv_in.weight": (4, 4)})
    peft(folder / "two" / "a.safetensors")
    peft(folder / "two" / "b.safetensors")
    (folder / "none").mkdir()
    assert message in refused(toml, loras)


def test_a_lora_of_a_model_with_a_problem_does_not_add_another_one(toml: Path) -> None:
    peft(toml.parent / "ink.safetensors")
    toml.write_text(f'{MODELS.replace("sd1", "gone")}[loras.ink]\nsource = "ink.safetensors"\nbase = "old"')
    with pytest.raises(CatalogInvalid) as caught:
        load_catalog(toml)
    assert len(caught.value.args) == 1
