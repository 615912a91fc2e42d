"""`/question`: the author calls a person."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, Say, Situation
from bot.comments.escape import prose
from bot.roles import Role


@command(
    "question",
    usage="/question TEXT",
    summary="Call a person: the triage team is told of your question.",
    who=Role.TRIAGER,
    author_too=True,
    examples=("/question which licence fits a text of my own?",),
)
def question(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Tell the triage team; without a team configured, whoever reads the pull request."""
    if not arguments:
        raise RefusedError("Write your question behind the command: `/question TEXT`.")
    teams = " ".join(f"@{situation.organisation}/{slug}" for slug in situation.policy.teams.triagers)
    return (Say(f"{teams or 'Triagers'}, the author has a question: {prose(arguments)}"),)
