"""CONTRIBUTING.md's recipes: the one for a sampling field is applied to a copy of the tree, which then renders."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.system.service import Service

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
PACKAGES = ("shared", "api", "worker")
FIELD_RECIPE = "Add a sampling field"
_PATH = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)


@dataclass(frozen=True)
class Edit:
    """Text inserted before the only occurrence of `anchor` in a file."""

    path: str
    anchor: str
    text: str


PATCH = (
    Edit(
        "shared/renderq/contract/sampling.py",
        '    scheduler: str | None = Field(default=None, description="`null`:',
        "    guidance_stop: float = 1.0\n",
    ),
    Edit(
        "shared/renderq/contract/sampling.py",
        '    scheduler: Scheduler | None = Field(default=None, description="The noise',
        '    guidance_stop: float | None = Field(default=None, ge=0, le=1, description="Share of guided steps.")\n',
    ),
    Edit(
        "shared/renderq/contract/sampling.py",
        "    scheduler: Scheduler | None\n",
        "    guidance_stop: float | None\n",
    ),
    Edit(
        "worker/renderq_worker/engine/latents.py",
        "        step = self.scheduler.step(guided,",
        "        if self.step >= self.sampling.guidance_stop * self.model_calls:\n"
        "            guided = prediction[-1:]\n",
    ),
)
"""Adds `guidance_stop`: the share of the steps after which guidance is off."""


def recipes() -> dict[str, list[str]]:
    """Paths that each recipe of CONTRIBUTING.md lists."""
    text = "\n" + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    text = text.partition("\n## Recipes\n")[2].partition("\n## ")[0]
    sections = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    return {section.partition("\n")[0]: _PATH.findall(section) for section in sections}


def apply(tree: Path, edit: Edit) -> None:
    file = tree / edit.path
    assert file.is_file(), f"{edit.path} does not exist: update the recipe in CONTRIBUTING.md and PATCH"
    text = file.read_text(encoding="utf-8")
    count = text.count(edit.anchor)
    assert count == 1, f"{edit.path} has {edit.anchor!r} {count} times, not once: update PATCH"
    file.write_text(text.replace(edit.anchor, edit.text + edit.anchor), encoding="utf-8")


@pytest.fixture(scope="module")
def patched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service started from a patched copy of the tree."""
    tree = tmp_path_factory.mktemp("tree")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    for edit in PATCH:
        apply(tree, edit)
    path = os.pathsep.join(str(tree / package) for package in PACKAGES)
    with Service(tmp_path_factory.mktemp("data"), env={"PYTHONPATH": path}) as service:
        yield service


def run_command(service: Service, *arguments: str) -> str:
    """Stdout of the service's own `renderq`."""
    environment = {**os.environ, **service.env}
    command = [sys.executable, "-m", "renderq", "--url", service.url, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def test_recipes_list_files_that_exist() -> None:
    listed = recipes()
    assert FIELD_RECIPE in listed
    for recipe, paths in listed.items():
        assert paths, f"{recipe} lists no file"
        missing = [path for path in paths if "<" not in path and not (ROOT / path).is_file()]
        assert not missing, f"{recipe} lists {missing}"


def test_a_sampling_field_needs_only_the_files_of_its_recipe() -> None:
    listed = recipes()[FIELD_RECIPE]
    assert {edit.path for edit in PATCH} <= set(listed)
    assert len(listed) <= 5


@pytest.mark.long
def test_a_sampling_field_added_by_the_recipe_works(patched: Service) -> None:
    assert patched.http.get("/v1/models").json()["data"][0]["defaults"]["guidance_stop"] == 1.0
    refused = patched.http.post("/v1/jobs", json={"prompt": "x", "guidance_stop": 2}).json()
    assert [error["pointer"] for error in refused["errors"]] == ["/guidance_stop"]

    def render(**fields: Any) -> dict[str, Any]:
        job = patched.wait_until_ended(patched.submit(steps=4, seed=7, **fields)["id"])
        assert job["status"] == "succeeded", job
        return job

    jobs = render(), render(guidance_stop=1), render(guidance_stop=0.25)
    assert [job["request"]["guidance_stop"] for job in jobs] == [1.0, 1.0, 0.25]
    by_default, whole, quarter = (job["outputs"][0]["pixel_sha256"] for job in jobs)
    assert by_default == whole != quarter

    submitted = run_command(patched, "submit", "x", "--guidance-stop", "0.5", "--steps", "2", "--json")
    assert json.loads(submitted)["request"]["guidance_stop"] == 0.5
