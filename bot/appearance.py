"""How a pull request looks from outside: the facts that a list of pull requests tells, and that we act on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from bot.labels import WORKFLOW_LABELS

_CHARACTERS = 40


def appearance(head_sha: str, base_ref: str, labels: Iterable[str], *, is_draft: bool) -> str:
    """Return a digest by which a sweep sees whether anything has changed since we last looked."""
    told = (head_sha, base_ref, str(is_draft), *sorted(set(labels) & WORKFLOW_LABELS))
    return hashlib.sha256("\0".join(told).encode("utf-8", "surrogatepass")).hexdigest()[:_CHARACTERS]
