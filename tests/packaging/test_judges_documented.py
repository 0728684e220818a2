"""Clients that judge the doors, and the versions that the guides call tried."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]

GUIDES = ("openai.md", "a1111.md", "mcp.md", "huggingface.md")
IN_THE_TESTS_OWN_ENVIRONMENT = {"openai", "huggingface_hub"}


def python_pins(path: str) -> dict[str, str]:
    return dict(re.findall(r"^([\w-]+)==(\S+)", (ROOT / path).read_text(), re.MULTILINE))


def test_the_guides_name_the_version_of_each_judge() -> None:
    own = {name: pin for name, pin in python_pins("constraints.txt").items() if name in IN_THE_TESTS_OWN_ENVIRONMENT}
    javascript = json.loads((ROOT / "tests/system/javascript/package.json").read_text())["devDependencies"]
    guides = "\n".join((ROOT / "docs" / "guides" / name).read_text() for name in GUIDES)
    for pins in (own, python_pins("tests/api/doors/judges.txt"), javascript):
        assert {name: pin for name, pin in pins.items() if pin not in guides} == {}
