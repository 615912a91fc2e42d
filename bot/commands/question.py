"""`/question`: the author calls a person."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, Say, Situation
from bot.comments.escape import code, prose
from bot.roles import Role

_LONGEST = 5000  # escaped, it still fits into a comment


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
    asker = "the author" if situation.actor_is_author else code(situation.actor)
    return (Say(f"{teams or 'Triagers'}, {asker} has a question: {prose(arguments[:_LONGEST])}"),)
