"""A word in the operators' chat: JSON {"text": ...} posted to a secret address, as Slack and others take it."""

from __future__ import annotations

from enum import Enum
from http import HTTPStatus

import aiohttp
import structlog
from pydantic import SecretStr

from bot.comments.escape import short, visible

log = structlog.get_logger()

_MOST_CHARACTERS = 3000
_WITHIN_S = 15.0
_HARMLESS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "\N{FULLWIDTH COMMERCIAL AT}"})
_AGAIN = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})


class Sent(Enum):
    """What became of a message."""

    DONE = "done"
    LATER = "later"  # to be tried again
    NEVER = "never"  # the other side refuses it for good


class Chat:
    """Posts messages. The address is a secret: it stands in no log and no error."""

    def __init__(self, session: aiohttp.ClientSession, address: SecretStr) -> None:
        self._session = session
        self._address = address

    @property
    def is_set(self) -> bool:
        """True where there is a chat."""
        return bool(self._address.get_secret_value())

    async def say(self, text: str) -> Sent:
        """Post a message, once. Redirections are not followed, and what is answered is not read."""
        try:
            async with self._session.post(
                self._address.get_secret_value(),
                json={"text": in_chat(text)},
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=_WITHIN_S),
            ) as response:
                status = response.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            log.warning("nightly.chat_unreachable", error=type(error).__name__)  # its text may name the address
            return Sent.LATER
        if 200 <= status < 300:
            return Sent.DONE
        again = status in _AGAIN or status >= HTTPStatus.INTERNAL_SERVER_ERROR
        log.warning("nightly.chat_refused", status=status, is_tried_again=again)
        return Sent.LATER if again else Sent.NEVER


def in_chat(text: str) -> str:
    """Return text in which nothing is a mention, a link or markup of a chat."""
    lines = [visible(short(line, _MOST_CHARACTERS)) for line in text.splitlines()]
    plain = "\n".join(lines)[:_MOST_CHARACTERS]
    # an at sign of full width names nobody, in whichever chat
    return plain.translate(_HARMLESS)
