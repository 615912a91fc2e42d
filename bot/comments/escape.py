"""The one escaper: text of others becomes Markdown that shows it and does nothing else."""

from __future__ import annotations

import re
import unicodedata

_SPECIAL = re.compile(r"([\\`*_\[\]|~$])")
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;"})
# An HTML comment splits the text node, so GitHub sees no mention, issue, link or e-mail address in it.
_AUTOLINK = re.compile(
    r"(?<=@)|(?<=://)(?=\S)|(?<=www)(?=\.)|(?<=#)(?=\d)|(?<=GH-)(?=\d)|(?<=:)(?=[\w+-]+:)|(?<=[0-9a-f]{6})(?=[0-9a-f])",
    re.IGNORECASE,
)
_LINE_START = re.compile(r"^(\d{1,9}(?=[.)])|(?=[-+#>=:]))")
_UNSEEN = ("C", "Zl", "Zp")  # controls, and the separators that break a line where nobody expects it
_SPLIT = "\ue000"  # stands for the split while the text is escaped; private, so never a contributor's own
_CODE = re.compile(r"`([^`\n]+)`")
# colours, moves of the cursor and titles of windows, as programs write them for a terminal
_TERMINAL = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[ -/]*[0-Z\\-~]")


def visible(text: str) -> str:
    """Return text in which every invisible or direction-changing character shows as <U+XXXX>."""
    if text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in "\n\t" or not unicodedata.category(character).startswith(_UNSEEN):
        return character
    return f"<U+{ord(character):04X}>"


def short(text: str, most: int) -> str:
    """Return somebody's words on one line of at most `most` characters, without what is meant for a terminal.

    What is invisible in them stays: escape the result, or show it by `visible`.
    """
    # what a line becomes shorter by is bounded, so that a huge one costs nothing
    folded = " ".join(_TERMINAL.sub("", text[: 8 * most + 1000]).split())
    is_cut = len(folded) > most or len(text) > 8 * most + 1000
    return folded[: most - 1] + "…" if is_cut else folded


def for_terminals_removed(text: str) -> str:
    """Return text without colours, moves of the cursor and whatever else is meant for a terminal."""
    return _TERMINAL.sub("", text)


def escape(text: str) -> str:
    """Return `text` as Markdown that renders to the same characters, on one line, with no effect at all."""
    folded = " ".join(visible(text).split())
    marked = _AUTOLINK.sub(_SPLIT, folded)
    escaped = _SPECIAL.sub(r"\\\1", marked.translate(_HTML))
    return _LINE_START.sub(r"\1\\", escaped).replace(_SPLIT, "<!-- -->")


def code(text: str) -> str:
    """Return `text` as a code span, in which nothing is a mention, a link or markup."""
    folded = " ".join(visible(text).split()) or " "
    longest = max((len(run) for run in re.findall(r"`+", folded)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if folded.startswith("`") or folded.endswith("`") else ""
    return f"{fence}{pad}{folded}{pad}{fence}"


def prose(text: str) -> str:
    """Return one of our own sentences as Markdown: `…` stays code, everything else is escaped.

    The sentence may quote a contributor inside or outside of the code spans: neither has any effect.
    """
    parts: list[str] = []
    at = 0
    for match in _CODE.finditer(text):
        parts += (_escape_inline(text[at : match.start()]), code(match[1]))
        at = match.end()
    parts.append(_escape_inline(text[at:]))
    return "".join(parts)


def _escape_inline(text: str) -> str:
    """Escape, keeping one space at either end where the text had white space."""
    if not text:
        return ""
    lead = " " if text[0].isspace() else ""
    tail = " " if text[-1].isspace() and text.strip() else ""
    return lead + escape(text) + tail


def block(text: str, language: str = "") -> str:
    """Return `text` as a fenced code block that its content cannot close."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{visible(text).rstrip()}\n{fence}"
