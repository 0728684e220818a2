"""Event stream parser: examples and rules of the HTML standard."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderq._core import sse
from renderq._core.sse import EventStreamParser, ServerSentEvent


def parse(*chunks: bytes) -> list[ServerSentEvent]:
    parser = EventStreamParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def message(data: str, id: str = "", name: str = "message") -> ServerSentEvent:
    return ServerSentEvent(name, data, id)


@pytest.mark.parametrize(
    ("stream", "events"),
    [
        ("data: This is the first message.\n\n", [message("This is the first message.")]),
        ("data: YHOO\ndata: +2\ndata: 10\n\n", [message("YHOO\n+2\n10")]),
        (
            ": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n",
            [message("first event", "1"), message("second event")],
        ),
        ("data\n\ndata\ndata\n\ndata:", [message(""), message("\n")]),
        ("data:test\n\ndata: test\n\n", [message("test"), message("test")]),
        ("event: add\ndata: 1\n\ndata: 2\n\n", [message("1", name="add"), message("2")]),
        ("event: nothing\n\ndata: 1\n\n", [message("1")]),
        ("id: 1\n\ndata: 1\n\n", [message("1", "1")]),
        ("id: 1\ndata: 1\n\nid: 2\0\ndata: 2\n\n", [message("1", "1"), message("2", "1")]),
        ("data: a:b: c\n\n", [message("a:b: c")]),
        ("Data: x\nfoo: y\n data: z\n\n", []),
        ("\ufeffdata: 1\n\n\ufeffdata: 2\n\n", [message("1")]),
        ("data: é\u2028\u0085\v\f\x1e\n\n", [message("é\u2028\u0085\v\f\x1e")]),
        ("\n\n\n", []),
    ],
)
@pytest.mark.parametrize("line_end", ["\n", "\r", "\r\n"])
def test_what_is_dispatched(stream: str, events: list[ServerSentEvent], line_end: str) -> None:
    assert parse(stream.replace("\n", line_end).encode()) == events


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert parse(b"data: \xff\xc3\n\n") == [message("\ufffd\ufffd")]


def test_an_event_comes_with_its_last_byte_whatever_ends_its_lines() -> None:
    parser = EventStreamParser()
    assert list(parser.feed(b"data: 1\r\r")) == [message("1")]
    assert list(parser.feed(b"\ndata: 2\r\n\r")) == [message("2")]
    assert list(parser.feed(b"")) == []
    assert list(parser.feed(b"\ndata: 3\n\n")) == [message("3")]


@pytest.mark.parametrize(
    ("line", "retry_ms"),
    [("retry: 2000", 2000), ("retry:0", 0), ("retry: soon", None), ("retry: -1", None), ("retry: ٣", None)],
)
def test_retry_is_digits_alone(line: str, retry_ms: int | None) -> None:
    parser = EventStreamParser()
    assert list(parser.feed(f"{line}\n".encode())) == []
    assert parser.retry_ms == retry_ms


def test_an_event_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_EVENT_CHARACTERS", 100)
    assert len(parse(*[b"data: " + b"x" * 50 + b"\n\n"] * 10)) == 10
    for endless in ([b"data: " + b"x" * 200], [b"data: x\n"] * 50, [b": x"] * 50):
        with pytest.raises(ValueError, match="more than 100 characters"):
            parse(*endless)


def test_bytes_may_come_one_by_one() -> None:
    stream = "\ufeffdata: ß€😀\r\nid: é\r\n\r\n".encode()
    assert parse(*(stream[at : at + 1] for at in range(len(stream)))) == [message("ß€😀", "é")]


LINES = st.sampled_from(["data: x", "data: ß€😀", "data", "event: e", "id: 7", "id", ": c", "retry: 5", "junk", ""])


@given(
    lines=st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r", "\r\n"]))),
    mark=st.booleans(),
    data=st.data(),
)
def test_where_the_bytes_are_cut_makes_no_difference(
    lines: list[tuple[str, str]], mark: bool, data: st.DataObject
) -> None:
    stream = (("\ufeff" if mark else "") + "".join(line + end for line, end in lines)).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)))))
    chunks = [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert parse(*chunks) == parse(stream)


@given(data=st.text(alphabet=st.characters(exclude_characters="\r\n", exclude_categories=["Cs"])))
def test_any_text_of_one_line_survives(data: str) -> None:
    assert parse(f"data: {data}\n\n".encode()) == [message(data)]
