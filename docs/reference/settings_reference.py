"""Write docs/reference/settings.md from the settings models: `make docs`."""

from pathlib import Path
from typing import get_args, get_origin

from pydantic.fields import FieldInfo

from renderq_shared.field_values import expected
from renderq_shared.settings import ApiSettings, SharedSettings, WorkerSettings

_TITLES = {
    SharedSettings: ("Shared", "API and workers must use the same values."),
    ApiSettings: ("API", "Read by `renderq api`, and by `renderq up` for it."),
    WorkerSettings: ("Worker", "Read by `renderq worker`, and by `renderq up` for its workers."),
}

_NAMES = {"str": "text", "SecretStr": "text", "Path": "path"}

_HEAD = """\
# Settings

Every setting is an environment variable. Options of `renderq up`, `renderq api` and `renderq worker` take precedence.
Unknown `RENDERQ_` variables are logged at startup, with the setting that was probably meant. This page is generated
from the settings models (`make docs`); a test compares them.

Values are checked at startup. A process that cannot use one says so in one line, with the variable and what it must be,
and exits with code 2; process managers must not restart it then. Environment files differ in what they make of a line:
white space and one pair of quotes around a value are ignored, `~` at the beginning of a path is your home folder, and
an empty value leaves the default.
"""


def reference() -> str:
    """Return the whole page."""
    parts = [_HEAD]
    for model, (title, introduction) in _TITLES.items():
        inherited = set[str]() if model is SharedSettings else set(SharedSettings.model_fields)
        rows = [_row(name, field) for name, field in model.model_fields.items() if name not in inherited]
        table = "\n".join(["| variable | values | default | what it does |", "|---|---|---|---|", *rows])
        parts.append(f"## {title}\n\n{introduction}\n\n{table}\n")
    return "\n".join(parts)


def _row(name: str, field: FieldInfo) -> str:
    return f"| `RENDERQ_{name.upper()}` | {_values(field)} | {_default(field)} | {field.description} |"


def _values(field: FieldInfo) -> str:
    choices = get_args(field.annotation)
    if choices and get_origin(field.annotation) is not None and all(isinstance(choice, str) for choice in choices):
        return " ".join(f"`{choice}`" for choice in choices)
    kinds = [kind for kind in choices or (field.annotation,) if kind is not type(None)]
    if kinds[0] in {int, float}:
        return expected(field).removeprefix("a ")
    return _NAMES[kinds[0].__name__]


def _default(field: FieldInfo) -> str:
    if field.default_factory is not None:
        return "`~/.local/share/renderq`"
    return "" if field.default is None else f"`{field.default}`"


if __name__ == "__main__":
    (Path(__file__).parent / "settings.md").write_text(reference(), encoding="utf-8")
