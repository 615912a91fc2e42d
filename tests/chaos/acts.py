"""What people do on the pull requests of a proof: a script by a seed, and each act on a simulated GitHub.

The script is made so that a well-served repository ends in one state only, however late a webhook comes: what
judges the content names the commit, or is the last word on its pull request.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from random import Random

import yaml

from bot.simulator import Pull, Repository, Simulator
from tests.checks.contributions import a_skill, attribution

AUTHOR, TRIAGER, OUTSIDER = "ana", "tess", "otto"
_AT_ONCE = 30  # pull requests that people work on at the same time
_FEWEST, _MOST = 8, 12  # acts of one pull request
_NAMES = (
    "bog", "fen", "ash", "oak", "elm", "bay", "cay", "dun", "esk", "fir", "gap", "hop", "inn", "jay", "kip", "lea",
    "mew", "nab", "orr", "pen", "rye", "sal", "tor", "urn", "vale", "wye",
)  # fmt: skip


class Deed(StrEnum):
    """What somebody does; one webhook tells of each."""

    OPENS = "opens"
    PUSHES = "pushes"
    FORCES = "pushes by force"
    EDITS = "edits the title"
    SAYS = "says"
    LABELS = "labels"
    UNLABELS = "takes a label off"
    DRAFTS = "makes it a draft"
    READIES = "makes it ready"
    CLOSES = "closes"
    REOPENS = "reopens"
    RERUNS = "has the checks run again"


class Content(StrEnum):
    """What a push brings."""

    GOOD = "good"
    TOO_FEW = "too few examples"
    NO_SOURCES = "no attribution"
    UNSIGNED = "no sign-off"


@dataclass(frozen=True, slots=True)
class Act:
    """One act on one pull request. `SHA` in `words` is its newest commit."""

    number: int
    deed: Deed
    by: str = AUTHOR
    words: str = ""
    content: Content = Content.GOOD


def script(random: Random, pulls: int) -> list[list[Act]]:
    """Return the acts in waves, in which each pull request occurs at most once."""
    plots = iter([list(_plot(random, number)) for number in range(1, pulls + 1)])
    active = list(islice(plots, _AT_ONCE))
    waves = []
    while active:
        waves.append([plot.pop(0) for plot in active])
        active = [going for plot in active if (going := plot or next(plots, None))]
    return waves


def _plot(random: Random, number: int) -> Iterator[Act]:
    """Yield what happens to one pull request."""
    yield Act(number, Deed.OPENS, content=random.choice(list(Content)))
    most = random.randint(_FEWEST, _MOST) - 3
    middle = 0
    while middle < most:
        for act in random.choice(_EPISODES)(random, number):
            yield act
            middle += 1
    content = random.choice([Content.GOOD, Content.GOOD, *Content])
    yield Act(number, random.choice([Deed.PUSHES, Deed.FORCES]), content=content)
    yield Act(number, Deed.SAYS, *random.choice(_LAST_WORDS if content is Content.GOOD else _LAST_WORDS[1:]))


def _push(random: Random, number: int) -> Iterator[Act]:
    yield Act(number, random.choice([Deed.PUSHES, Deed.PUSHES, Deed.FORCES]), content=random.choice(list(Content)))


def _words(random: Random, number: int) -> Iterator[Act]:
    yield Act(number, Deed.SAYS, *random.choice(_WORDS))


def _title(random: Random, number: int) -> Iterator[Act]:
    yield Act(number, Deed.EDITS, words=f"Teach about {random.choice(_NAMES)} and {random.choice(_NAMES)}")


def _hold(random: Random, number: int) -> Iterator[Act]:
    """Hold it by commands, or by the label: of the two, only those of one kind are told apart by when they came."""
    if number % 2:
        yield Act(number, Deed.LABELS, TRIAGER, "hold")
        yield Act(number, Deed.UNLABELS, TRIAGER, "hold")
        return
    yield Act(number, Deed.SAYS, TRIAGER, "/hold until the source is clear")
    if random.random() < 0.7:
        yield Act(number, Deed.SAYS, TRIAGER, "/unhold")


def _draft(random: Random, number: int) -> Iterator[Act]:
    yield Act(number, Deed.DRAFTS)
    yield Act(number, Deed.READIES)


def _closed(random: Random, number: int) -> Iterator[Act]:
    yield Act(number, Deed.CLOSES)
    yield Act(number, Deed.REOPENS)


def _rerun(random: Random, number: int) -> Iterator[Act]:
    yield Act(number, Deed.RERUNS)


_EPISODES: tuple[Callable[[Random, int], Iterator[Act]], ...] = (
    _push, _push, _words, _words, _title, _hold, _hold, _draft, _closed, _rerun,
)  # fmt: skip
_WORDS = (
    (AUTHOR, "I have looked at the second example again."),
    (OUTSIDER, "Nice birds!"),
    (OUTSIDER, "/help"),
    (AUTHOR, "/frobnicate"),
    (OUTSIDER, "/hold"),
    (OUTSIDER, "/triage-approve SHA"),
    (TRIAGER, "/label reviewed-by-tess"),
    (TRIAGER, "/assign @tess"),
)
_LAST_WORDS = (
    (TRIAGER, "/triage-approve SHA"),
    (TRIAGER, "/request-changes SHA"),
    (TRIAGER, "/uncertain"),
    (TRIAGER, "/reject SHA it is about a made-up bird"),
    (OUTSIDER, "/help"),
)


class Stage:
    """Where the acts are done: one simulated repository, and its pull requests by number."""

    def __init__(self, github: Simulator, repo: Repository) -> None:
        self.github = github
        self.repo = repo
        self.pulls: dict[int, Pull] = {}
        self.commits: dict[int, list[str]] = {}  # of each pull request, oldest first
        repo.permissions[TRIAGER] = "triage"

    async def perform(self, act: Act) -> None:
        "Do one act; GitHub tells the bots of it."
        if act.deed is Deed.OPENS:
            pull = await self.github.open_pull(
                self.repo, author=act.by, files=_files(act.number, 0, act.content),
                title=f"Teach about {act.number}",                sign_off=act.content is not Content.UNSIGNED,
            )  # fmt: skip
            assert pull.number == act.number, "pull requests are opened in the order of the script"
            self.pulls[pull.number], self.commits[pull.number] = pull, [pull.head_sha]
            return
        pull = self.pulls[act.number]
        words = act.words.replace("SHA", pull.head_sha)
        match act.deed:
            case Deed.PUSHES | Deed.FORCES:
                files = _files(act.number, len(self.commits[act.number]), act.content)
                is_signed = act.content is not Content.UNSIGNED
                await self.github.push(pull, files, sign_off=is_signed, force=act.deed is Deed.FORCES)
                self.commits[act.number].append(pull.head_sha)
            case Deed.EDITS:
                await self.github.edit_pull(pull, title=words)
            case Deed.SAYS:
                await self.github.comment(pull, act.by, words)
            case Deed.LABELS:
                await self.github.label(pull, words, by=act.by)
            case Deed.UNLABELS if words in pull.labels:
                await self.github.unlabel(pull, words, by=act.by)
            case Deed.DRAFTS:
                await self.github.convert_to_draft(pull)
            case Deed.READIES:
                await self.github.mark_ready(pull)
            case Deed.CLOSES:
                await self.github.close_pull(pull)
            case Deed.REOPENS:
                await self.github.reopen_pull(pull)
            case Deed.RERUNS:
                await self.github.rerequest_check_suite(self.repo, pull.head_sha, by=TRIAGER)


def _files(number: int, version: int, content: Content) -> Mapping[str, str | None]:
    """Return the two files of a skill about things that no other pull request speaks of."""
    folder = f"compositional_skills/writing/freeform/{_name(number)}"
    random = Random(f"{number} {version if content is Content.GOOD else 'bad'}")
    leaf = yaml.safe_load(a_skill(seed_examples=3 if content is Content.TOO_FEW else 5))
    for seed in leaf["seed_examples"]:
        about = " ".join(
            f"{random.choice(_NAMES)}{random.choice(_NAMES)}{random.choice(_NAMES)}" for _ in range(12)
        )
        seed["question"], seed["answer"] = f"What is said of {about}?", f"That {about[::-1]} is what people say."
    text = a_skill(seed_examples=leaf["seed_examples"], task_description=f"Tell about {_name(number)}.")
    sources = None if content is Content.NO_SOURCES else attribution()
    return {f"{folder}/qna.yaml": text, f"{folder}/attribution.txt": sources}


def _name(number: int) -> str:
    return f"birds_of_{_NAMES[number % len(_NAMES)]}_{number}"
