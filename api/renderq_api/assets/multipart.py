"""A multipart form (RFC 7578) with one file and nothing else, parsed piece by piece."""

import io

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from renderq.contract import LIMITS, FieldError, ProblemKind
from renderq_api.http.json_pointer import pointer
from renderq_api.http.problems import ApiProblem, invalid

FIELD = "file"

_HEADERS_MAX, _HEADER_BYTES = 8, 4 << 10
"""Of a part."""

_NAME_CHARACTERS = 100


class FileForm:
    """Takes the form's bytes as they come. The file's name and type are not looked at: its content tells."""

    def __init__(self, boundary: bytes) -> None:
        self._file = io.BytesIO()  # hands its bytes out without a copy
        self._files = 0
        self._ended = False
        self._name = self._value = self._disposition = b""
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
            max_header_count=_HEADERS_MAX,
            max_header_size=_HEADER_BYTES,
        )

    def write(self, chunk: bytes) -> None:
        """Raises `ApiProblem` as soon as something is wrong."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise _not_a_form("The body is not a multipart form with the boundary of its header.") from error

    def file(self) -> bytes:
        """The file, when all has come. Raises `ApiProblem`."""
        if not self._ended:
            raise _not_a_form("The form ends early.")
        if not self._files:
            raise _wrong(FIELD, "required", "This field is required.")
        return self._file.getvalue()

    def _begin_part(self) -> None:
        self._disposition = b""

    def _add_to_name(self, data: bytes, start: int, end: int) -> None:
        self._name += data[start:end]

    def _add_to_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _end_header(self) -> None:
        if self._name.lower() == b"content-disposition":
            self._disposition = self._value
        self._name = self._value = b""

    def _end_headers(self) -> None:
        name = parse_options_header(self._disposition)[1].get(b"name", b"").decode("utf-8", "replace")
        if name != FIELD:
            raise _wrong(name[:_NAME_CHARACTERS], "unknown_field", f"There is no such field. Send one, {FIELD}.")
        self._files += 1
        if self._files > 1:
            raise _wrong(FIELD, "too_many", "Send one picture at a time.")

    def _add_to_file(self, data: bytes, start: int, end: int) -> None:
        if self._file.tell() + end - start > LIMITS.asset_bytes:
            raise too_large()
        self._file.write(data[start:end])

    def _end(self) -> None:
        self._ended = True


def too_large() -> ApiProblem:
    detail = f"A picture's file may have at most {LIMITS.asset_bytes:,} bytes. Make it smaller."
    return ApiProblem(ProblemKind.ASSET_TOO_LARGE, detail)


def _wrong(name: str, code: str, detail: str) -> ApiProblem:
    return invalid(f"{pointer(name)}: {detail}", FieldError(pointer=pointer(name), code=code, detail=detail))


def _not_a_form(detail: str) -> ApiProblem:
    return invalid(detail, FieldError(pointer="", code="not_a_form", detail=detail))
