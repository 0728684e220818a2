"""Advice about diffusers pipelines that are not served: the nearest one that is."""

import re
from collections.abc import Collection

_SAME_WEIGHTS = re.compile(
    r"(?:Img2Img|Inpaint(?:ing)?|PAG|ControlNet(?:Union|XS)?|Adapter|SAG|Panorama|AttendAndExcite|DiffEdit|Paradigms)+"
)
"""Ends of class names that stand for another use of the same weights, with or without additional models."""

_NEAREST = {
    "Flux2": "Flux2Klein",
    "Bria": "Flux",
    "HiDreamImage": "Flux",
    "Ideogram4": "Flux",
    "Krea2": "Flux",
    "LongCatImage": "Flux",
    "OvisImage": "Flux",
    "VisualCloze": "Flux",
    "GlmImage": "CogView4",
    "CogView3Plus": "CogView4",
    "ErnieImage": "QwenImage",
    "NucleusMoEImage": "QwenImage",
    "HunyuanImage": "HunyuanDiT",
    "Kandinsky": "Kandinsky3",
    "PRX": "Sana",
    "DreamLite": "Sana",
    "Kolors": "StableDiffusionXL",
    "StableCascade": "StableDiffusionXL",
    "Wuerstchen": "StableDiffusionXL",
    "IF": "StableDiffusion3",
    "StableUnCLIP": "StableDiffusion",
    "OnnxStableDiffusion": "StableDiffusion",
    "FlaxStableDiffusionXL": "StableDiffusionXL",
    "FlaxStableDiffusion": "StableDiffusion",
    "AltDiffusion": "StableDiffusion",
}
"""Begin of the names of classes that are not served → the served model that is nearest in its makers or its design."""

_RENAMED = {"LatentConsistencyModel": "StableDiffusion", "LatentConsistencyModelImg2Img": "StableDiffusion"}
"""Classes whose folders load as another one."""

_OTHER_MEDIA = re.compile(
    r"(?P<video>Video|T2V|I2V|Animat|^Wan|^LTX|^CogVideo|^Allegro|^Mochi|^Latte|^SkyReels|^Cosmos|^Helios|^LucyEdit|^PIA|"
    r"^ChronoEdit|^ConsisID|^AnyFlow|^Framepack)|(?P<sound>Audio|Music|AceStep|Spectrogram|^DanceDiffusion)|"
    r"(?P<shapes>^ShapE|Protein)|(?P<maps>^Marigold)",
)
_MEDIA = {"video": "videos", "sound": "sound", "shapes": "three-dimensional shapes", "maps": "depth and normal maps"}


def advice(pipeline_class: str, served: Collection[str]) -> str:
    """Return what to do about a class that is none of the `served` ones, as clauses that follow its name."""
    name = pipeline_class.removesuffix("Pipeline")
    if medium := _OTHER_MEDIA.search(name):
        return f"it makes {_MEDIA[medium.lastgroup or '']}, and renderq serves models that make images"
    base = max((each for each in map(_without_suffix, served) if name.startswith(each)), key=len, default="")
    twin = _RENAMED.get(name) or (base if base and _SAME_WEIGHTS.fullmatch(name.removeprefix(base)) else "")
    if twin:
        return (
            f'its weights load as a {twin}Pipeline: write "_class_name": "{twin}Pipeline" in its model_index.json, and '
            "it is served without what the other class adds"
        )
    near = next((each for start, each in _NEAREST.items() if name.startswith(start)), base)
    if near:
        return f"the nearest that is served is {near}Pipeline: take a model of that class"
    return f"served are {', '.join(sorted(served))}"


def _without_suffix(pipeline_class: str) -> str:
    return pipeline_class.removesuffix("Pipeline")
