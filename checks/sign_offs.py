"""Sign-off lines and remediation sentences as they stand in commit messages, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checks.contribution import Commit, Identity

_LINE_END = re.compile(r"\r\n|[\n\r\u2028\u2029]")
_SIGN_OFF = re.compile(r"signed-off-by: (.*) <(.*)>\s*", re.IGNORECASE)
_ATTEMPT = re.compile(r"sign(?:ed)?[\s_-]*off[\s_-]*by\b", re.IGNORECASE)
_INDIVIDUAL = re.compile(
    r"I, (.*) <([^<>]*)>, hereby add my Signed-off-by to this commit: ([0-9a-f]{40})\s*", re.IGNORECASE
)
_THIRD_PARTY = re.compile(
    r"On behalf of (.*) <([^<>]*)>, I, (.*) <([^<>]*)>, hereby add my Signed-off-by to this commit: "
    r"([0-9a-f]{40})\s*",
    re.IGNORECASE,
)
_LOCAL_PART = r"[-!#$%&'*+/0-9=?A-Z^_a-z`{|}~]+(?:\.[-!#$%&'*+/0-9=?A-Z^_a-z`{|}~]+)*"
_DOMAIN = r"(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?\.)+[a-zA-Z][a-zA-Z0-9-]*[a-zA-Z0-9]"
_EMAIL = re.compile(rf"{_LOCAL_PART}@{_DOMAIN}")
_NOREPLY = re.compile(r"[\w.+\-\[\]]+@users\.noreply\.github\.com", re.IGNORECASE)
_LONGEST_EMAIL = 254
_WEB_EDITOR_EMAIL = "noreply@github.com"


@dataclass(frozen=True, slots=True)
class Remediation:
    """The sentence with which `signer` signs off a commit of `author` after the fact."""

    author: Identity
    signer: Identity
    sha: str
    third_party: bool


def lines(message: str) -> list[str]:
    """Return the lines of a commit message, whatever ends them."""
    return _LINE_END.split(message)


def sign_offs(message: str) -> list[Identity]:
    """Return everyone whose well-formed sign-off stands at the start of a line of the message."""
    if "<" not in message:
        return []
    matches = (_SIGN_OFF.fullmatch(line) for line in lines(message))
    return [Identity(m[1], m[2]) for m in matches if m]


def is_signed_off(commit: Commit) -> bool:
    """True when one sign-off names the author or committer and has the e-mail of the author or committer."""
    people = (commit.author, commit.committer)
    return any(_names_one(who, people) and _mails_one(who, people) for who in sign_offs(commit.message))


def names_match(who: Identity, commit: Commit) -> bool:
    """True when the name of a sign-off is the author's or the committer's."""
    return _names_one(who, (commit.author, commit.committer))


def emails_match(who: Identity, commit: Commit) -> bool:
    """True when the e-mail of a sign-off is the author's or the committer's."""
    return _mails_one(who, (commit.author, commit.committer))


def attempted_on_subject(commit: Commit) -> bool:
    """True when the first line of the message speaks of a sign-off."""
    return _ATTEMPT.search(lines(commit.message)[0]) is not None


def attempted(commit: Commit) -> bool:
    """True when the message speaks of a sign-off anywhere, in whatever form."""
    return _ATTEMPT.search(commit.message) is not None


def remediations(message: str) -> Iterator[Remediation]:
    """Yield every remediation sentence of the message, one a line."""
    if "hereby" not in message.lower():
        return
    for line in lines(message):
        if m := _THIRD_PARTY.fullmatch(line.strip()):
            yield Remediation(Identity(m[1], m[2]), Identity(m[3], m[4]), m[5].lower(), third_party=True)
        elif m := _INDIVIDUAL.fullmatch(line.strip()):
            me = Identity(m[1], m[2])
            yield Remediation(me, me, m[3].lower(), third_party=False)


def same_person(one: Identity, other: Identity) -> bool:
    """True when name and e-mail are the same, whatever their case."""
    return _fold(one.name) == _fold(other.name) and _fold(one.email) == _fold(other.email)


def is_email(text: str) -> bool:
    """True for something that can be an e-mail address."""
    if len(text) > _LONGEST_EMAIL:
        return False
    return is_noreply(text) or (_EMAIL.fullmatch(text) is not None and text.index("@") <= 64)


def has_email(commit: Commit) -> bool:
    """True when the commit's author has something that can be an e-mail address."""
    return is_email(commit.author.email)


def is_noreply(email: str) -> bool:
    """True for the addresses that GitHub makes up for people who keep theirs private: they are public."""
    return len(email) <= _LONGEST_EMAIL and _NOREPLY.fullmatch(email) is not None


def from_web_editor(commit: Commit) -> bool:
    """True when GitHub itself committed on the author's behalf, as its web editor does."""
    return _fold(commit.committer.email) == _WEB_EDITOR_EMAIL


def is_vouched_for(commit: Commit) -> bool:
    """True when a verified signature covers the author.

    A signature proves the committer only: anyone may sign a commit whose author is somebody else.
    So author and committer must be one, or GitHub must have committed for the author.
    """
    if not commit.verified:
        return False
    return from_web_editor(commit) or _fold(commit.author.email) == _fold(commit.committer.email)


def _names_one(who: Identity, people: Sequence[Identity]) -> bool:
    return any(_fold(who.name) == _fold(person.name) for person in people)


def _mails_one(who: Identity, people: Sequence[Identity]) -> bool:
    return any(_fold(who.email) == _fold(person.email) for person in people)


def _fold(text: str) -> str:
    return text.lower()
