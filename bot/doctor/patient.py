"""What is examined: the settings as far as they can be used, and a way to GitHub. Nothing is served from it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

import aiohttp
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr, ValidationError

from bot.clock import Clock
from bot.github.client import GitHubApp
from bot.settings import BotSettings, problems_of
from bot.wiring import open_github
from checks.secret_files import secrets_folder

_T = TypeVar("_T")


@dataclass(frozen=True)
class Patient:
    """One installation. `problems` are the settings that cannot be used, with what is wrong and where to find it.

    In `settings` these have their defaults, or stand-ins that no probe is given.
    """

    settings: BotSettings
    problems: Mapping[str, str]
    clock: Clock
    http: aiohttp.ClientSession
    tests_delivery: bool = False  # whether GitHub may be asked to send something
    _looked_up: dict[str, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def github(self) -> GitHubApp:
        """Our App; it only reads."""
        return open_github(self.http, self.settings, self.clock, only_reads=True)

    @cached_property
    def writing_github(self) -> GitHubApp:
        """Our App, for what the operator has asked to be tested by writing."""
        return open_github(self.http, self.settings, self.clock)

    async def once(self, name: str, find: Callable[[], Awaitable[_T]]) -> _T:
        """Return what several probes want to know."""
        if name not in self._looked_up:
            self._looked_up[name] = await find()
        found: _T = self._looked_up[name]
        return found


def settings_at_hand(**overrides: Any) -> tuple[BotSettings, dict[str, str]]:
    """Return the settings with stand-ins for those that cannot be used, and what is wrong with these.

    They are read where the bot reads them: from variables and secret files.
    """
    problems: dict[str, str] = {}
    given = dict(overrides)
    folder = secrets_folder(os.environ)
    for _ in range(len(BotSettings.model_fields)):
        try:
            return BotSettings(_secrets_dir=folder, **given), problems
        except ValidationError as error:
            for name, problem in problems_of(error):
                problems.setdefault(name, problem)
                given[name] = _stand_in(name)
    raise AssertionError("a stand-in is refused")


def _stand_in(name: str) -> Any:
    match name:
        case "app_id":
            return 1
        case "private_key":
            key = Ed25519PrivateKey.generate()
            return SecretStr(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
        case "webhook_secrets":
            return (SecretStr("stands in for a secret"),)
        case "repositories":
            return frozenset({0})
        case _:
            return BotSettings.model_fields[name].get_default(call_default_factory=True)
