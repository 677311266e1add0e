"""Parts of A2A and the content blocks we keep: nothing gets lost on the way in and out."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from agentserver_a2a.history import kept
from agentserver_a2a.parts import answer_parts, blocks_of, parts_of, unsaid
from agentserver_a2a.wire import Message, Part, part_json
from threads.content import Block

BLOCKS = TypeAdapter(list[Block])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text("ab"), inner, max_size=2),
    max_leaves=4,
)
VALUES = st.one_of(
    st.tuples(st.just("text"), st.text(max_size=5)),
    st.tuples(st.just("raw"), st.sampled_from(["", "aGk=", "AAAA"])),
    st.tuples(st.just("url"), st.sampled_from(["https://x/a.png", "http://x/?q=a.txt#b"])),
    st.tuples(st.just("data"), JSON),
)
PARTS = st.builds(
    lambda value, filename, media_type, metadata: Part(
        value[0], value[1], filename, media_type, metadata
    ),
    VALUES,
    st.none() | st.sampled_from(["a.txt", "b.png", "ü/x"]),
    st.none() | st.sampled_from(["text/plain", "image/png", "TEXT/x; charset=utf-8"]),
    st.none() | st.dictionaries(st.text("k", min_size=1), JSON, min_size=1, max_size=1),
)


@given(st.lists(PARTS, min_size=1, max_size=4))
def test_it_gives_every_part_back_as_it_was_sent(parts: list[Part]) -> None:
    rest = kept(Message("m", tuple(parts))).get("parts")
    assert parts_of(blocks_of(parts), rest) == [part_json(part) for part in parts]


@given(st.lists(PARTS, min_size=1, max_size=3))
def test_it_makes_blocks_of_the_known_forms(parts: list[Part]) -> None:
    assert len(BLOCKS.validate_python(blocks_of(parts))) == len(parts)


@pytest.mark.parametrize(
    ("part", "kind"),
    [
        (Part("raw", "aGk=", media_type="image/png"), "image"),
        (Part("raw", "aGk=", filename="a.mp3"), "audio"),
        (Part("raw", "aGk="), "document"),
        (Part("url", "https://x/y.png?size=1"), "image"),
        (Part("url", "https://x/y"), "document"),
    ],
)
def test_it_tells_pictures_from_documents(part: Part, kind: str) -> None:
    assert blocks_of([part])[0]["type"] == kind


def test_it_keeps_nothing_beside_what_blocks_say() -> None:
    parts = [
        Part("text", "hi"),
        Part("data", {"a": 1}),
        Part("raw", "aGk=", "a.txt", "text/plain"),
        Part("url", "https://x/a", "a", "image/png"),
    ]
    assert unsaid(parts) is None


def test_it_keeps_the_media_type_of_a_text() -> None:
    assert unsaid([Part("text", "# hi", media_type="text/markdown")]) == [
        {"mediaType": "text/markdown"}
    ]


def test_it_merges_the_texts_of_an_answer() -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "text", "text": "a"},
        {"type": "thinking", "thinking": "hm"},
        {"type": "text", "text": ""},
        {"type": "text", "text": "b"},
        {"type": "tool_use", "id": "c", "name": "n", "input": {}},
        {"type": "data", "data": None},
        {"type": "text", "text": "c"},
    ]
    assert answer_parts(blocks) == [{"text": "ab"}, {"data": None}, {"text": "c"}]


def test_it_names_a_file_by_the_title_of_an_older_block() -> None:
    source = {"type": "base64", "media_type": "text/plain", "data": "aGk="}
    block = {"type": "document", "title": "a.txt", "source": source}
    assert parts_of([block]) == [{"raw": "aGk=", "filename": "a.txt", "mediaType": "text/plain"}]
