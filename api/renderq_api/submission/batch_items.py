"""Requests of a batch, and where the body of the batch has their fields."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from pydantic import JsonValue

from renderq.contract import LIMITS, FieldError, SubmitBatch
from renderq.contract.sweeps import combinations, sweep_errors
from renderq_api.http.problems import ApiProblem, invalid
from renderq_api.http.validation import MAX_ERRORS

Source = TypeVar("Source")
Converted = TypeVar("Converted")


@dataclass(frozen=True, slots=True)
class BatchItem:
    """One request of a batch."""

    read_fields: Callable[[], dict[str, JsonValue]]
    root: str
    """Pointer to the request in the body of the batch."""
    values: dict[str, JsonValue] = field(default_factory=dict)
    """Field of each axis → the value that this request has."""
    sources: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Pointer into the request → indexes of the axis and of the value that it is from."""
    retried_from: str | None = None

    @property
    def list_root(self) -> str:
        """Pointer to the list in the body of the batch from which all its requests are."""
        return "/axes" if self.sources else self.root.rpartition("/")[0]

    def locate(self, error: FieldError) -> str:
        """Return the pointer to the cause of an error: into the body of the batch, not of the request."""
        for pointer, (axis, value) in self.sources.items():
            if error.pointer == pointer and error.code == "unknown_field":
                return f"/axes/{axis}/field"
            if error.pointer == pointer or error.pointer.startswith(pointer + "/"):
                return f"/axes/{axis}/values/{value}{error.pointer.removeprefix(pointer)}"
        return self.root + error.pointer


def batch_items(body: SubmitBatch) -> list[BatchItem]:
    """Return the requests of a batch. Raises `ApiProblem`."""
    if body.request is None:
        return [BatchItem(partial(dict, each), f"/requests/{index}") for index, each in enumerate(body.requests or ())]
    request, axes = body.request, body.axes or []
    if errors := list(sweep_errors(request, axes)):
        raise invalid(f"{errors[0].pointer}: {errors[0].detail}", *errors)
    if request.get("seed") is None and all(axis.field != "seed" for axis in axes):
        request = {**request, "seed": secrets.randbelow(LIMITS.seed - LIMITS.images)}
    return [BatchItem(each.fields, "/request", each.values, each.sources) for each in combinations(request, axes)]


def convert_each(
    items: Sequence[BatchItem], sources: Sequence[Source], convert: Callable[[Source], Converted]
) -> list[Converted]:
    """Convert what each item has become. Raises one `ApiProblem` for all items that it refuses."""
    converted: list[Converted] = []
    refused: list[tuple[BatchItem, ApiProblem]] = []
    for item, source in zip(items, sources, strict=True):
        try:
            converted.append(convert(source))
        except ApiProblem as problem:
            refused.append((item, problem))
            if len(refused) == MAX_ERRORS:
                break
    if refused:
        raise located(refused)
    return converted


def located(refused: Sequence[tuple[BatchItem, ApiProblem]]) -> ApiProblem:
    """Return one problem for the problems of several items, of the kind of the first one."""
    errors: dict[str, FieldError] = {}
    for item, problem in refused:
        for error in problem.errors or (FieldError(pointer="", code=problem.kind, detail=problem.detail),):
            pointer = item.locate(error)
            errors.setdefault(pointer, FieldError(pointer=pointer, code=error.code, detail=error.detail))
    first, *others = list(errors.values())[:MAX_ERRORS]
    more = f" Other errors: {len(others)}." if others else ""
    kind = refused[0][1].kind
    return ApiProblem(kind, f"{first.pointer}: {first.detail}{more}", errors=(first, *others))
