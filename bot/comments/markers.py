"""Signed hidden markers: how we know our own comments again, even after losing the database."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import SecretStr

from bot.labels import Label
from bot.workflow import State, Status, Turn

_MARKER = re.compile(
    r"<!-- taxonomy-bot:living:(author|triager|us):([0-9a-f]{40}):([a-z-]{1,32}):([a-z+-]{0,200}):([0-9a-f]{0,16})"
    r":([0-9a-f]{32}) -->"
)
_DIGEST_CHARACTERS = 16


@dataclass(frozen=True, slots=True)
class Marker:
    """What a living comment says of itself: whose turn it announced, the commit it was posted for, how it stood.

    `content` is the beginning of the digest of what was judged.
    """

    turn: Turn
    posted_for: str
    status: Status = Status()
    content: str = ""


class MarkerSigner:
    """Signs markers with the newest secret and accepts those of every secret still listed."""

    def __init__(self, secrets: Sequence[SecretStr]) -> None:
        self._keys = [
            hashlib.sha256(b"taxonomy-bot comment marker\0" + secret.get_secret_value().encode()).digest()
            for secret in secrets
        ]

    def sign(self, marker: Marker, repository_id: int, number: int) -> str:
        """Return the marker as an HTML comment, valid only on this pull request."""
        signature = _signature(self._keys[0], marker, repository_id, number)
        return f"<!-- taxonomy-bot:living:{_said(marker)}:{signature} -->"

    def reply_marker(self, source: str, repository_id: int, number: int) -> str:
        """Return the hidden marker of our answer to what was written at `source`, such as "comment:77"."""
        signed = f"reply:{repository_id}#{number}:{source}".encode()
        return f"<!-- taxonomy-bot:reply:{hmac.new(self._keys[0], signed, hashlib.sha256).hexdigest()[:32]} -->"

    def read(self, body: str, repository_id: int, number: int) -> Marker | None:
        """Return the marker a comment starts with, or None when there is none that we signed for this place."""
        match = _MARKER.match(body)
        if match is None:
            return None
        try:
            status = Status(State(match[3]), frozenset(Label(flag) for flag in match[4].split("+") if flag))
        except ValueError:
            return None  # words of another version, or nobody's
        marker = Marker(Turn(match[1]), match[2], status, match[5])
        expected = [_signature(key, marker, repository_id, number) for key in self._keys]
        return marker if any(hmac.compare_digest(match[6], e) for e in expected) else None


def _said(marker: Marker) -> str:
    flags = "+".join(sorted(marker.status.flags))
    content = marker.content[:_DIGEST_CHARACTERS]
    return f"{marker.turn}:{marker.posted_for}:{marker.status.state}:{flags}:{content}"


def _signature(key: bytes, marker: Marker, repository_id: int, number: int) -> str:
    signed = f"{repository_id}#{number}:{_said(marker)}".encode()
    return hmac.new(key, signed, hashlib.sha256).hexdigest()[:32]
