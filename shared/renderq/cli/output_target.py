"""Output targets: what `-o` names. A file, a folder, a name with fields, a device, or `-` for stdout."""

import os
import re
import string
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from renderq._core.files import image_path, is_device, write_atomically
from renderq.cli.exit_codes import UsageError
from renderq.cli.request_options import FORMATS
from renderq.contract import Grid, Job, Output
from renderq.contract.file_names import prompt_words

FIELDS = ("prompt_words", "seed", "index", "id", "batch_index", "model", "task", "width", "height")
"""Names in braces that `-o` understands, with a format after a colon: `{index:02}`."""

_STDOUT = {"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"}


@dataclass(frozen=True, slots=True)
class OutputTarget:
    """A parsed `-o`."""

    text: str
    is_stdout: bool
    is_device: bool
    """It is written to as it is: nothing is created or renamed."""
    fields: frozenset[str]
    """Fields in the name; empty for a plain name."""
    saved: set[Path] = field(default_factory=set[Path])
    """Absolute paths of the files saved so far; targets of the same job share it."""

    @classmethod
    def parse(cls, text: str) -> "OutputTarget":
        """Parse an argument. Raises `UsageError`."""
        is_stdout = text in _STDOUT
        is_literal = is_stdout or is_device(Path(text)) or os.path.isdir(text)  # noqa: PTH112 — False for any OSError
        fields = frozenset[str]() if is_literal else frozenset(_fields(text))
        return cls(text, is_stdout, is_stdout or is_device(Path(text)), fields)

    @property
    def tells_jobs_apart(self) -> bool:
        """Whether the images of several jobs get names of their own."""
        return bool(self.is_device or self.fields & {"id", "seed"} or self.is_folder)

    @property
    def is_folder(self) -> bool:
        return not self.is_device and (self.text.endswith("/") or os.path.isdir(self.text))  # noqa: PTH112

    def image_format(self, chosen: str | None) -> str | None:
        """Return the format from `--format` or the file name. Raises `UsageError` if they disagree."""
        suffix = "" if self.is_device or self.is_folder else Path(self.text).suffix.lower()
        named = FORMATS.get(suffix)
        if chosen and named and named != chosen:
            raise UsageError(f"--format {chosen} contradicts {self.text}; omit one of them")
        if suffix and not named and not chosen:
            raise UsageError(f"{self.text} has an unsupported suffix; use .png, .jpg or .webp, or add --format")
        return chosen or named

    def check(self, images: int) -> None:
        """Raise `UsageError` before rendering if that many images cannot be saved."""
        if self.is_stdout:
            if images > 1:
                raise UsageError(f"-o {self.text} writes one image, not {images}; use a folder or -n 1")
            if sys.stdout.isatty():
                raise UsageError("an image would garble the terminal; redirect the output, or use -o FILE")
        elif not self.is_device:
            _check_writable(Path(self.text))

    def path(self, job: Job, output: Output | Grid) -> Path:
        """Return the path of an image. Raises `UsageError` if another image was saved there."""
        is_literal = self.is_device or os.path.isdir(self.text)  # noqa: PTH112
        name = self.text if is_literal else _Formatter().vformat(self.text, (), _values(job, output))
        is_numbered = not isinstance(output, Grid) and not self.fields & {"index", "seed"}
        path = image_path(name, job, output, numbered=is_numbered)
        self.check_unsaved(path)
        return path

    def check_unsaved(self, path: Path) -> None:
        """Raise `UsageError` if an image was saved there."""
        if path.absolute() in self.saved and not is_device(path):
            raise UsageError(f"{path} is the name of two images; choose another, or add {{id}} or {{index}} to it")

    def save(self, job: Job, output: Output | Grid, data: bytes) -> str | None:
        """Write an image and return its path, `None` for stdout. Raises `UsageError`."""
        if self.is_stdout:
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return None
        path = self.path(job, output)
        try:
            write_atomically(path, data)
        except OSError as error:
            reason = f"{path} cannot be written: {error.strerror}"
            raise UsageError(f"{reason}; the images remain in {job.id}, `renderq save` fetches them") from error
        self.saved.add(path.absolute())
        return str(path)


class _Formatter(string.Formatter):
    """Formats plain names only, no attributes, items or positions, and only to a width."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec and not (isinstance(value, int) and re.fullmatch("0[1-9]", format_spec)):
            raise UsageError(f"{{…:{format_spec[:20]}}} is no format of a name; numbers take 01 to 09, as {{index:02}}")
        return super().format_field(value, format_spec)

    def get_field(self, field_name: str, args: Any, kwargs: Mapping[str, Any]) -> Any:
        if field_name not in kwargs:
            raise UsageError(
                f"{{{field_name}}} is no field of a name; there are {', '.join(FIELDS)}; write {{{{ for a brace"
            )
        return kwargs[field_name], field_name


def _fields(text: str) -> Iterator[str]:
    """Yield the fields of a name. Raises `UsageError` if it cannot be formatted."""
    sample: dict[str, Any] = dict.fromkeys(FIELDS, "x")
    sample |= dict.fromkeys(("seed", "index", "batch_index", "width", "height"), 8)
    try:
        if not _Formatter().vformat(text, (), sample):
            raise UsageError("-o needs a name")
        yield from (name for _, name, _, _ in string.Formatter().parse(text) if name is not None)
    except ValueError as error:
        raise UsageError(f"{text} is not a name with fields such as {{index:02}}: {error}") from None


def _values(job: Job, output: Output | Grid) -> dict[str, Any]:
    request = job.request
    is_grid = isinstance(output, Grid)
    return {
        "prompt_words": prompt_words(str(request.get("prompt", ""))) or job.task,
        "seed": request.get("seed", 0) if is_grid else output.seed,
        "index": 0 if is_grid else output.index,
        "id": job.id,
        "batch_index": job.batch.index if job.batch else 0,
        "model": _file_name(job.model),
        "task": job.task,
        "width": output.width,
        "height": output.height,
    }


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.-]+", "-", text)


def _check_writable(out: Path) -> None:
    try:
        absolute = out.absolute()
    except FileNotFoundError:
        raise UsageError("the current folder has been deleted; use an absolute path with -o") from None
    folder = next(path for path in (absolute, *absolute.parents) if os.path.lexists(path))
    if folder != absolute and not folder.is_dir():
        raise UsageError(f"{out} cannot be written: {folder} is not a folder")
    folder = folder if folder.is_dir() else folder.parent
    longest = os.pathconf(folder, "PC_NAME_MAX")
    if any(len(os.fsencode(part)) > longest for part in out.parts):
        raise UsageError(f"{out.name[:40]}… is longer than a file name can be, {longest} bytes")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UsageError(f"{folder} is not writable; choose another folder with -o")
