"""Words about putting right what is mechanical: the commit's message, and why there is none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from bot.comments.escape import code
from checks.contribution import Identity
from checks.repair import Repair

CLOSED = "This pull request is closed: there is nothing to put right."
NO_EDITS = (
    "I may not push to your branch: **Allow edits by maintainers**, at the right of this page, is off. Switch it "
    "on and write `/fix` once more, or do it yourself."
)
NOT_THEIRS = (
    "I did not push: this branch is not a contributor's own. It belongs to the repository, and people who may "
    "write there put it right themselves. What I would have changed:"
)
NO_BRANCH = "I cannot push: the repository that this came from is gone. What I would have changed:"
ONLY_WRITERS = (
    "The button is for people who may write to this repository. Its author and triagers can write `/fix` instead, "
    "which does the same."
)
OUR_FAULT = (
    "I could not find out what can be put right. That is our fault, not yours: `taxonomy-check --fix` on your own "
    "computer does the same."
)
_SUBJECT = "Put right what is mechanical"


def nothing(head_sha: str) -> str:
    """Say that there is nothing to do."""
    return f"There is nothing at {code(head_sha[:7])} that can be put right mechanically."


def moved_on(head_sha: str) -> str:
    """Say that somebody pushed meanwhile, so that nothing was done."""
    return (
        f"The branch moved meanwhile (it is at {code(head_sha[:7])} now), so I changed nothing, and nothing is "
        "lost. `/fix` looks at what is there now."
    )


def refused(status: int) -> str:
    """Say that GitHub does not let us push."""
    return f"GitHub does not let me push to your branch (it answered {status})."


def left_alone(paths: Sequence[str]) -> tuple[str, ...]:
    """Say which files were not touched because of what is in them."""
    if not paths:
        return ()
    named = ", ".join(code("/".join(path.split("/")[-2:])) for path in paths[:5])
    more = f" and {len(paths) - 5} more" if len(paths) > 5 else ""
    return (f"I left {named}{more} alone: personal data or a secret stand there, and have to be taken out first.",)


def pressed(login: str, said: Iterable[str]) -> str:
    """Answer whoever pressed the button, where there is anything to say."""
    return "\n\n".join((f"{code(login)}, about the button **Put it right**:", *said))


def commit_message(repairs: Iterable[Repair], asked_by: str, bot: Identity) -> str:
    """Return the message of our commit: what was put right, who asked, and our own sign-off.

    It holds no words of the contribution: only titles of causes, numbers, and a name that GitHub gave out.
    """
    titles: dict[str, str] = {}
    places: Counter[str] = Counter()
    for repair in repairs:
        for mended in repair.mended:
            titles[mended.cause.id] = mended.cause.title
            places[mended.cause.id] += mended.places
    lines = [f"- {titles[cause]} ({_places(count)})" for cause, count in places.items()]
    asked = f"Asked for by {asked_by}; made by rule, without anybody's judgement."
    return "\n".join((_SUBJECT, "", *lines, "", asked, "", f"Signed-off-by: {bot.name} <{bot.email}>"))


def _places(count: int) -> str:
    return f"{count} place{'' if count == 1 else 's'}"
