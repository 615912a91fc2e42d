"""Contributors' text on its way into a prompt: fenced as data, with nothing in it that a model could obey.

Three things protect a prompt. The text is cleaned: hidden characters go, and the control tokens of chat templates
and everything shaped like a rating are taken apart. It stands between fences whose mark its author cannot know, for
it is a digest of the whole prompt. And a template can print a text in no other way: printing it bare is an error.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

_JOINERS = "\u200c\u200d"  # Persian and Indic spelling and emoji need them, between signs that are not ASCII
_NEEDLESS_JOINER = re.compile(f"(?<![^\\x00-\\x7f{_JOINERS}])[{_JOINERS}]|[{_JOINERS}](?![^\\x00-\\x7f{_JOINERS}])")
_STYLES = "\ufe0e\ufe0f"  # choose between two ways to draw the emoji before them
_NEEDLESS_STYLE = re.compile(f"(?<![^\\x00-\\x7f{_JOINERS}{_STYLES}])[{_STYLES}]")
# drawn as nothing, though Unicode counts them as letters, marks and symbols
_DRAWN_AS_NOTHING = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"
)
_CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f]")
_LINE_ENDS = re.compile("\r\n|[\r\x0b\x0c\x85\u2028\u2029]")
_DOUBLE_BRACKETS = {ord(sign): "[ [" for sign in "⟦〚"} | {ord(sign): "] ]" for sign in "⟧〛"}
# what chat templates are made of: <|name|>, <s>, </s>, [INST], <<SYS>>, <start_of_turn>
_CONTROL_TOKEN = re.compile(
    r"<\||\|>|</?(?:s|pad|unk|bos|eos|mask|start_of_turn|end_of_turn|end_of_utterance|sys|inst|tool_calls?"
    r"|tool_response|(?:extra_id|SPECIAL)_\d+|(?:BOS|EOS|PAD|UNK|EOP|START_OF_TURN|END_OF_TURN)_TOKEN"
    r"|fim_(?:prefix|middle|suffix|pad))>"
    r"|\[/?(?:INST|SYS|AVAILABLE_TOOLS|/?TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|SYSTEM_PROMPT|MODEL_SETTINGS)\]",
    re.IGNORECASE,
)
# what some tokenizer keeps for itself, and what may as well stand in a text about programs or models
_MAYBE_A_TOKEN = re.compile(
    r"</?\w*_\w*>|</?(?:think|answer|system|user|assistant|human|model|tool|function|bot|audio|video|image|img|cls|sep"
    r"|sop|eop|eod|endoftext|unused\d+|filename|reponame|empty|bom|dummy\d*|sentinel\d*|placeholder\d*)>"
    r"|\[/?(?:[a-z]?MASK|CLS|SEP|PAD|UNK|BOS|EOS|ARGS|CALL_ID|PREFIX|MIDDLE|SUFFIX|THINK|AUDIO|TRANSCRIBE|IMG|REF|unused\d+"
    r"|[A-Z]+_[A-Z_]+)\]",
    re.IGNORECASE,
)
_ACTS = re.compile(
    rf"(?:{_CONTROL_TOKEN.pattern})|(?:{_MAYBE_A_TOKEN.pattern})|\[(?=\[)|\](?=\])|<(?=<<)|>(?=>>)", re.IGNORECASE
)


class BareTextError(Exception):
    """A prompt prints a contributor's text outside of a fence."""


@lru_cache(maxsize=1024)  # a document stands in many prompts
def cleaned(text: str) -> str:
    """Return the text as a model may read it: the same words, nothing that acts."""
    shown = _seen(text)
    while cuts := [found.start() + 1 for found in _ACTS.finditer(_folded(shown))]:
        shown = " ".join(shown[a:b] for a, b in zip([0, *cuts], [*cuts, len(shown)], strict=True))
    return shown


def control_token(text: str) -> str:
    """Return the first control token of a chat template in the text, or an empty text."""
    found = _CONTROL_TOKEN.search(_folded(_seen(text)))
    return found.group(0) if found else ""


def _seen(text: str) -> str:
    """Return the text without what nobody sees, composed; every end of a line is the same."""
    lines = _LINE_ENDS.sub("\n", text).translate(_DOUBLE_BRACKETS)
    if lines.isascii():
        return _CONTROL.sub("", lines)
    kept = "".join(filter(_may_be_seen, _DRAWN_AS_NOTHING.sub("", unicodedata.normalize("NFC", lines))))
    return unicodedata.normalize("NFC", _NEEDLESS_JOINER.sub("", _NEEDLESS_STYLE.sub("", kept)))


def _may_be_seen(char: str) -> bool:
    return char in "\n\t" or char in _JOINERS or unicodedata.category(char) not in ("Cc", "Cf", "Co", "Cs")


def _folded(text: str) -> str:
    """Return the text as careless readers see it: full-width signs as ASCII. Every sign keeps its place."""
    return text if text.isascii() else "".join(map(_fold, text))


@lru_cache(maxsize=4096)
def _fold(char: str) -> str:
    plain = unicodedata.normalize("NFKC", char)
    return plain if len(plain) == 1 and plain.isascii() else char


def mark_of(template: str, texts: Mapping[str, str]) -> str:
    """Return the mark of a prompt's fences: who writes one of its texts cannot write the digest of them all."""
    digest = hashlib.sha256(template.encode())
    for name in sorted(texts):
        for part in (name, texts[name]):
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True, repr=False)
class Fenced:
    """A text that a template may print through `fence` only: templates reach no name with an underscore."""

    _text: str

    def __str__(self) -> NoReturn:
        raise BareTextError("A text of the row is printed bare; write {{ fence('NAME', text) }} instead.")

    __html__ = __repr__ = __str__

    def __format__(self, how: str) -> str:
        return str(self)

    def __bool__(self) -> bool:
        return bool(self._text.strip())


@dataclass(frozen=True, slots=True)
class Fence:
    """Prints texts between marks: `fence('DOCUMENT', document)` in a template."""

    mark: str

    def __call__(self, name: str, value: object) -> str:
        """Return the text between its fences. Raises BareTextError for what is no text of the row."""
        if not isinstance(value, Fenced):
            raise BareTextError(f"fence({name!r}, ...) takes a text of the row.")
        return f"<<<{name}:{self.mark}\n{cleaned(value._text).strip()}\n{self.mark}:{name}>>>"
