"""How to put right the commits that lack a sign-off: text to paste, git commands, and a word for next time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from checks import sign_offs
from checks.contribution import Commit, Identity, Sha


@dataclass(frozen=True, slots=True)
class RemediationText:
    """What one author pastes into one more commit: its title and its description."""

    author_name: str
    shas: tuple[Sha, ...]
    title: str
    description: str
    hides_email: bool  # True when the author must fill in an e-mail that we do not repeat in public


@dataclass(frozen=True, slots=True)
class SignOffAdvice:
    """How to put right all commits that fail, together.

    `remediation_texts` holds one text per author, empty where the policy does not take remediation or it cannot
    help. `rebase_depth` is N of `git rebase HEAD~N`.
    """

    failing: tuple[Sha, ...]
    remediation_texts: tuple[RemediationText, ...]
    rebase_depth: int
    made_in_web_editor: bool
    needs_new_author: bool  # True when a commit has no usable e-mail: a sign-off alone cannot help
    sign_off_line: str = ""  # the author's own, for next time; empty where the e-mail is not public

    @property
    def git_commands(self) -> tuple[str, ...]:
        """The same put right with git, to be typed in this order."""
        if self.needs_new_author:
            amend = "git commit --amend --no-edit --reset-author --signoff"
            rebase = f'git rebase HEAD~{self.rebase_depth} --exec "{amend}"'
            return ("git config user.email YOUR_EMAIL", rebase, "git push --force-with-lease")
        return (f"git rebase HEAD~{self.rebase_depth} --signoff", "git push --force-with-lease")

    @property
    def next_time(self) -> str:
        """How to avoid it next time, in a sentence."""
        if self.made_in_web_editor:
            line = self.sign_off_line or "Signed-off-by: NAME <E-MAIL>"
            return (
                f"Next time, write the line {line} into the web editor's description box; "
                "with git, git commit -s writes it for you."
            )
        return "Next time, let git write the line for you: git commit -s."


def build_advice(commits: Sequence[Commit], failing: Sequence[Commit], remediation_taken: bool) -> SignOffAdvice:
    """Return the advice for `failing`, some of `commits` (oldest first)."""
    remediable = [c for c in failing if sign_offs.has_email(c)] if remediation_taken else []
    return SignOffAdvice(
        failing=tuple(c.sha for c in failing),
        remediation_texts=tuple(_remediation_texts(remediable)),
        rebase_depth=_rebase_depth(commits, {c.sha for c in failing}),
        made_in_web_editor=any(sign_offs.from_web_editor(c) for c in failing),
        needs_new_author=any(not sign_offs.has_email(c) for c in failing),
        sign_off_line=_public_line({c.author for c in failing}),
    )


def _public_line(authors: set[Identity]) -> str:
    """Return the sign-off of the only author there is, when GitHub made up the address."""
    if len(authors) != 1:
        return ""
    author = next(iter(authors))
    if not sign_offs.is_noreply(author.email) or "@" in author.name or not author.name.strip():
        return ""
    return f"Signed-off-by: {' '.join(author.name.split())} <{author.email}>"


def _remediation_texts(commits: Iterable[Commit]) -> Iterator[RemediationText]:
    by_author: dict[tuple[str, str], list[Commit]] = {}
    for commit in commits:
        by_author.setdefault((commit.author.name, commit.author.email), []).append(commit)
    for (name, email), theirs in by_author.items():
        yield _remediation_text(name, email, tuple(c.sha for c in theirs))


def _remediation_text(name: str, email: str, shas: tuple[Sha, ...]) -> RemediationText:
    public = sign_offs.is_noreply(email)
    shown_name = "YOUR NAME" if "@" in name or not name.strip() else " ".join(name.split())
    who = f"{shown_name} <{email if public else 'YOUR EMAIL'}>"
    sentences = "\n".join(f"I, {who}, hereby add my Signed-off-by to this commit: {sha}" for sha in shas)
    return RemediationText(
        author_name=shown_name,
        shas=shas,
        title=f"DCO Remediation Commit for {shown_name}",
        description=f"{sentences}\n\nSigned-off-by: {who}",
        hides_email=not public,
    )


def _rebase_depth(commits: Sequence[Commit], failing: set[Sha]) -> int:
    """Return N such that HEAD~N lies before every failing commit, counted along the branch's first parents."""
    line = _first_parents(commits)
    places = [n for n, commit in enumerate(line, 1) if commit.sha in failing]
    if len(places) == len(failing):
        return places[-1]
    if line[-1].parents:  # some came in by a merge: all that the pull request adds to the branch's own line
        return len(line)
    return len(commits) - min(n for n, commit in enumerate(commits) if commit.sha in failing)


def _first_parents(commits: Sequence[Commit]) -> list[Commit]:
    """Return the newest commit, its first parent, and so on, as far as they belong to the contribution."""
    by_sha = {c.sha: c for c in commits}
    line = []
    current = by_sha.get(commits[-1].sha)
    while current is not None:
        line.append(by_sha.pop(current.sha))
        current = by_sha.get(current.parents[0]) if current.parents else None
    return line
