"""Dockerfiles: reproducible, small, without root, and stopped by SIGTERM."""

import importlib.util
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.deploy_files import COMMANDS, DEPLOY, PROJECT, ROOT, exec_form, instructions, is_pinned

DOCKERFILES = sorted(DEPLOY.glob("Dockerfile.*"))
EXTRAS = {"Dockerfile.api": "api,otel,postgres", "Dockerfile.worker": "worker,otel"}


@pytest.fixture(params=DOCKERFILES, ids=lambda path: path.name)
def dockerfile(request: pytest.FixtureRequest) -> Path:
    return request.param


def only(dockerfile: Path, name: str) -> str:
    [arguments] = [arguments for instruction, arguments in instructions(dockerfile) if instruction == name]
    return arguments


def last_stage(dockerfile: Path) -> list[tuple[str, str]]:
    parsed = instructions(dockerfile)
    start = max(index for index, (name, _) in enumerate(parsed) if name == "FROM")
    return parsed[start:]


def pip_installs(dockerfile: Path) -> Iterator[str]:
    for name, arguments in instructions(dockerfile):
        if name == "RUN":
            yield from re.findall(r"pip (?:install|wheel)[^;&]*", arguments)


def test_both_services_have_an_image() -> None:
    assert {path.name for path in DOCKERFILES} == set(EXTRAS)


def test_base_images_name_a_version(dockerfile: Path) -> None:
    bases = [arguments.split()[0] for name, arguments in instructions(dockerfile) if name == "FROM"]
    assert len(bases) == 2
    assert all(is_pinned(base) and base.count(".") >= 2 for base in bases), bases
    assert len(set(bases)) == 1, "a virtual environment runs only where its Python is"


def test_all_images_share_a_python_that_renderq_supports() -> None:
    [base] = {arguments.split()[0] for path in DOCKERFILES for name, arguments in instructions(path) if name == "FROM"}
    minor = int(re.findall(r":3\.(\d+)\.", base)[0])
    assert minor >= int(PROJECT["requires-python"].removeprefix(">=3."))
    assert f"Programming Language :: Python :: 3.{minor}" in PROJECT["classifiers"]


def test_runs_as_a_user_by_number(dockerfile: Path) -> None:
    """Kubernetes checks `runAsNonRoot` by number."""
    users = [arguments for name, arguments in last_stage(dockerfile) if name == "USER"]
    assert users == ["10001:10001"]
    after = last_stage(dockerfile)[last_stage(dockerfile).index(("USER", users[0])) :]
    assert not [arguments for name, arguments in after if name == "RUN"]


def test_the_signal_reaches_the_process(dockerfile: Path) -> None:
    entrypoint, command = exec_form(only(dockerfile, "ENTRYPOINT")), exec_form(only(dockerfile, "CMD"))
    assert entrypoint == ["tini", "--", "renderq"]
    assert command[0] in COMMANDS
    assert command == EXTRAS[dockerfile.name].split(",")[:1]


def test_installs_what_the_constraints_say(dockerfile: Path) -> None:
    installs = list(pip_installs(dockerfile))
    assert installs
    for install in installs:
        assert "-c constraints.txt" in install or ("--no-deps" in install and "--no-build-isolation" in install), (
            install
        )


def test_holds_its_own_extra_only(dockerfile: Path) -> None:
    [extras] = re.findall(r"\[([\w,]+)\]", " ".join(pip_installs(dockerfile)))
    assert extras == EXTRAS[dockerfile.name]
    assert set(extras.split(",")) <= set(PROJECT["optional-dependencies"])


def test_api_image_has_no_torch() -> None:
    assert not [install for install in pip_installs(DEPLOY / "Dockerfile.api") if "torch" in install]


def test_torch_index_serves_torch_and_nothing_else() -> None:
    [indexed] = [install for install in pip_installs(DEPLOY / "Dockerfile.worker") if "--index-url" in install]
    assert "--no-deps" in indexed
    assert indexed.split()[-1] == "torch"


