"""What people say: comments, reviews, reactions, labels."""

from __future__ import annotations

from bot.simulator.conversation import Comment, Remark, Review
from bot.simulator.people_actors import Actors
from bot.simulator.repositories import Pull, Subject

OPINIONS = {"APPROVED", "CHANGES_REQUESTED"}


class Speakers(Actors):
    """Verbs of the conversation of a pull request."""

    async def comment(self, pull: Pull, author: str, body: str) -> Comment:
        """Write a comment."""
        return self._changes.add_comment(pull, self.state.account(author), body)

    async def edit_comment(self, comment: Comment, body: str, *, by: str | None = None) -> None:
        """Change the text of a comment; who may write to the repository may do so with anybody's."""
        self._changes.edit_comment(comment, body, self._person(by, comment.user))

    async def delete_comment(self, comment: Comment, *, by: str | None = None) -> None:
        """Remove a comment."""
        self._changes.delete_comment(comment, self._person(by, comment.user))

    async def react(self, to: Comment | Pull, login: str, content: str) -> None:
        """Give a reaction to a comment, or to the text of a pull request."""
        self._changes.react(to, self.state.account(login), content)

    async def review(
        self, pull: Pull, author: str, body: str, state: str = "COMMENTED", commit_id: str | None = None
    ) -> Review:
        """Submit a review of the head, or of the commit that the reviewer still had on the screen.

        Raises: ValueError where GitHub does not let the author of a pull request have an opinion on it.
        """
        user = self.state.account(author)
        if user is pull.user and state in OPINIONS:
            raise ValueError("GitHub lets nobody approve or request changes of their own pull request")
        return self._changes.add_review(pull, user, body, state, commit_id or pull.head_sha)

    async def remark(self, pull: Pull, author: str, path: str, line: int, body: str) -> Remark:
        """Comment on one line of a changed file."""
        return self._changes.add_remark(pull, self.state.account(author), path, line, body)

    async def edit_review(self, review: Review, body: str, *, by: str | None = None) -> None:
        """Change the text of a review."""
        self._changes.edit_review(review, body, self._person(by, review.user))

    async def dismiss_review(self, review: Review, *, by: str) -> None:
        """Let a review no longer count."""
        self._changes.dismiss_review(review, self.state.account(by))

    async def label(self, subject: Subject, name: str, *, by: str) -> None:
        """Put a label on a pull request or issue; "github-actions[bot]" is who a workflow acts as."""
        self._changes.add_labels(subject, [name], self.state.account(by))

    async def unlabel(self, subject: Subject, name: str, *, by: str) -> None:
        """Take a label off a pull request or issue."""
        label = next(label for label in subject.label_objects if label.name == name)
        self._changes.remove_label(subject, label, self.state.account(by))
