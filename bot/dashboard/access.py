"""Who looks, and what of a repository they may see and do."""

from __future__ import annotations

from dataclasses import dataclass, field

from bot.events import Account, Origin
from bot.roles import Role
from bot.store.sessions import Session
from checks.policy import Policy


@dataclass(frozen=True, slots=True)
class Access:
    """What one reader may see of one repository. Unsure means less.

    `is_doubtful` says that GitHub could not be asked, so that the reader may be shown less than is theirs.
    """

    origin: Origin
    is_public: bool
    role: Role = Role.OUTSIDER
    user_id: int = 0  # 0: nobody is signed in
    is_doubtful: bool = False
    policy: Policy = field(default_factory=Policy)  # in force there; the one of the house while that is unknown

    @property
    def reads(self) -> bool:
        """True for those who may read the pages of the repository."""
        return self.is_public or self.role >= Role.TRIAGER

    def is_account(self, author_id: int) -> bool:
        """Return whether the reader is that account."""
        return bool(self.user_id) and self.user_id == author_id

    def reads_pull(self, author_id: int) -> bool:
        """Return whether they may read about a pull request of that author."""
        return self.reads or self.is_account(author_id)

    def reads_data(self, author_id: int) -> bool:
        """Return whether they may see generated data, samples and logs of that author's pull request."""
        return self.role >= Role.TRIAGER or self.is_account(author_id)

    def reads_guesses(self, author_id: int) -> bool:
        """Return whether they may read what the rules keep back: triagers, but nobody about their own words."""
        return self.role >= Role.TRIAGER and not self.is_account(author_id)

    @property
    def triages(self) -> bool:
        """True for triagers and above."""
        return self.role >= Role.TRIAGER

    @property
    def maintains(self) -> bool:
        """True for maintainers."""
        return self.role >= Role.MAINTAINER


def account_of(session: Session) -> Account:
    """Return who is signed in, as events name them."""
    return Account(session.login, session.user_id)
