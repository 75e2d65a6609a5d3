"""Chunks are the document, cut where it bends, and never larger than the embedder's window."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rem_runtime.memory.embedding import MiniLM
from rem_runtime.memory.ingest.chunks import MAX_CHARACTERS, Chunk, Window, cut_chunks
from rem_runtime.memory.ingest.frontmatter import split_front_matter
from rem_runtime.memory.ingest.markdown import read_markdown, read_plain

SENTENCE = "The meeting moved to Thursday because two of the reviewers were away. "
WORDS = [
    "word",
    "\r",
    "\r\n",
    "unbelievable",
    "naïve",
    "東京",
    "a" * 150,
    "\n",
    "\n\n",
    "# Head\n",
    "## Sub\n",
    "- item\n",
    "```\n",
    ". ",
    SENTENCE,
]


@pytest.fixture(scope="module")
def window(embedder: MiniLM) -> Window:
    return Window(embedder.token_ends, embedder.max_tokens)


def cut(text: str, window: Window, *, label: str = "Title") -> list[Chunk]:
    _, start = split_front_matter(text)
    return cut_chunks(text, read_markdown(text, start).blocks, label=label, window=window)


_parts = st.one_of(st.sampled_from(WORDS), st.text(st.characters(exclude_categories=["Cs"]), max_size=20))


@settings(max_examples=150, deadline=None)
@given(text=st.lists(_parts, max_size=200).map(" ".join).filter(str.strip))
def test_joined_they_are_the_text_and_each_fits(text: str, window: Window, embedder: MiniLM) -> None:
    for blocks in (read_markdown(text, 0).blocks, read_plain(text, 0).blocks):
        assert "".join(text[block.start : block.end] for block in blocks) == text
        chunks = cut_chunks(text, blocks, label="A title " * 20, window=window)
        assert "".join(chunk.text for chunk in chunks) == text
        for chunk in chunks:
            assert len(chunk.text) <= MAX_CHARACTERS
            assert len(embedder.token_ends(chunk.full_text)) + 2 <= embedder.max_tokens


@pytest.mark.parametrize("text", ["Buy milk at 5pm.", "x", "# Only a title", "---\ntitle: a\n---\n"])
def test_short_documents_are_kept_whole(text: str, window: Window) -> None:
    assert [chunk.text for chunk in cut(text, window)] == [text]


def test_chunks_follow_headings(window: Window) -> None:
    text = f"# Title\n\n{SENTENCE * 8}\n\n## First\n\n{SENTENCE * 8}\n\n## Second\n\n### Deep\n\n{SENTENCE * 8}\n"
    chunks = cut(text, window)
    assert [chunk.text.split("\n")[0] for chunk in chunks] == ["# Title", "## First", "## Second"]
    assert [chunk.heading for chunk in chunks] == ["Title", "Title", "Title"]


def test_a_section_that_is_cut_names_its_headings(window: Window) -> None:
    text = f"# Title\n\n## Section\n\n### Deep\n\n{SENTENCE * 60}"
    chunks = cut(text, window)
    assert len(chunks) > 3
    assert chunks[-1].heading == "Title > Section > Deep"
    assert all(chunk.text.endswith((". ", "\n")) for chunk in chunks), "cut at the end of a sentence"


def test_a_heading_is_not_left_behind(window: Window) -> None:
    text = f"# Title\n\n{SENTENCE * 12}\n\n## Next\n\n{SENTENCE * 12}"
    assert not any(chunk.text.rstrip().endswith("## Next") for chunk in cut(text, window))


def test_text_without_a_break_is_cut_anyway(window: Window) -> None:
    text = "word" * 5_000
    chunks = cut(text, window)
    assert "".join(chunk.text for chunk in chunks) == text
    assert max(len(chunk.text) for chunk in chunks) <= MAX_CHARACTERS
