"""The licences that an attribution file names, for people to see what a build gives away under which terms."""

from __future__ import annotations

from checks import attribution_text
from checks.licence_names import PUBLIC_DOMAIN, read_licence
from checks.policy import default_policy

MOST_BYTES = 64 * 1024  # of an attribution file that is read
_LONGEST = 60  # characters of words that are no known licence
_MOST = 10


def named_licences(data: bytes) -> tuple[str, ...]:
    """Return the licences in the order in which they are named, by their standard names where there is one."""
    text = data.decode("utf-8", "replace")
    if attribution_text.is_too_long(text):
        return ()
    allowed = default_policy().licences.allowed
    said = [entry.value for entry in attribution_text.read(text).licences]
    values = [value for value in said if not attribution_text.says_nothing(value)]
    names = (read_licence(value, allowed).name or value[:_LONGEST] for value in values)
    return tuple(dict.fromkeys("public domain" if name == PUBLIC_DOMAIN else name for name in names))[:_MOST]
