"""Sign-off lines and remediation sentences as they stand in commit messages, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from checks.contribution import Commit, Identity

_LINE_END = re.compile(r"\r\n|[\n\r\u2028\u2029]")
_ATTEMPT = re.compile(r"sign(?:ed)?[\s_-]*off[\s_-]*by\b", re.IGNORECASE)
_SIGN_OFF = "signed-off-by: "
_INDIVIDUAL = "i, "
_THIRD_PARTY = "on behalf of "
_FOR_COMMIT = re.compile(r">, hereby add my Signed-off-by to this commit: ([0-9a-f]{40})\Z", re.IGNORECASE)
_FOR_COMMIT_LENGTH = len(">, hereby add my Signed-off-by to this commit: ") + 40
_AND_I = re.compile(r">, I, ", re.IGNORECASE)
_MOST_READ = 200_000  # characters of a message
_LONGEST_LINE = 1_000
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
    """Return the lines of a commit message, whatever ends them; of an endless message only the beginning."""
    return _LINE_END.split(message[:_MOST_READ])


def sign_offs(message: str) -> list[Identity]:
    """Return everyone whose well-formed sign-off stands at the start of a line of the message."""
    if "<" not in message:
        return []
    found = (_signer(line) for line in lines(message) if len(line) <= _LONGEST_LINE)
    return [who for who in found if who is not None]


def _signer(line: str) -> Identity | None:
    line = line.rstrip()
    if line[: len(_SIGN_OFF)].lower() != _SIGN_OFF or not line.endswith(">"):
        return None
    return _identity(line[len(_SIGN_OFF) : -1])


def _identity(text: str) -> Identity | None:
    """Read "NAME <E-MAIL", the closing bracket already taken away."""
    name, bracket, email = text.rpartition(" <")
    return Identity(name, email) if bracket else None


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
    return _ATTEMPT.search(commit.message, 0, _MOST_READ) is not None


def remediations(message: str) -> Iterator[Remediation]:
    """Yield every remediation sentence of the message, one a line."""
    for line in lines(message):
        if len(line) <= _LONGEST_LINE and (remediation := _remediation(line.strip())) is not None:
            yield remediation


def _remediation(sentence: str) -> Remediation | None:
    end = _FOR_COMMIT.search(sentence, max(0, len(sentence) - _FOR_COMMIT_LENGTH))
    if end is None:
        return None
    people, sha = sentence[: end.start()], end[1].lower()
    if people[: len(_INDIVIDUAL)].lower() == _INDIVIDUAL:
        me = _bracketed(people[len(_INDIVIDUAL) :])
        return Remediation(me, me, sha, third_party=False) if me else None
    if people[: len(_THIRD_PARTY)].lower() != _THIRD_PARTY:
        return None
    between = [m.span() for m in _AND_I.finditer(people)]
    if not between:
        return None
    author = _bracketed(people[len(_THIRD_PARTY) : between[-1][0]])
    signer = _bracketed(people[between[-1][1] :])
    return Remediation(author, signer, sha, third_party=True) if author and signer else None


def _bracketed(text: str) -> Identity | None:
    """Read "NAME <E-MAIL" where the e-mail holds no bracket of its own."""
    who = _identity(text)
    return None if who is None or "<" in who.email or ">" in who.email else who


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
