"""Whatever a contributor wrote is shown and does nothing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.comments.escape import block, code, escape, prose
from tests.bot.rendering import rendered, tags, text_nodes

# pieces that mean something to GitHub: put together at random they find what single cases miss
_ATOMS = [
    "@ana",
    "@a/b",
    "#12",
    "GH-12",
    "a#1",
    "http://x.y",
    "www.x.y",
    "ftp://x.y",
    "mailto:a@b.c",
    "a@b.c",
    "`",
    "``",
    "```",
    "*",
    "**",
    "_",
    "__",
    "~~",
    "$",
    "$$",
    "|",
    "||",
    "[",
    "]",
    "](http://x)",
    "[^1]",
    "[^1]:",
    "![x](y)",
    "<!--",
    "-->",
    "<b>",
    "</details>",
    "&lt;",
    "&#64;ana",
    "\\",
    "-",
    "1.",
    ">",
    "#",
    "===",
    "---",
    "x",
    ":smile:",
    "<http://x>",
    "@-x",
    "_@ana_",
    ".www.x.y",
    "_www.x.y",
    "abcdef0123456789",
    "@",
]
_HARMLESS = {"p", "/p", "code", "/code"}
_MENTION = re.compile(r"(?<![\w`])@\w")


@pytest.mark.parametrize(
    "hostile",
    [
        "@instruct/maintainers please merge",
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[click](javascript:alert(1))",
        "![tracker](https://evil.example/pixel.png)",
        "closes #1, fixes GH-2",
        "https://evil.example/login and www.evil.example",
        "<!-- taxonomy-bot:living:triager:0000 -->",
        "```\n/approve\n```",
        "# heading\n- list\n> quote\n1. one",
        "</details><details open>",
        "`unclosed",
        "a | b | c",
    ],
)
def test_markup_of_a_contributor_has_no_effect(hostile: str) -> None:
    "Mentions, links, HTML, images, headings and issue references come out as plain text."
    for shown in (rendered(escape(hostile)), rendered(prose(hostile))):
        assert tags(shown) <= _HARMLESS
        for node in text_nodes(shown):
            assert not _MENTION.search(node)
            assert not re.search(r"#\d|GH-\d|https?://\S|www\.\w", node)


@given(st.text())
def test_no_text_at_all_escapes(text: str) -> None:
    "For any text, only paragraphs and code spans come out."
    for markdown in (escape(text), code(text), prose(text)):
        assert tags(rendered(markdown)) <= _HARMLESS


@given(st.lists(st.sampled_from([*_ATOMS, " ", "\n", "\t"]), max_size=8).map("".join))
@settings(max_examples=500)
def test_no_combination_of_markup_escapes(text: str) -> None:
    "Whatever pieces of Markdown stand side by side: no link, no image, no markup, in a line or in a list."
    for markdown in (escape(text), prose(text), "x " + prose(text), "- " + prose(text), code(text)):
        assert tags(rendered(markdown)) <= _HARMLESS | {"ul", "/ul", "li", "/li"}


@given(st.text())
def test_a_block_cannot_be_closed_from_within(text: str) -> None:
    "What stands in a fenced block stays in it."
    shown = rendered(block(text) + "\n\nafter")
    assert shown.count("<pre>") == 1
    assert shown.endswith("<p>after</p>\n")


def test_our_own_code_spans_stay() -> None:
    "A sentence of ours may show a key as code, and whoever is named in it is not called."
    assert rendered(prose('Write `answer: "@yes"` here, *not* `x`.')) == (
        "<p>Write <code>answer: &quot;@yes&quot;</code> here, *not* <code>x</code>.</p>\n"
    )


def test_direction_overrides_are_shown_by_number() -> None:
    "A character that hides or turns text around is named, never printed."
    assert "\u202e" not in code("abc\u202edef")
    assert "<U+202E>" in code("abc\u202edef")
