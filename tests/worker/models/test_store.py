"""Residency: loading on demand, least recently used evicted first, within a budget."""

from collections.abc import Mapping

import pytest

from renderq.contract import ModelDefaults, ModelLimits
from renderq_shared.catalog import ModelEntry
from renderq_worker.models import ModelLoadFailed, ModelStore, ModelUnknown


def entry(name: str) -> ModelEntry:
    return ModelEntry(
        name=name,
        source="/models",
        family="stable_diffusion",
        tasks=("txt2img",),
        revision="1",
        defaults=ModelDefaults(width=64, height=64, steps=4, guidance_scale=7.5),
        limits=ModelLimits(max_side=64, max_pixels=4096),
    )


class Shelf:
    """Model sizes by name, and a record of loads."""

    def __init__(self, sizes: Mapping[str, int], budget: int) -> None:
        self.loaded: list[str] = []
        self.broken: set[str] = set()
        self.store = ModelStore(
            [entry(name) for name in sizes], self.load, size_of=lambda entry: sizes[entry.name], budget_bytes=budget
        )

    def load(self, entry: ModelEntry) -> str:
        if entry.name in self.broken:
            raise ModelLoadFailed("damaged")
        self.loaded.append(entry.name)
        return entry.name.upper()


def test_a_model_is_loaded_once() -> None:
    shelf = Shelf({"a": 1}, budget=1)
    assert shelf.store.peek("a") is None
    assert shelf.store.load("a") == shelf.store.load("a") == shelf.store.get("a") == "A"
    assert shelf.loaded == ["a"]


def test_the_least_recently_used_leaves_first() -> None:
    shelf = Shelf({"a": 1, "b": 1, "c": 1}, budget=2)
    shelf.store.load("a")
    shelf.store.load("b")
    shelf.store.get("a")
    shelf.store.load("c")
    assert shelf.store.resident == ("a", "c")


def test_a_large_model_pushes_several_out() -> None:
    shelf = Shelf({"a": 1, "b": 1, "c": 2}, budget=2)
    shelf.store.load("a")
    shelf.store.load("b")
    shelf.store.load("c")
    assert shelf.store.resident == ("c",)


def test_models_in_use_leave_last() -> None:
    shelf = Shelf({"a": 1, "b": 1, "c": 1}, budget=2)
    shelf.store.load("a")
    shelf.store.load("b")
    shelf.store.load("c", in_use={"a", "c"})
    assert shelf.store.resident == ("a", "c")
    shelf.store.load("b", in_use={"a", "b", "c"})
    assert shelf.store.resident == ("c", "b")


def test_a_failed_load_leaves_nothing_behind_and_may_be_repeated() -> None:
    shelf = Shelf({"a": 1}, budget=1)
    shelf.broken = {"a"}
    with pytest.raises(ModelLoadFailed):
        shelf.store.load("a")
    assert shelf.store.resident == ()
    shelf.broken = set()
    assert shelf.store.load("a") == "A"


def test_a_model_that_can_never_fit_says_what_it_needs_and_evicts_no_other() -> None:
    shelf = Shelf({"a": 1, "huge": 3 * 2**30}, budget=2 * 2**30)
    shelf.store.load("a")
    with pytest.raises(ModelLoadFailed, match=r"needs about 3\.0 GiB and models may use 2\.0 GiB; raise RENDERQ_MOD"):
        shelf.store.load("huge")
    assert shelf.store.resident == ("a",)


def test_an_unknown_name_lists_what_is_served() -> None:
    with pytest.raises(ModelUnknown, match="this worker serves a, b"):
        Shelf({"a": 1, "b": 1}, budget=1).store.load("c")
