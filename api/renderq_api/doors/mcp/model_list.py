"""Result of `list_models`."""

from pydantic import JsonValue

from renderq_api.doors.mcp.tool_result import ToolResult, text
from renderq_shared.catalog import Catalog, ModelEntry


def model_list(catalog: Catalog) -> ToolResult:
    """Return all models, the default one first."""
    models: list[JsonValue] = [_data(entry) for entry in catalog.models]
    return ToolResult([text("\n".join(map(_line, catalog.models)))], {"models": models})


def _line(entry: ModelEntry) -> str:
    defaults, limits = entry.defaults, entry.limits
    about = f" {entry.description}" if entry.description else ""
    return (
        f"{entry.name}: {', '.join(entry.tasks)}; {defaults.width} × {defaults.height} pixels by default, at most "
        f"{limits.max_side} per side.{about}"
    )


def _data(entry: ModelEntry) -> dict[str, JsonValue]:
    return {
        "name": entry.name,
        "tasks": list(entry.tasks),
        "width": entry.defaults.width,
        "height": entry.defaults.height,
        "max_side": entry.limits.max_side,
        "max_pixels": entry.limits.max_pixels,
        "size_multiple": entry.limits.size_multiple,
    }
