import pytest
from hypothesis import given
from hypothesis import strategies as st

from runs.providers.sse import EventTooLargeError, ServerSentEvent, ServerSentEventParser

LINES = st.lists(
    st.sampled_from(
        [b"data: a", b"data:b", b"data", b"data:  c", b": note", b"event: e", b"id: 1", b"", b"x"]
    ),
    max_size=12,
)


def parsed(*chunks: bytes) -> list[ServerSentEvent]:
    parser = ServerSentEventParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def reference(lines: list[bytes]) -> list[ServerSentEvent]:
    """The standard's algorithm, line by line."""
    events, data, name = [], list[bytes](), b""
    for line in lines:
        key, _, value = line.partition(b":")
        value = value[1:] if value.startswith(b" ") else value
        if not line:
            if data:
                events.append(ServerSentEvent(name or b"message", b"\n".join(data)))
            data, name = [], b""
        elif key == b"data":
            data.append(value)
        elif key == b"event":
            name = value
    return events


@given(
    LINES,
    st.lists(st.sampled_from([b"\n", b"\r", b"\r\n"]), min_size=12, max_size=12),
    st.lists(st.integers(0, 200), max_size=8),
)
def test_it_reads_the_same_events_however_the_bytes_are_cut(
    lines: list[bytes], ends: list[bytes], cuts: list[int]
) -> None:
    # LF after a line that ended in CR would belong to that line, so an empty line keeps CRLF's LF
    # apart by never following a bare CR.
    pairs = list(zip(lines, ends, strict=False))
    stream = b"".join(line + (b"\r\n" if end == b"\n" and not line else end) for line, end in pairs)
    marks = sorted({min(cut, len(stream)) for cut in cuts})
    pieces = [
        stream[start:end] for start, end in zip([0, *marks], [*marks, len(stream)], strict=True)
    ]
    assert parsed(*pieces) == reference(lines)


def test_it_reads_a_stream_split_at_every_byte() -> None:
    stream = (
        b'\xef\xbb\xbfevent: e\r\ndata: {"a":\r\ndata: 1}\r\n\r\n: x\rdata: \xc3\xa9\r\rdata: 2\n\n'
    )
    expected = [
        ServerSentEvent(b"e", b'{"a":\n1}'),
        ServerSentEvent(b"message", "é".encode()),
        ServerSentEvent(b"message", b"2"),
    ]
    assert parsed(*(bytes([byte]) for byte in stream)) == expected
    assert all(parsed(stream[:cut], stream[cut:]) == expected for cut in range(len(stream) + 1))


def test_it_delivers_an_event_ended_by_cr_without_waiting_for_more() -> None:
    assert parsed(b"data: now\r\r") == [ServerSentEvent(b"message", b"now")]


def test_it_discards_an_unfinished_event() -> None:
    assert parsed(b"data: half\n") == []


def test_it_refuses_an_event_without_end() -> None:
    parser = ServerSentEventParser(max_event_bytes=100)
    for _ in range(6):
        parser.feed(b"data: 0123456789")

    with pytest.raises(EventTooLargeError):
        parser.feed(b"data: 0123456789")


def test_it_does_not_count_comments_as_an_event() -> None:
    parser = ServerSentEventParser(max_event_bytes=100)
    for _ in range(50):
        parser.feed(b": keep-alive\n\n")
    assert parser.feed(b"data: 1\n\n") == [ServerSentEvent(b"message", b"1")]
