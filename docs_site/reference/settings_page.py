"""docs/settings.md: every environment variable, with its kind, default and bounds from the typed settings.

What each means stands once, in settings_meanings.md beside this module, and is taken from there.
"""

from __future__ import annotations

import re
import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from bot.settings import PREFIX as BOT_PREFIX
from bot.settings import BotSettings
from docs_site.reference.cells import MADE, cell, table
from pipeline.settings import PREFIX as PIPELINE_PREFIX
from pipeline.settings import PipelineSettings, ServeSettings

MEANINGS = Path(__file__).with_name("settings_meanings.md")

_HEAD = f"""# Settings

{MADE}

Every environment variable of the programs. A wrong value stops the start with the variable's name and what it
should be; `taxonomy-bot doctor` checks them all. Secrets mask themselves in logs and errors. What a community
decides for itself stands in its [policy](policy.md) instead.

A setting may also be a file named like its variable (`TAXONOMY_BOT_PRIVATE_KEY`): in the folder that systemd names
in `CREDENTIALS_DIRECTORY` (`LoadCredential=`), or in `/run/secrets`, where containers have theirs. A variable that
is set goes before its file.
"""
# program, prefix, model, which of several rows of the same name is about it
_PROGRAMS = (
    ("The bot", BOT_PREFIX, BotSettings, 0),
    ("Workers", PIPELINE_PREFIX, PipelineSettings, -1),
    ("`taxonomy-pipeline serve-teacher`", PIPELINE_PREFIX, ServeSettings, -1),
)
_WORDS = {
    "int": "whole number", "float": "number", "str": "text", "bool": "`true` or `false`", "SecretStr": "secret",
    "Path": "path", "frozenset": "list", "tuple": "list", "dict": "`NAME=VALUE` list",
}  # fmt: skip
_BOUNDS = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}"}
_ROW = re.compile(r"^\| (`[^|]+`) \|(.*?)\| (.+) \|$")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a row says about a setting."""

    section: str  # its heading: a link to the page that tells more
    default: str  # in words, where the type has none
    words: str


def page() -> str:
    """Return the page."""
    meanings = meanings_of(MEANINGS.read_text(encoding="utf-8"))
    parts = [_HEAD]
    for title, prefix, model, which in _PROGRAMS:
        parts += [f"## {title}\n", f"Each as `{prefix}<NAME>`.\n", *_tables(model, meanings, which)]
    return "\n".join(parts)


def settings_of_all() -> Iterator[tuple[str, str]]:
    """Yield the program's heading and the name of each setting."""
    for title, _, model, _ in _PROGRAMS:
        yield from ((title, name.upper()) for name in model.model_fields)


def meanings_of(text: str) -> Mapping[str, list[Meaning]]:
    """Return for each variable what its rows say, in the order of the sections that have one."""
    found: dict[str, list[Meaning]] = {}
    section = ""
    for line in text.splitlines():
        if line.startswith("## "):
            section = line[3:]
        elif row := _ROW.match(line):
            for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row[1]):
                found.setdefault(name, []).append(Meaning(section, row[2].strip(), row[3].strip()))
    return found


def _tables(model: type[BaseSettings], meanings: Mapping[str, list[Meaning]], which: int) -> Iterator[str]:
    """Yield a table for each section that has settings of this model, in the order of the sections."""
    rows: dict[str, list[tuple[str, str, str, str]]] = {}
    named = {name.upper(): field for name, field in model.model_fields.items()}
    for name in (name for name in meanings if name in named):
        said, field = meanings[name][which], named[name]
        default = _default(field)
        row = (
            f"`{name}`",
            _kind(field),
            said.default if default == "none" and said.default else default,
            said.words,
        )
        rows.setdefault(said.section, []).append(row)
    for section in dict.fromkeys(said.section for all_said in meanings.values() for said in all_said):
        if section in rows:
            yield from (f"### {section}\n", *table(("name", "kind", "default", "meaning"), rows[section]), "")


def _kind(field: FieldInfo) -> str:
    bounds = [
        words.format(_number(value))
        for part in field.metadata
        for key, words in _BOUNDS.items()
        if (value := getattr(part, key, None)) is not None
    ]
    return cell(", ".join((_words(field.annotation), *bounds)))


def _words(kind: Any) -> str:
    if get_origin(kind) is Annotated:
        return _words(get_args(kind)[0])
    if choices := [choice for choice in get_args(kind) if isinstance(choice, str)]:
        return " or ".join(f"`{choice}`" if choice else "empty" for choice in choices)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return " or ".join(f"`{choice.value}`" for choice in kind)
    origin = get_origin(kind) or kind
    if name := _WORDS.get(getattr(origin, "__name__", "")):
        items = [one for one in get_args(kind) if one is not Ellipsis]
        return f"{name} of secrets" if SecretStr in items else name
    parts = [one for one in get_args(kind) if one is not type(None)]
    return _words(parts[0]) if parts else "text"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if value is None or value in ("", (), frozenset()) or value == {}:
        return "none"
    if isinstance(value, tuple | frozenset):
        value = ",".join(str(getattr(one, "value", one)) for one in value)
    return f"`{_portable(_number(value))}`"


def _number(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:.15g}" if isinstance(value, float) else str(getattr(value, "value", value))


def _portable(text: str) -> str:
    """The default without what is only so on the machine that writes this page."""
    text = text.replace(str(Path.home() / ".cache"), "~/.cache").replace(tempfile.gettempdir(), "TEMPORARY")
    return re.sub(re.escape(socket.gethostname()[:60]) + r"-\d+", "HOST-PROCESS", text)
