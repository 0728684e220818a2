"""Requests of the HTTP API about batches: one function per route."""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import cast

from renderq._core.input_images import implied_task, local_images
from renderq._core.requests import Request, idempotency_header, path_segment, query_string, request_body
from renderq._core.responses import parse_response
from renderq._core.values import json_fields
from renderq.contract import Batch, BatchList
from renderq.errors import InvalidArgument
from renderq.request_params import RequestParams


def submit_batch(
    requests: Iterable[Mapping[str, object]] | None,
    request: Mapping[str, object] | None,
    axes: Mapping[str, Iterable[object]] | None,
    idempotency_key: str | None,
) -> Request[Batch]:
    """Submit a batch; the key works as in `submit_job`. Raises `InvalidArgument`."""
    body = {
        "requests": None if requests is None else _batch_requests(requests),
        "request": None if request is None else _batch_request(request, "request"),
        "axes": None if axes is None else _batch_axes(axes),
    }
    headers = idempotency_header(idempotency_key)
    return Request("POST", "v1/batches", partial(parse_response, Batch), body=json_fields(body), headers=headers)


def get_batch(batch_id: str) -> Request[Batch]:
    return Request("GET", _batch_path(batch_id), partial(parse_response, Batch))


def list_batches(page_size: int, cursor: str | None) -> Request[BatchList]:
    query = query_string(limit=page_size, cursor=cursor)
    return Request("GET", f"v1/batches{query}", partial(parse_response, BatchList))


def cancel_batch(batch_id: str) -> Request[Batch]:
    return Request("POST", f"{_batch_path(batch_id)}/cancel", partial(parse_response, Batch))


def retry_batch(batch_id: str, idempotency_key: str | None) -> Request[Batch]:
    """Submit the requests of unsuccessful jobs again; the key works as in `submit_job`."""
    headers = idempotency_header(idempotency_key)
    return Request("POST", f"{_batch_path(batch_id)}/retry", partial(parse_response, Batch), headers=headers)


def _batch_requests(requests: object) -> list[dict[str, object]]:
    """Return the requests of a batch. Raises `InvalidArgument`."""
    if isinstance(requests, str | Mapping) or not isinstance(requests, Iterable):
        raise InvalidArgument(f"requests takes a list of requests, not {type(requests).__name__}")
    return [_batch_request(each, f"requests.{index}") for index, each in enumerate(cast(Iterable[object], requests))]


def _batch_request(fields: object, name: str) -> dict[str, object]:
    """Return a request of a batch, with its task. Raises `InvalidArgument`."""
    if not isinstance(fields, Mapping):
        raise InvalidArgument(
            f'{name} takes a dictionary of fields, such as {{"prompt": …}}, not {type(fields).__name__}'
        )
    params = cast(RequestParams, fields)
    if local := local_images(params):
        raise InvalidArgument(f"{name}.{next(iter(local))} is not uploaded: send what client.assets.upload returns")
    return {**implied_task(params), **request_body(cast(Mapping[str, object], fields))}


def _batch_axes(axes: object) -> list[dict[str, object]]:
    """Return the axes of a sweep. Raises `InvalidArgument`."""
    if not isinstance(axes, Mapping):
        raise InvalidArgument(f"axes takes a dictionary of fields and their values, not {type(axes).__name__}")
    values_of = cast(Mapping[str, object], axes)
    return [{"field": name, "values": _axis_values(name, values)} for name, values in values_of.items()]


def _axis_values(field: str, values: object) -> list[object]:
    """Return the values of an axis; text is one value, not its characters. Raises `InvalidArgument`."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InvalidArgument(f"axes.{field} takes a list of values, not {type(values).__name__}")
    return list(cast(Iterable[object], values))


def _batch_path(batch_id: str) -> str:
    return f"v1/batches/{path_segment(batch_id, 'batch_id')}"
