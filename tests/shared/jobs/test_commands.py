"""Every command is executed by every store."""

from importlib.resources import files

from renderq_shared.jobs.memory import MemoryJobStore
from renderq_shared.jobs.redis.script_calls import _CODECS
from tests.shared.jobs.command_names import COMMANDS


def test_every_command_has_a_codec_and_a_script_with_its_name() -> None:
    scripts = {path.name for path in (files("renderq_shared.jobs.redis") / "lua").iterdir()}
    assert set(_CODECS) == COMMANDS
    assert {f"{name}.lua" for name in COMMANDS} <= scripts


def test_the_in_memory_store_executes_every_command() -> None:
    assert set(MemoryJobStore()._methods) == COMMANDS
