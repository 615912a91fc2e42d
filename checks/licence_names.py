"""Which licence a piece of text means, and whether a community accepts it."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Any

PUBLIC_DOMAIN = "LicenseRef-scancode-public-domain"


class Standing(StrEnum):
    """What may be said of a text that stands where a licence belongs."""

    ALLOWED = "allowed"
    MISSPELT = "allowed, but wrongly spelt"
    VERSION_MISSING = "its version is not named"
    FORBIDDEN = "not on the list"
    NO_LICENCE = "names no licence"
    UNKNOWN = "not recognised"


@dataclass(frozen=True, slots=True)
class LicenceReading:
    """What a text means. `name` is the SPDX name of what it means, where there is one."""

    standing: Standing
    name: str = ""


_NOISE = re.compile(r"\((?:[^()]*https?://[^()]*)\)|https?://\S+|[\[\]\"'`*_]|\blicen[cs]ed under\b", re.IGNORECASE)
_EDGES = " \t.,;:!-–()"
_LONGEST = 300
_CC_WORDS = re.compile(
    r"\bcc\b|\bcc(?=-?by|0)|creative\s*commons?|\bby-(?:nc|sa|nd)|attribution[\s-]*(?:non|share|no)", re.IGNORECASE
)
_CC_URL = re.compile(r"creativecommons\.org/licenses/([a-z-]+)/(\d\.\d)", re.IGNORECASE)
_VERSION = re.compile(r"\bv?([1-4])(?:\.(\d))?\b")

_KNOWN = tuple(
    (re.compile(pattern, re.IGNORECASE), name)
    for pattern, name in (
        (r"\bcc[\s-]?0\b|\bcc[\s-]?zero\b|creative\s*commons\s*zero|publicdomain/zero", "CC0-1.0"),
        (
            r"public[\s-]*domain(?! mark)|no (?:known )?copyright restrictions?|us(?:a)? government works?",
            PUBLIC_DOMAIN,
        ),
        (r"u\.s\. government works?|public domain mark|publicdomain/mark", PUBLIC_DOMAIN),
        (r"cdla[\s-]*sharing|community data licen[cs]e agreement.{0,5}sharing", "CDLA-Sharing-1.0"),
        (
            r"(?:cdla|community data licen[cs]e agreement)[\s–-]*permissive\D{0,12}1(?:\.0)?\b",
            "CDLA-Permissive-1.0",
        ),
        (
            r"(?:cdla|community data licen[cs]e agreement)[\s–-]*permissive\D{0,12}2(?:\.0)?\b",
            "CDLA-Permissive-2.0",
        ),
        (r"apache\b.{0,25}\b2(?:\.0)?\b|\bASL[\s-]*2(?:\.0)?\b|apache\.org/licenses/license-2\.0", "Apache-2.0"),
        (r"(?:the )?mit(?: open source)?(?: \(expat\))?(?: licen[cs]e)?|expat(?: licen[cs]e)?", "MIT"),
        (r"opensource\.org/licenses?/mit", "MIT"),
        (r"\bagpl|affero", "AGPL-3.0-only"),
        (r"\blgpl|lesser general public", "LGPL-3.0-only"),
        (r"\bgfdl\b|gnu free documentation", "GFDL-1.3-only"),
        (r"\bgpl|gnu general public|\bgnu licen[cs]e", "GPL-3.0-only"),
        (r"\bmpl\b|mozilla public", "MPL-2.0"),
        (r"\bbsd\b", "BSD-3-Clause"),
        (r"open government licen[cs]e|\bogl\b", "OGL-UK-3.0"),
        (r"open database licen[cs]e|\bodbl\b", "ODbL-1.0"),
    )
)
_VERSIONLESS = tuple(
    (re.compile(pattern, re.IGNORECASE), name)
    for pattern, name in (
        (r"(?:the )?apache(?: software)?(?: licen[cs]e)?", "Apache-2.0"),
        (
            r"cdla[\s-]*permissive(?: licen[cs]e)?|community data licen[cs]e agreement[\s–-]*permissive",
            "CDLA-Permissive-2.0",
        ),
    )
)
_WHOLE_TEXT_ONLY = frozenset({"MIT"})
_REFUSED_WORDS = re.compile(
    r"all rights? reserved|proprietary|non[\s-]?commercial|commercial(?: licen[cs]e)?$|personal use|fair use"
    r"|confidential|no (?:modification|derivative)s?|not? licen[cs]ed?|unlicensed"
    r"|without (?:a )?licen[cs]e|^(?:©|\(c\)|copyright)",
    re.IGNORECASE,
)
_NO_NAME = re.compile(
    r"(?:an? )?(?:free|open|open[\s-]*source[ds]?|open[\s-]*access|public|publicly available|public law"
    r"|free to use|freely available|creative\s*commons?|cc|gnu|wikipedia|standard|internet|online|website"
    r"|educational|copyrighted|copyright|custom|other|any|yes|commons)"
    r"(?: (?:licen[cs]e[ds]?|use|content|document|data|material))?",
    re.IGNORECASE,
)
_SPLIT_ALL = re.compile(r"\s*(?:,|;|&|\+|\band\b)\s*", re.IGNORECASE)
_SPLIT_ANY = re.compile(r"\s*(?:/|\bor\b)\s*", re.IGNORECASE)


def read_licence(text: str, allowed: Collection[str]) -> LicenceReading:
    """Return what licence the text means and whether it is among `allowed` (SPDX names). Never raises."""
    return _read(text, frozenset(_spdx_name(name) for name in allowed))


def _spdx_name(allowed: str) -> str:
    return (PUBLIC_DOMAIN if allowed.lower() == "public domain" else allowed).lower()


def _read(text: str, allowed: frozenset[str]) -> LicenceReading:
    cleaned = _cleaned(text)
    if not cleaned:
        return _by_address(text, allowed)
    reading = _by_expression(cleaned, allowed) or _by_parts(cleaned, allowed) or _by_name(cleaned, allowed)
    return _by_address(text, allowed, reading) if reading.standing in _NOTHING_FOUND else reading


_NOTHING_FOUND = frozenset({Standing.UNKNOWN, Standing.NO_LICENCE})
_MOST_PARTS = 6


def looks_like_licence(text: str) -> bool:
    """True when a line without label can only be meant as a licence."""
    if len(text) > 120:
        return False
    return read_licence(text, ()).standing is Standing.FORBIDDEN


def _cleaned(text: str) -> str:
    return " ".join(_NOISE.sub(" ", text[:_LONGEST]).split()).strip(_EDGES)


@cache
def _spdx() -> Any:
    from license_expression import get_spdx_licensing  # 13 ms of licence names, only when one is to be read

    return get_spdx_licensing()


def _by_expression(text: str, allowed: frozenset[str]) -> LicenceReading | None:
    """Read an SPDX expression: one side of an OR is enough, an AND needs all. None when it is no expression."""
    from license_expression import ExpressionError

    try:
        tree = _spdx().parse(text, validate=True)
    except (ExpressionError, ValueError, TypeError, AttributeError, IndexError, RecursionError):
        return None
    if tree is None:
        return None
    return LicenceReading(
        Standing.ALLOWED if _passes(tree, allowed) else Standing.FORBIDDEN, tree.render("{symbol.key}")
    )


def _passes(tree: Any, allowed: frozenset[str]) -> bool:
    operator = getattr(tree, "operator", "").strip()
    if operator in {"AND", "OR"}:
        passes = [_passes(part, allowed) for part in tree.args]
        return all(passes) if operator == "AND" else any(passes)
    return str(tree.render("{symbol.key}")).lower() in allowed


def _by_name(text: str, allowed: frozenset[str]) -> LicenceReading:
    name, versionless = _creative_commons(text)
    if not name:
        name = _known_name(text)
    if not name:
        name, versionless = _versionless_name(text), True
    if not name:
        return LicenceReading(_standing_without_name(text))
    if name.lower() not in allowed:
        return LicenceReading(Standing.FORBIDDEN, name)
    if versionless:
        return LicenceReading(Standing.VERSION_MISSING, name)
    spelt_right = text.lower() == name.lower() or name == PUBLIC_DOMAIN
    return LicenceReading(Standing.ALLOWED if spelt_right else Standing.MISSPELT, name)


def _standing_without_name(text: str) -> Standing:
    if _REFUSED_WORDS.search(text):
        return Standing.FORBIDDEN
    return Standing.NO_LICENCE if _NO_NAME.fullmatch(text) else Standing.UNKNOWN


def _known_name(text: str) -> str:
    for pattern, name in _KNOWN:
        if pattern.fullmatch(text) if name in _WHOLE_TEXT_ONLY else pattern.search(text):
            return name
    return ""


def _versionless_name(text: str) -> str:
    return next((name for pattern, name in _VERSIONLESS if pattern.fullmatch(text)), "")


def _creative_commons(text: str) -> tuple[str, bool]:
    """Return the SPDX name of a Creative Commons licence in any spelling, and whether its version was missing."""
    if not _CC_WORDS.search(text) or re.search(r"\bcc[\s-]?(?:0|zero)\b|commons\s*zero", text, re.IGNORECASE):
        return "", False
    folded = re.sub(r"[\s_–-]+", "", text).lower()
    share = "sharealike" in folded or re.search(r"by(?:nc)?sa", folded) is not None
    non_commercial = "noncommercial" in folded or "bync" in folded
    no_changes = "noderiv" in folded or re.search(r"by(?:nc)?nd", folded) is not None
    if not (
        share
        or non_commercial
        or no_changes
        or "attribution" in folded
        or "ccby" in folded
        or "commonsby" in folded
    ):
        return "", False
    version = _VERSION.search(text)
    parts = ["CC-BY", *("NC" for _ in [0] if non_commercial), *("SA" for _ in [0] if share)]
    parts += ["ND"] if no_changes else []
    number = f"{version[1]}.{version[2] or 0}" if version else "4.0"
    return "-".join([*parts, number]), version is None


def _by_parts(text: str, allowed: frozenset[str]) -> LicenceReading | None:
    """Read "X or Y", "X / Y" (one is enough) and "X and Y", "X, Y" (all are needed); None for anything else."""
    for separator, word, choose in ((_SPLIT_ANY, "OR", min), (_SPLIT_ALL, "AND", max)):
        parts = [part for part in separator.split(text) if part]
        if 1 < len(parts) <= _MOST_PARTS:
            found = [_read(part, allowed) for part in parts]
            if all(reading.standing not in _NOTHING_FOUND for reading in found):
                decisive = choose(found, key=_weight)
                names = [reading.name for reading in found if reading.name]
                return LicenceReading(decisive.standing, f" {word} ".join(dict.fromkeys(names)))
    return None


def _weight(reading: LicenceReading) -> int:
    return list(Standing).index(reading.standing)


def _by_address(text: str, allowed: frozenset[str], otherwise: LicenceReading | None = None) -> LicenceReading:
    """Read a link to a licence, for texts that say nothing else of use."""
    if commons := _CC_URL.search(text):
        name = f"CC-{commons[1].upper()}-{commons[2]}"
    else:
        name = next((n for p, n in _KNOWN if n not in _WHOLE_TEXT_ONLY or "/" in p.pattern if p.search(text)), "")
    if not name or "://" not in text:
        return otherwise or LicenceReading(Standing.UNKNOWN)
    return LicenceReading(Standing.MISSPELT if name.lower() in allowed else Standing.FORBIDDEN, name)
