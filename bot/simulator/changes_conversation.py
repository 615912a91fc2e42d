"""What may happen in the conversation of a pull request: comments, reactions, reviews, labels."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from bot.simulator.accounts import Account
from bot.simulator.announcements import Announcer
from bot.simulator.conversation import Comment, Label, Reaction, Remark, Review
from bot.simulator.payloads import label_json
from bot.simulator.payloads_conversation import comment_json, remark_json, review_event_json
from bot.simulator.payloads_issues import issue_json
from bot.simulator.payloads_pulls import pull_summary_json
from bot.simulator.repositories import Pull, Repository, Subject

DEFAULT_LABEL_COLOR = "ededed"


class ConversationChanges(Announcer):
    """The acts that change what is said about a pull request."""

    def add_comment(self, subject: Subject, user: Account, body: str, *, by_app: bool = False) -> Comment:
        """Write a comment on a pull request or an issue."""
        state, now, association = self.state, self.state.now(), self._association(subject, user)
        comment = Comment(state.next_id(), subject, user, body, by_app, association, now, now, state.app_of(user))
        subject.comments.append(comment)
        subject.updated_at = now
        subject.repo.comments[comment.id] = comment
        state.nodes[comment.node_id] = comment
        self._tell_comment("created", comment, user)
        return comment

    def edit_comment(self, comment: Comment, body: str, sender: Account) -> None:
        """Change the text of a comment."""
        before, comment.body = comment.body, body
        comment.updated_at, comment.edited_by = self.state.now(), sender
        self._tell_comment("edited", comment, sender, changes={"body": {"from": before}})

    def delete_comment(self, comment: Comment, sender: Account) -> None:
        """Remove a comment."""
        comment.subject.comments.remove(comment)
        self.record(comment.subject, "comment_deleted", sender)
        del comment.subject.repo.comments[comment.id]
        del self.state.nodes[comment.node_id]
        self._tell_comment("deleted", comment, sender)

    def react(self, to: Comment | Pull, user: Account, content: str) -> tuple[Reaction, bool]:
        """Return the reaction of `user` and whether it is new; GitHub sends no webhook for it."""
        for known in to.given_reactions:
            if known.user is user and known.content == content:
                return known, False
        reaction = Reaction(self.state.next_id(), user, content, self.state.now())
        to.given_reactions.append(reaction)
        return reaction, True

    def add_review(self, pull: Pull, user: Account, body: str, verdict: str, commit_id: str) -> Review:
        """Submit a review; whoever was asked for one no longer is."""
        state = self.state
        association = self._association(pull, user)
        review = Review(state.next_id(), pull, user, body, verdict, commit_id, association, state.now())
        pull.reviews.append(review)
        pull.updated_at = review.submitted_at
        if user in pull.reviewers:
            pull.reviewers.remove(user)
        self._tell_review("submitted", review, user)
        return review

    def add_remark(self, pull: Pull, user: Account, path: str, line: int, body: str) -> Remark:
        """Comment on one line of a changed file; GitHub wraps it in a review without words of its own."""
        review = self.add_review(pull, user, "", "COMMENTED", pull.head_sha)
        return self.add_remark_to(review, path, line, body)

    def add_remark_to(
        self, review: Review, path: str, line: int, body: str, start_line: int | None = None
    ) -> Remark:
        """Comment on one line of a changed file, or on several, as part of a review."""
        pull = review.pull
        remark = Remark(self.state.next_id(), review, path, line, body, start_line)
        pull.remarks.append(remark)
        payload = {
            "action": "created",
            "comment": remark_json(self.state, remark),
            "pull_request": pull_summary_json(self.state, pull),
        }
        self.tell("pull_request_review_comment", pull.repo, review.user, payload)
        return remark

    def edit_review(self, review: Review, body: str, sender: Account) -> None:
        """Change the text of a review."""
        before, review.body = review.body, body
        review.edited_by, review.edited_at = sender, self.state.now()
        review.pull.updated_at = review.edited_at
        self._tell_review("edited", review, sender, changes={"body": {"from": before}})

    def dismiss_review(self, review: Review, sender: Account) -> None:
        """Let a review no longer count."""
        review.state = "DISMISSED"
        self.record(review.pull, "review_dismissed", sender, review_id=review.id)
        self._tell_review("dismissed", review, sender)

    def repository_label(self, repo: Repository, name: str, color: str, description: str | None) -> Label:
        """Add a label to a repository."""
        label = Label(self.state.next_id(), name, color, description)
        repo.labels[name.lower()] = label
        return label

    def add_labels(self, subject: Subject, names: Iterable[str], sender: Account) -> None:
        """Put labels on a pull request or issue; those the repository has not are made, in grey."""
        for name in names:
            label = subject.repo.labels.get(name.lower())
            if label is None:
                label = self.repository_label(subject.repo, name, DEFAULT_LABEL_COLOR, None)
            if label not in subject.label_objects:
                subject.label_objects.append(label)
                self._tell_label("labeled", subject, label, sender)

    def set_labels(self, subject: Subject, names: Iterable[str], sender: Account) -> None:
        """Put labels on a pull request or issue in place of those it has."""
        wanted = list(names)
        kept = {name.lower() for name in wanted}
        for label in [label for label in subject.label_objects if label.name.lower() not in kept]:
            self.remove_label(subject, label, sender)
        self.add_labels(subject, wanted, sender)

    def remove_label(self, subject: Subject, label: Label, sender: Account) -> None:
        """Take a label off a pull request or issue."""
        subject.label_objects.remove(label)
        self._tell_label("unlabeled", subject, label, sender)

    def _association(self, subject: Subject, user: Account) -> str:
        return subject.association if user is subject.user else self.state.association(subject.repo, user)

    def _tell_comment(self, action: str, comment: Comment, sender: Account, **more: Any) -> None:
        payload = {
            "action": action,
            "issue": issue_json(self.state, comment.subject),
            "comment": comment_json(self.state, comment),
        }
        self.tell("issue_comment", comment.subject.repo, sender, payload | more)

    def _tell_review(self, action: str, review: Review, sender: Account, **more: Any) -> None:
        payload = {
            "action": action,
            "review": review_event_json(self.state, review),
            "pull_request": pull_summary_json(self.state, review.pull),
        }
        self.tell("pull_request_review", review.pull.repo, sender, payload | more)

    def _tell_label(self, action: str, subject: Subject, label: Label, sender: Account) -> None:
        self.record(subject, action, sender, label=label)
        self.tell_subject(action, subject, sender, label=label_json(self.state, subject.repo, label))
