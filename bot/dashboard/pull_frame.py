"""What all pages of one pull request have in common: whose it is, how it stands, and the way between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from bot.dashboard.badges import Badge, badge_of
from bot.dashboard.visit import NotThereError, Shown, Visit
from bot.store.pull_requests import MOST_PULLS, PullMemory, PullRequestStore

_UNKNOWN = (
    "The bot knows no such pull request here. One shows up once the bot has looked at it, some seconds after it "
    "was opened."
)
_FOR_SOME = "The pages of this pull request are for its author and for triagers, approvers and maintainers."

TABS: Mapping[str, str] = {
    "": "Read",
    "/verdict": "Verdict",
    "/history": "History",
    "/evaluation": "Evaluation",
    "/samples": "Samples",
}


@dataclass(frozen=True, slots=True)
class Frame:
    """A pull request as its pages show it at the top."""

    memory: PullMemory
    root: str
    github: str  # its page on GitHub
    badge: Badge

    @property
    def number(self) -> int:
        """Its number."""
        return self.memory.number

    @property
    def title(self) -> str:
        """Its title, as its author wrote it."""
        return self.memory.title or f"Pull request {self.memory.number}"


async def framed(visit: Visit) -> Frame:
    """Return the pull request that the address names. Raises NotThereError, or SignInError where that may help."""
    memory = await PullRequestStore(visit.house.reads).get(visit.repository_id, visit.number("number", MOST_PULLS))
    if not visit.access.reads_pull(memory.author_id if memory else 0):
        raise visit.refusal(_FOR_SOME)
    if memory is None:
        raise NotThereError(_UNKNOWN)
    github = f"{visit.house.settings.github_web_url}/{visit.origin.full_name}/pull/{memory.number}"
    root = visit.path(f"/pulls/{memory.number}")
    badge = badge_of(visit, f"pull/{memory.number}.svg", f"/pulls/{memory.number}", "How the pull request stands")
    return Frame(memory, root, github, badge)


def shown_in(frame: Frame, tab: str, template: str, facts: Mapping[str, Any]) -> Shown:
    """Return a page of the pull request; `tab` is a key of TABS. Its template extends `pull_frame.html`."""
    tabs = [{"path": frame.root + rest, "heading": name, "is_here": rest == tab} for rest, name in TABS.items()]
    return Shown(template, {"frame": frame, "tabs": tabs, **facts}, f"#{frame.number} {frame.title}")
