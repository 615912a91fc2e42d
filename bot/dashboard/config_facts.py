"""The configuration in force, key by key, with where each value is from; what is secret stays so."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, get_args

from pydantic import BaseModel, SecretStr

from bot.policies import PolicyStanding
from bot.policy_words import value_in_words
from bot.settings import PREFIX, BotSettings
from bot.store.address import driver_url
from checks.policy import POLICY_PATH, Policy, default_policy

_LONGEST = 1_000  # characters of a value
_LOGIN = re.compile(r"://[^/@\s]*@")  # a name and password in an address


class Source(StrEnum):
    """Where a value is from."""

    DEFAULT = "default"
    FILE = "file"  # the policy file of the repository
    CAPPED = "capped"  # the operator allows no more
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """One key of the policy. `written` is what the file says, or the default is, where the operator caps it."""

    name: str
    value: str
    source: Source
    meaning: str
    written: str


@dataclass(frozen=True, slots=True)
class MistakeFacts:
    """One mistake in the policy file."""

    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class SettingFacts:
    """One setting of the operator. Of a secret, the value says only whether it is set."""

    name: str
    value: str
    source: Source
    is_secret: bool


@dataclass(frozen=True, slots=True)
class ConfigurationFacts:
    """All that is configured. While there are mistakes in the file, the last good one is in force."""

    policy_path: str
    has_file: bool
    mistakes: tuple[MistakeFacts, ...]
    policy: tuple[KeyFacts, ...]
    settings: tuple[SettingFacts, ...]


def configuration_facts(standing: PolicyStanding, settings: BotSettings) -> ConfigurationFacts:
    """Return what is configured, and by whom."""
    return ConfigurationFacts(
        policy_path=POLICY_PATH,
        has_file=standing.written is not None,
        mistakes=tuple(MistakeFacts(each.line, each.column, each.message) for each in standing.problems),
        policy=tuple(_keys(standing)),
        settings=setting_facts(settings),
    )


def setting_facts(settings: BotSettings) -> tuple[SettingFacts, ...]:
    """Return the operator's settings."""
    return tuple(_setting(settings, name) for name in BotSettings.model_fields)


def _keys(standing: PolicyStanding) -> Iterator[KeyFacts]:
    written = standing.written or default_policy()
    for name, field in Policy.model_fields.items():
        value, said = getattr(standing.in_force, name), getattr(written, name)
        if isinstance(value, BaseModel):
            for key, of_key in type(value).model_fields.items():
                is_said = key in said.model_fields_set
                pair = getattr(value, key), getattr(said, key)
                yield _key(f"{name}.{key}", *pair, of_key.description or "", is_said=is_said)
        else:
            yield _key(name, value, said, field.description or "", is_said=name in written.model_fields_set)


def _key(name: str, value: Any, said: Any, meaning: str, *, is_said: bool) -> KeyFacts:
    is_capped = value != said
    source = Source.CAPPED if is_capped else Source.FILE if is_said else Source.DEFAULT
    return KeyFacts(name, _words(value), source, meaning, _words(said) if is_capped else "")


def _setting(settings: BotSettings, name: str) -> SettingFacts:
    value = getattr(settings, name)
    source = Source.ENVIRONMENT if name in settings.model_fields_set else Source.DEFAULT
    is_secret = _holds_secrets(BotSettings.model_fields[name].annotation)
    if is_secret:
        words = "set, not shown" if _is_set(value) else "not set"
    elif name == "database_url":
        words = _database(value)
    elif isinstance(value, frozenset):
        words = ", ".join(sorted(map(str, value))) or "none"
    else:
        words = "not set" if value is None or value == "" else _words(value)
    return SettingFacts(PREFIX + name.upper(), _LOGIN.sub("://***@", words), source, is_secret)


def _words(value: Any) -> str:
    if value is None:
        return "not said"
    words = value_in_words(value)
    return words if len(words) <= _LONGEST else words[: _LONGEST - 1] + "…"


def _holds_secrets(annotation: Any) -> bool:
    return annotation is SecretStr or any(_holds_secrets(part) for part in get_args(annotation))


def _is_set(value: Any) -> bool:
    if isinstance(value, tuple):
        return any(_is_set(each) for each in value)
    return bool(value.get_secret_value())


def _database(url: str) -> str:
    """Return where the database is, without user, password and what else an address may hold."""
    found = driver_url(url)
    place = f"{found.host or 'a socket'}/" if found.get_backend_name() != "sqlite" else ""
    return f"{found.get_backend_name()}: {place}{found.database or ''}"
