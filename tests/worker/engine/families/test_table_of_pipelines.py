"""The table of other pipelines in docs/guides/models.md says what the catalog and the tests say."""

import re
from pathlib import Path

from renderq_shared.catalog.generic_pipelines import GENERIC_PIPELINES
from tests.worker.engine.families.test_rendezvous import DTYPES, FAMILIES

GUIDE = Path(__file__).parents[4] / "docs" / "guides" / "models.md"

ROW = re.compile(r"^\| `(\w+)Pipeline` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)

TRIED = {
    "flux": "Flux",
    "schnell": "Flux",
    "sd3": "StableDiffusion3",
    "qwen_image": "QwenImage",
    "z_image": "ZImage",
    "chroma": "Chroma",
    "klein": "Flux2Klein",
    "kontext": "FluxKontext",
    "sana": "Sana",
    "lumina2": "Lumina2",
    "pixart": "PixArtSigma",
    "aura_flow": "AuraFlow",
    "hunyuan_dit": "HunyuanDiT",
    "kandinsky3": "Kandinsky3",
}
"""Family of the tests → its class."""


def exactness(kind: str, dtype: str) -> str:
    tried = [FAMILIES[family] for family, name in TRIED.items() if name == kind]
    if not tried:
        return "not tried"
    return "no" if any(dtype in family.alone for family in tried) else "yes"


def test_every_class_has_its_row_with_tasks_and_exactness() -> None:
    assert TRIED.keys() == FAMILIES.keys()
    rows = {kind: (tasks, bfloat16, float32) for kind, tasks, bfloat16, float32 in ROW.findall(GUIDE.read_text())}
    float32, bfloat16 = DTYPES
    assert rows == {
        kind: (", ".join(f"`{task}`" for task in facts.tasks), exactness(kind, bfloat16), exactness(kind, float32))
        for kind, facts in GENERIC_PIPELINES.items()
    }
