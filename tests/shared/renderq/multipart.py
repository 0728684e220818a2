"""What the client sends as a multipart form."""

from renderq.testing import ReceivedRequest


def sent_file(request: ReceivedRequest) -> bytes:
    """The single part of a multipart form."""
    boundary = request.headers["Content-Type"].removeprefix("multipart/form-data; boundary=").encode()
    start, part, end = request.body.split(b"--" + boundary)
    assert (start, end) == (b"", b"--\r\n")
    head, body = part.removesuffix(b"\r\n").split(b"\r\n\r\n", 1)
    assert b'form-data; name="file"; filename=' in head
    return body
