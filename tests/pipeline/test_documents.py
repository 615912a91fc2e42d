"""Cutting documents into chunks: on headings and sentences, nothing lost, whatever the text holds."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.tokens import count_tokens
from pipeline.document_formats import DocumentFormatError, DocumentReaderMissingError, markdown_of
from pipeline.documents import Chunks, chunk_markdown
from pipeline.sentences import sentences


def words(text: str) -> int:
    return len(text.split())


def parts(text: str, limit: int = 12) -> list[str]:
    "Cut by words, so that a test can count on its fingers."
    return [chunk.text for chunk in chunk_markdown(text, limit, words).chunks]


def letters(text: str) -> str:
    return "".join(text.split())


def assert_whole(text: str, cut: Chunks, limit: int, count=count_tokens) -> None:  # type: ignore[no-untyped-def]
    "Every letter of the text is there once, in order, and no chunk is too long."
    assert all(0 < count(chunk.text) == chunk.tokens <= limit for chunk in cut.chunks)
    found = Counter(letters("".join(chunk.text for chunk in cut.chunks)))
    found -= Counter(letters("".join(part for chunk in cut.chunks for part in chunk.repeated)))
    assert found == Counter(letters(text))
    if not any(chunk.repeated for chunk in cut.chunks):
        assert letters("".join(chunk.text for chunk in cut.chunks)) == letters(text)


def test_a_short_document_is_one_chunk() -> None:
    text = "# Kingfisher\n\nIt feeds on small fish.\n\n- It nests in banks.\n- It is blue."
    (chunk,) = chunk_markdown(text).chunks
    assert chunk.text == text
    assert chunk.headings == ("Kingfisher",)
    assert chunk.tokens == count_tokens(text)


def test_sections_begin_chunks_and_know_the_headings_above() -> None:
    text = "\n\n".join(
        [
            "# Birds",
            "Birds have feathers and most of them can fly.",
            "## Kingfisher",
            "It feeds on small fish in the river.",
            "### Nest",
            "It digs a tunnel in a steep bank.",
            "## Heron ##",
            "It stands still in the water and waits.",
        ]
    )
    cut = chunk_markdown(text, 16, words)
    assert [chunk.text.split("\n")[0] for chunk in cut.chunks] == [
        "# Birds",
        "## Kingfisher",
        "### Nest",
        "## Heron ##",
    ]
    assert [chunk.headings for chunk in cut.chunks] == [
        ("Birds",),
        ("Birds", "Kingfisher"),
        ("Birds", "Kingfisher", "Nest"),
        ("Birds", "Heron"),
    ]


def test_a_heading_does_not_stand_last_in_a_chunk() -> None:
    text = "One two three.\n\n# Four\n\nFive six seven eight nine ten eleven."
    assert parts(text, 12) == ["One two three.", "# Four\n\nFive six seven eight nine ten eleven."]


def test_a_paragraph_is_cut_between_sentences_only() -> None:
    text = "It fishes in the river. It nests\nin the bank. Dr. Wren saw 3.5 of them, e.g. here. Was it blue? Yes!"
    assert parts(text, 8) == [
        "It fishes in the river.",
        "It nests\nin the bank.",
        "Dr. Wren saw 3.5 of them, e.g. here.",
        "Was it blue? Yes!",
    ]


def test_a_sentence_longer_than_a_chunk_is_cut_at_blanks_and_counted() -> None:
    cut = chunk_markdown("one two three four five six seven. Eight nine.", 3, words)
    assert cut.chunks[0].text == "one two three"
    assert cut.cut_sentences == 1
    assert_whole("one two three four five six seven. Eight nine.", cut, 3, words)


def test_a_word_longer_than_a_chunk_is_cut_inside() -> None:
    cut = chunk_markdown("x" * 1000, 10, len)
    assert [len(chunk.text) for chunk in cut.chunks] == [10] * 100


TABLE = "| Bird | Food |\n|------|------|\n" + "".join(f"| bird{n} | fish{n} |\n" for n in range(10))


def test_a_table_that_fits_is_kept_whole() -> None:
    text = f"Some words before the table stand here.\n\n{TABLE}\nSome words after it."
    assert TABLE.rstrip() in parts(text, 60)


def test_a_large_table_is_cut_between_rows_and_keeps_its_header() -> None:
    cut = chunk_markdown(f"# Birds\n\n{TABLE}", 40, words)
    for number, chunk in enumerate(cut.chunks):
        assert "| Bird | Food |\n|------|------|\n| bird" in chunk.text
        assert all(line.count("|") == 3 for line in chunk.text.split("\n") if line and "#" not in line)
        assert chunk.repeated == (() if number == 0 else ("| Bird | Food |\n|------|------|",))
        assert chunk.headings == ("Birds",)
    assert len(cut.chunks) > 1
    assert_whole(f"# Birds\n\n{TABLE}", cut, 40, words)


@pytest.mark.parametrize("fence", ["```python\n{}\n```", "~~~~\n{}\n~~~~", "```\n{}"])
def test_long_code_is_cut_between_lines_and_stays_code(fence: str) -> None:
    code = fence.format("\n".join(f"line {n} = {n}" for n in range(20)))
    cut = chunk_markdown(code, 30, words)
    marks = fence.split("{}")[0].strip()
    for chunk in cut.chunks:
        assert chunk.text.startswith(marks)
    for chunk in cut.chunks[:-1]:
        assert chunk.text.split("\n")[-1] == marks.removesuffix("python")
    assert_whole(code, cut, 30, words)


def test_code_that_fits_is_kept_whole() -> None:
    code = "```\nIt is. It was.\n\n# No heading\n```"
    text = f"One two three four five six.\n\n{code}\n\nSeven eight nine ten."
    assert code in parts(text, 12)
    assert all(not chunk.headings for chunk in chunk_markdown(text, 12, words).chunks)


def test_a_list_is_cut_between_its_items() -> None:
    text = "- one two three\n- four five\n  - six seven\n    eight nine\n- ten eleven"
    assert parts(text, 12) == ["- one two three\n\n- four five", "- six seven\n  eight nine\n\n- ten eleven"]


def test_html_quotes_and_link_definitions_stay() -> None:
    text = (
        "<div>\nA & b.\n</div>\n\n> Quoted. Words.\n\n[a]: https://birds.example\n\n***\n\n    code\n\nTitle\n====="
    )
    assert_whole(text, chunk_markdown(text), 500)


@pytest.mark.parametrize(
    ("front", "is_dropped"),
    [
        ("---\ntitle: Birds\ntags: [a]\n---\n", True),
        ("\ufeff---\r\ntitle: Birds\r\n---\r\n", True),
        ('+++\ntitle = "Birds"\n+++\n', True),
        ("---\nA line between two rules.\n---\n", False),
        ("---\ntitle: never closed\n", False),
    ],
)
def test_front_matter_is_dropped(front: str, is_dropped: bool) -> None:
    joined = "".join(chunk.text for chunk in chunk_markdown(f"{front}It is blue.").chunks)
    assert joined.endswith("It is blue.")
    assert (joined == "It is blue.") == is_dropped


@pytest.mark.parametrize("text", ["", " \n\t\n", "\ufeff", "---\na: b\n---\n"])
def test_nothing_gives_no_chunk(text: str) -> None:
    assert chunk_markdown(text) == Chunks(())


def test_twice_the_same_chunks() -> None:
    text = ("Some birds. Others. " * 50 + "\n\n" + TABLE + "\n\n") * 5
    assert chunk_markdown(text) == chunk_markdown(text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("A. B. Cooper saw it. Then he left.", ["A. B. Cooper saw it. ", "Then he left."]),
        ("Use `a. B` here. Then stop.", ["Use `a. B` here. ", "Then stop."]),
        ('He said "No!" She left.', ['He said "No!" ', "She left."]),
        ("In 2020. In 2021.", ["In 2020. ", "In 2021."]),
        ("1. First of all. Second.", ["1. First of all. ", "Second."]),
        ("Is it vs. that? no. lower goes on.", ["Is it vs. that? no. lower goes on."]),
        ("鳥です。青い！はい", ["鳥です。", "青い！", "はい"]),
        ("Wait... Really?! Yes.", ["Wait... ", "Really?! ", "Yes."]),
        ("", []),
    ],
)
def test_sentences_end_where_they_surely_end(text: str, wanted: list[str]) -> None:
    assert sentences(text) == wanted


@given(st.text(alphabet=st.sampled_from("aA1.!?。 \n`\"')*_"), max_size=200))
def test_sentences_joined_are_the_text(text: str) -> None:
    assert "".join(sentences(text)) == text


_MARKDOWN = st.lists(
    st.one_of(
        st.sampled_from(
            ["# Title", "Title\n===", "***", "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |", "> a\n> > b\n\nc"]
        ),
        st.sampled_from(
            ["```\nx = 1\ny = 2\n\n```", "~~~\nopen", "- a\n  - b\n\n    c\n- d", "1. x\n2. y", "<!-- c -->"]
        ),
        st.sampled_from(["[a]: b", "    code", "\tcode", "- ", "|", "-", "`", "\\", "&amp;", "***bold***"]),
        st.text(alphabet=st.sampled_from("ab. A!\n|`-#>~ \t1é"), max_size=60),
        st.text(max_size=20).filter(lambda t: "\x00" not in t),
    ),
    max_size=14,
).map("\n".join)


@settings(max_examples=300, deadline=None)
@given(_MARKDOWN, st.sampled_from([(len, 20), (len, 60), (words, 6), (count_tokens, 30)]))
def test_no_word_is_lost_and_none_stands_twice(text: str, counting) -> None:  # type: ignore[no-untyped-def]
    count, limit = counting
    text = f"x\n{text}"  # front matter is dropped, and has a test of its own
    assert_whole(text, chunk_markdown(text, limit, count), limit, count)


M = 1_000_000
HOSTILE = {
    "one line of words": "a " * (M // 2),
    "one word": "a" * M,
    "dots": "." * M,
    "pipes": "|" * M,
    "quotes in quotes": ">" * M,
    "lists in lists": "- " * (M // 2),
    "backticks": "`" * M,
    "backticks and blanks": "` " * (M // 2),
    "blanks": " " * M + "a",
    "open code": "```\n" + "a" * M,
    "one wide table": "|" + "a|" * 50_000 + "\n|" + "-|" * 50_000,
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_cut_in_seconds(text: str) -> None:
    "A million characters of it take about two seconds; the bound leaves room for slow machines."
    began = time.process_time()
    cut = chunk_markdown(text)
    assert time.process_time() - began < 15
    assert_whole(text, cut, 500)


def test_files_of_other_kinds_are_refused_in_words() -> None:
    assert markdown_of("a.MD", b"\xef\xbb\xbf# Birds") == "# Birds"
    with pytest.raises(DocumentFormatError, match=r"a\.docx is neither Markdown \(\.md\) nor PDF"):
        markdown_of("a.docx", b"PK")
    with pytest.raises(DocumentFormatError, match="not written in UTF-8"):
        markdown_of("a.md", b"\xff")


def test_without_its_extra_a_pdf_is_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DocumentReaderMissingError, match=r'pip install "taxonomy-bot\[pdf\]"'):
        markdown_of("a.pdf", b"%PDF-1.7")
