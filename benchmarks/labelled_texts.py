"""Texts with labels of what in them is private. Marks are filled in when a file is read: it holds no key itself."""

from __future__ import annotations

import base64
import json
import random
import re
import string
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

FOLDER = Path(__file__).parent / "labelled"
_FILL = re.compile(r"\{(letters|capitals|digits|hex) (\d+)\}|\{key ([A-Z ]+)\}|\{(login token|uuid)\}")
_ALPHABETS = {
    "letters": string.ascii_letters + string.digits,
    "capitals": string.ascii_uppercase + string.digits,
    "digits": string.digits,
    "hex": "0123456789abcdef",
}
_PRIVATE = re.compile("⟦(.*?)⟧", re.DOTALL)


@dataclass(frozen=True, slots=True)
class LabelledText:
    """A text, and the stretches of it that are private; `tuned_on` is its half."""

    text: str
    private: tuple[tuple[int, int], ...]
    tuned_on: bool


def read_labelled(name: str) -> list[LabelledText]:
    """Read a data file: all texts that hold something, then those that lack it."""
    lists = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return [
        _labelled(filled(written, f"{kind} {place}"), tuned_on=place % 2 == 0)
        for kind in ("holds", "lacks")
        for place, written in enumerate(lists[kind])
    ]


def filled(written: str, seed: str) -> str:
    """Return the text with every mark filled, the same way for the same seed."""
    chance = random.Random(seed)
    return _FILL.sub(lambda mark: _filling(mark, chance), written)


def _filling(mark: re.Match[str], chance: random.Random) -> str:
    alphabet, length, key, special = mark.groups()
    if alphabet:
        return _letters(chance, alphabet, int(length))
    if key:
        body = "\n".join(_letters(chance, "letters", 64) for _ in range(8))
        return f"-----BEGIN {key}-----\n{body}\n-----END {key}-----"
    return _SPECIAL[special](chance)


def _letters(chance: random.Random, alphabet: str, length: int) -> str:
    return "".join(chance.choices(_ALPHABETS[alphabet], k=length))


def _login_token(chance: random.Random) -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, {"sub": _letters(chance, "digits", 10), "name": "Ana Heron"})
    signed = [json.dumps(part).encode() for part in parts] + [chance.randbytes(32)]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in signed)


_SPECIAL: dict[str, Callable[[random.Random], str]] = {
    "login token": _login_token,
    "uuid": lambda chance: str(uuid.UUID(bytes=chance.randbytes(16), version=4)),
}


def _labelled(written: str, *, tuned_on: bool) -> LabelledText:
    private = tuple(_stretches(written))
    return LabelledText(_PRIVATE.sub(r"\1", written), private, tuned_on)


def _stretches(written: str) -> Iterator[tuple[int, int]]:
    for count, mark in enumerate(_PRIVATE.finditer(written)):
        start = mark.start() - 2 * count  # the marks before it are gone by then
        yield start, start + len(mark[1])
