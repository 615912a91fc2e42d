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
from typing import NoReturn

_ZERO_WIDTH_NEEDED = "\u200c\u200d"  # joiners: Persian and Indic spelling and emoji need them
# what chat templates are made of: <|name|>, <s>, </s>, [INST], <<SYS>>, <start_of_turn>
_CONTROL_TOKEN = re.compile(
    r"<[|｜]|[|｜]>|</?(?:s|pad|unk|bos|eos|mask|start_of_turn|end_of_turn|sys|inst)>|<extra_id_\d+>"
    r"|\[/?(?:INST|SYS|AVAILABLE_TOOLS|/?TOOL_CALLS|TOOL_RESULTS|SYSTEM_PROMPT)\]",
    re.IGNORECASE,
)
_ACTS = re.compile(rf"(?:{_CONTROL_TOKEN.pattern})|\[(?=\[)|\](?=\])|<(?=<<)|>(?=>>)", re.IGNORECASE)


class BareTextError(Exception):
    """A prompt prints a contributor's text outside of a fence."""


def cleaned(text: str) -> str:
    """Return the text as a model may read it: the same words, nothing that acts."""
    shown = "".join(char for char in unicodedata.normalize("NFC", text) if _is_seen(char))
    while (apart := _ACTS.sub(lambda found: f"{found.group(0)[0]} {found.group(0)[1:]}", shown)) != shown:
        shown = apart
    return shown


def control_token(text: str) -> str:
    """Return the first control token of a chat template in the text, or an empty text."""
    found = _CONTROL_TOKEN.search("".join(char for char in text if _is_seen(char)))
    return found.group(0) if found else ""


def _is_seen(char: str) -> bool:
    return (
        char in "\n\t" or char in _ZERO_WIDTH_NEEDED or unicodedata.category(char) not in ("Cc", "Cf", "Co", "Cs")
    )


def mark_of(template: str, texts: Mapping[str, str]) -> str:
    """Return the mark of a prompt's fences: who writes one of its texts cannot write the digest of them all."""
    digest = hashlib.sha256(template.encode())
    for name in sorted(texts):
        for part in (name, texts[name]):
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)
    return digest.hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Fenced:
    """A text that a template may print through `fence` only."""

    text: str

    def __str__(self) -> NoReturn:
        raise BareTextError("A text of the row is printed bare; write {{ fence('NAME', text) }} instead.")

    __html__ = __str__

    def __bool__(self) -> bool:
        return bool(self.text.strip())


@dataclass(frozen=True, slots=True)
class Fence:
    """Prints texts between marks: `fence('DOCUMENT', document)` in a template."""

    mark: str

    def __call__(self, name: str, value: object) -> str:
        """Return the text between its fences. Raises BareTextError for what is no text of the row."""
        if not isinstance(value, Fenced):
            raise BareTextError(f"fence({name!r}, ...) takes a text of the row.")
        return f"<<<{name}:{self.mark}\n{cleaned(value.text).strip()}\n{self.mark}:{name}>>>"
