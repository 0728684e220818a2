"""Streaming parser of a multipart form (RFC 7578) with exactly one file."""

import io
import re

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from renderq.contract import LIMITS, FieldError, ProblemKind
from renderq_api.assets.errors import too_large
from renderq_api.http.json_pointer import pointer
from renderq_api.http.problems import ApiProblem, invalid

FIELD = "file"

_MAX_HEADERS, _HEADER_BYTES = 8, 4 << 10
"""Limits on the headers of a part."""

_NAME_CHARACTERS = 100

_PREAMBLE_BYTES = 4 << 10
"""Maximum size of text before the first boundary."""


_PARAMETER = re.compile(r';\s*+(?P<name>[^\s;="]++)\s*+=\s*+(?:"(?:[^"\\]++|\\.)*+"|[^;"]*+)', re.DOTALL)


def parse_parameters(header: str) -> tuple[bytes, dict[bytes, bytes]]:
    """Return the value and the parameters of a header. Raises `ValueError` for a repeated parameter.

    Of two boundaries or names, one reader takes the first, another the last.
    """
    names = [match["name"].lower() for match in _PARAMETER.finditer(header)]
    if len(set(names)) < len(names):
        raise ValueError("a parameter is repeated")
    return parse_options_header(header)


class Preamble:
    """Text before the first boundary of a form, which has no meaning (RFC 2046, 5.1.1)."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        self._received: bytes | None = b"\r\n"
        """What has arrived before the first boundary, after a line break; `None` once it has been found."""

    @property
    def is_over(self) -> bool:
        """Whether the first boundary has arrived, or more than a preamble may have."""
        return self._received is None

    def strip(self, chunk: bytes) -> bytes:
        """Return what of the next chunk of the body belongs to the form."""
        if self._received is None:
            return chunk
        data = self._received + chunk
        start = data.find(self._delimiter, 0, _PREAMBLE_BYTES)
        if start < 0 and len(data) < _PREAMBLE_BYTES:
            self._received = data
            return b""
        self._received = None
        return data[max(start, 0) + 2 :]


class FileForm:
    """Incremental form parser. Ignores the file's name and declared type; the content decides."""

    def __init__(self, boundary: bytes) -> None:
        self._file = io.BytesIO()  # getvalue() does not copy
        self._files = 0
        self._has_part = False
        self._ended = False
        self._name = self._value = b""
        self._disposition: bytes | None = None
        self._preamble = Preamble(boundary)
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin_part,
                "on_header_field": self._add_to_name,
                "on_header_value": self._add_to_value,
                "on_header_end": self._end_header,
                "on_headers_finished": self._end_headers,
                "on_part_data": self._add_to_file,
                "on_end": self._end,
            },
            max_header_count=_MAX_HEADERS,
            max_header_size=_HEADER_BYTES,
        )

    def write(self, chunk: bytes) -> None:
        """Parse a chunk of the body. Raises `ApiProblem` at the first error."""
        try:
            self._parser.write(self._preamble.strip(chunk))
        except FormParserError as error:
            raise _malformed(str(error)) if self._has_part else _without_boundary() from error

    def file(self) -> bytes:
        """Return the file after the last chunk. Raises `ApiProblem`."""
        if not self._preamble.is_over:
            raise _without_boundary()
        if not self._ended:
            raise _not_a_form("The form is truncated.")
        if not self._files:
            raise _invalid_field(FIELD, "required", "This field is required.")
        return self._file.getvalue()

    def _begin_part(self) -> None:
        self._has_part, self._disposition = True, None

    def _add_to_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            if self._disposition is not None:
                raise _malformed("a part has several Content-Disposition headers")
            self._disposition = self._value
        self._name = self._value = b""

    def _end_headers(self) -> None:
        try:
            _, parameters = parse_parameters((self._disposition or b"").decode("latin-1"))
        except ValueError as error:
            raise _malformed(f"Content-Disposition: {error}") from error
        name = parameters.get(b"name", b"").decode("utf-8", "replace")
        if name != FIELD:
            raise _invalid_field(name[:_NAME_CHARACTERS], "unknown_field", f"Unknown field. Send only {FIELD}.")
        self._files += 1
        if self._files > 1:
            raise _invalid_field(FIELD, "too_many", "Send one image per request.")

    def _add_to_file(self, data: bytes, start: int, end: int) -> None:
        if self._file.tell() + end - start > LIMITS.asset_bytes:
            raise file_too_large()
        self._file.write(data[start:end])

    def _end(self) -> None:
        self._ended = True


def file_too_large() -> ApiProblem:
    """Return the problem for an upload with too many bytes."""
    return ApiProblem(ProblemKind.ASSET_TOO_LARGE, too_large().detail)


def _invalid_field(name: str, code: str, detail: str) -> ApiProblem:
    return invalid(f"{pointer(name)}: {detail}", FieldError(pointer=pointer(name), code=code, detail=detail))


def _without_boundary() -> ApiProblem:
    return _not_a_form("The body is not a multipart form with the boundary of its Content-Type header.")


def _malformed(reason: str) -> ApiProblem:
    return _not_a_form(f"The multipart form is not valid: {reason}.")


def _not_a_form(detail: str) -> ApiProblem:
    return invalid(detail, FieldError(pointer="", code="not_a_form", detail=detail))
