"""What GitHub makes of Markdown: which tags come out, and where it looks for mentions, references and links."""

from __future__ import annotations

import re

import cmarkgfm
from cmarkgfm.cmark import Options


def rendered(markdown: str) -> str:
    "What GitHub's own Markdown renderer makes of it, before mentions and references become links."
    return cmarkgfm.github_flavored_markdown_to_html(
        markdown, Options.CMARK_OPT_FOOTNOTES | Options.CMARK_OPT_UNSAFE
    )


def text_nodes(html: str) -> list[str]:
    "The pieces of text between tags and comments, outside of code: where GitHub looks for mentions and links."
    outside = re.sub(r"<code\b[^>]*>.*?</code>", "<code></code>", html, flags=re.DOTALL)
    return re.split(r"<[^>]*>", outside)


def tags(html: str) -> set[str]:
    "The names of the tags, closing ones with their slash."
    return {tag.split()[0] for tag in re.findall(r"<(/?[a-z][^>]*)>", html)}
