"""Words that prompts of visitors must not have: how they are compared, and the file that lists them."""

from pathlib import Path

import pytest

from renderq_api.errors import RefusedWordsUnreadable
from renderq_api.visitors import RefusedWords
from tests.api.conftest import SettingsFor
from tests.api.running_api import RunningApi


@pytest.mark.parametrize("prompt", ["a (unicorn)", "a (uni:1.2)corn", "UNI\u200bCORN", "rubber, duck", "x_unicorn"])
def test_a_word_is_found_however_it_is_written(prompt: str) -> None:
    assert RefusedWords(["unicorn", "Rubber duck"]).refuses(prompt)


@pytest.mark.parametrize("prompt", ["unicorns", "a rubber", "duck rubber", "uni corn", ""])
def test_other_words_are_not(prompt: str) -> None:
    assert not RefusedWords(["unicorn", "rubber duck", "  # nothing", ""]).refuses(prompt)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xfd", b"x" * (1 << 21)])
def test_a_word_list_that_cannot_be_read_ends_the_start(
    settings_for: SettingsFor, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "words"
    if content is not None:
        path.write_bytes(content)
    settings = settings_for(keys="required", visitors="on", visitors_refuse=path)
    with pytest.raises(RefusedWordsUnreadable, match="RENDERQ_VISITORS_REFUSE must be"), RunningApi(settings):
        pass