def test_leaves_no_cache_behind(dockerfile: Path) -> None:
    first_stage = next(arguments for name, arguments in instructions(dockerfile) if name == "ENV")
    assert "PIP_NO_CACHE_DIR=1" in first_stage
    for name, arguments in instructions(dockerfile):
        if name == "RUN" and "apt-get" in arguments:
            assert "rm -rf /var/lib/apt/lists/*" in arguments
            assert "--no-install-recommends" in arguments
            assert re.search(r'"tini=[\d.]+', arguments), "packages name a version"


def test_takes_nothing_from_an_address(dockerfile: Path) -> None:
    text = dockerfile.read_text(encoding="utf-8")
    assert "ADD" not in {name for name, _ in instructions(dockerfile)}
    assert not re.search(r"\b(curl|wget)\b|https?://", text)


def test_holds_no_secret(dockerfile: Path) -> None:
    declared = [arguments for name, arguments in instructions(dockerfile) if name in {"ARG", "ENV"}]
    assert not re.search(r"(?i)password|secret|token|_key", " ".join(declared))


def test_the_build_fails_where_the_service_cannot_be_imported(dockerfile: Path) -> None:
    [imported] = re.findall(r'bin/python -c "import ([\w., ]+)"', dockerfile.read_text(encoding="utf-8"))
    modules = imported.split(", ")
    role, *others = EXTRAS[dockerfile.name].split(",")
    drivers = {"psycopg"} if "postgres" in others else set[str]()
    assert {module.split(".")[0] for module in modules} == {"kombu", f"renderq_{role}", *drivers}
    assert [module for module in modules if importlib.util.find_spec(module) is None] == []


def test_shell_commands_parse(dockerfile: Path) -> None:
    for name, arguments in instructions(dockerfile):
        if name == "RUN":
            parsed = subprocess.run(["sh", "-n", "-c", arguments], capture_output=True, text=True, check=False)
            assert parsed.returncode == 0, parsed.stderr


def test_health_check_runs_a_script_that_the_image_holds(dockerfile: Path) -> None:
    script = exec_form(only(dockerfile, "HEALTHCHECK").split("CMD ", 1)[1])[1]
    assert ("COPY", "deploy/container/ /opt/renderq/container/") in last_stage(dockerfile)
    assert (DEPLOY / "container" / Path(script).relative_to("/opt/renderq/container")).is_file()


def test_what_is_copied_exists_and_reaches_the_builder(dockerfile: Path) -> None:
    allowed = [
        line[1:] for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] == "!"
    ]
    for name, arguments in instructions(dockerfile):
        if name == "COPY" and not arguments.startswith("--from"):
            for source in arguments.split()[:-1]:
                assert (ROOT / source).exists(), source
                assert source in allowed, f".dockerignore keeps {source} out"


def test_everything_that_the_build_reads_is_copied(dockerfile: Path) -> None:
    copied = {
        source.rstrip("/")
        for name, arguments in instructions(dockerfile)
        if name == "COPY" and not arguments.startswith("--from")
        for source in arguments.split()[:-1]
    }
    assert {"pyproject.toml", "constraints.txt", PROJECT["readme"], *PROJECT["license-files"]} <= copied
    assert {"shared", "api", "worker"} <= copied


def test_the_builder_gets_nothing_that_is_not_listed() -> None:
    lines = [line for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines() if line[:1] not in "#"]
    assert lines[0] == "*"


def test_data_lies_in_a_volume_that_the_user_owns(dockerfile: Path) -> None:
    environment = " ".join(arguments for name, arguments in last_stage(dockerfile) if name == "ENV")
    [data] = re.findall(r"RENDERQ_DATA=(\S+)", environment)
    assert exec_form(only(dockerfile, "VOLUME")) == [data]
    assert f"install -d -o renderq -g renderq -m 0750 {data}" in dockerfile.read_text(encoding="utf-8")
