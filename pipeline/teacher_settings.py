"""Where a teacher is and how it may be used."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class TeacherSettings:
    """One model behind one server. Prices are for a million tokens."""

    url: str
    model: str
    api_key: SecretStr = field(default_factory=lambda: SecretStr(""))
    timeout_s: float = 300.0  # for one request, its answer included
    least_at_once: int = 1
    most_at_once: int = 64
    tries: int = 8  # for one ask; an absent server uses up none
    away_after_s: float = 120.0  # without a good answer the server is given up
    longest_pause_s: float = 30.0  # between two tries, whatever the server asks for
    most_reply_bytes: int = 16 * 1024 * 1024
    supports_n: bool | None = None  # whether it answers with several choices; None: find out
    prompt_price: float = 0.0
    completion_price: float = 0.0
    use_proxy: bool = False  # the one of HTTP_PROXY, HTTPS_PROXY, NO_PROXY
    named: str = "TEACHER"  # how the settings begin that people are told to look at


def checked_address(url: str) -> str:
    """Return the address of a server if it is one, or empty. Raises ValueError, without repeating what it holds."""
    if not url:
        return ""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not 0 <= (parts.port or 0) < 65536:
        raise ValueError("not an http(s) address, such as http://127.0.0.1:8000/v1")
    if parts.username is not None or parts.password is not None:
        raise ValueError("holds a user name or password: give the key in TEACHER_API_KEY instead")
    if parts.query or parts.fragment:
        raise ValueError("holds a query or fragment: give the address up to /v1 only")
    return url
