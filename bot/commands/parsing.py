"""Finding commands in what people write: only prose counts, never quotes, code, links or hidden comments."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from markdown_it import MarkdownIt
from markdown_it.token import Token

MOST_COMMANDS = 20  # in one comment; what follows is left unread, and that is said

_COMMAND = re.compile(r"/([A-Za-z][A-Za-z-]{0,30})(?=\s|$)[ \t]*(.*)")
# how mail programs that do not mark quoted lines begin what they quote: whatever follows was written by others
_QUOTED_MAIL = re.compile(
    r"^[ \t]*(?:-{2,}[ \t]*(?:original message|forwarded message)[ \t]*-{2,}[ \t]*$"
    r"|(?:on|am|le|el)\b.{4,200}(?:\n.{1,100})?\b(?:wrote|schrieb.{0,100}|a écrit|escribió)[ ]?:[ \t]*$"
    r"|\**(?:from|von|de):\**[ \t].*\n[ \t]*\**(?:sent|date|to|gesendet|datum|an|envoyé|enviado)[ ]?:)",
    re.IGNORECASE | re.MULTILINE,
)
_markdown = MarkdownIt("commonmark", {"html": True}).enable("table").disable(["entity", "escape"])


@dataclass(frozen=True, slots=True)
class WrittenCommand:
    """A command as it was written: its name in lower case, the rest of its line, the line's number from 1."""

    name: str
    arguments: str
    line: int


def commands_in(text: str) -> tuple[WrittenCommand, ...]:
    """Return the commands of a comment, in order, at most `MOST_COMMANDS` and one more.

    A command stands at the start of a line of an ordinary paragraph. Block quotes, lists, code, links, HTML and
    headings never hold one; neither do letters that only look like ASCII, nor the mail that a reply quotes.
    """
    found = []
    for line, number in _prose_lines(text):
        match = _COMMAND.fullmatch(line.rstrip())
        if match:
            found.append(WrittenCommand(match[1].lower(), match[2].strip(), number))
            if len(found) > MOST_COMMANDS:
                break
    return tuple(found)


def _prose_lines(text: str) -> Iterator[tuple[str, int]]:
    """Yield the lines of top-level paragraphs that begin with plain text, without what is not plain in them."""
    text = text.replace("\r\n", "\n")
    mail = _QUOTED_MAIL.search(text)
    tokens = _markdown.parse(text[: mail.start()] if mail else text)
    for before, token in itertools.pairwise(tokens):
        if token.type == "inline" and before.type == "paragraph_open" and before.level == 0 and token.map:
            yield from _lines_of(token, token.map[0] + 1)


def _lines_of(paragraph: Token, first_line: int) -> Iterator[tuple[str, int]]:
    line, begins_plain, number = "", None, first_line
    for child in paragraph.children or ():
        if child.type in ("softbreak", "hardbreak"):
            if begins_plain:
                yield line, number
            line, begins_plain, number = "", None, number + 1
            continue
        if begins_plain is None:
            begins_plain = child.type == "text" and child.content != ""
        if child.type != "text" and not line.partition(" ")[1]:
            begins_plain = False  # the command's own word is plain to its end
        if child.type == "text" or child.type == "code_inline":
            line += child.content
    if begins_plain:
        yield line, number
