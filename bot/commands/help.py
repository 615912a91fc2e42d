"""`/help`: what can be commanded, and by whom."""

from __future__ import annotations

from bot.commands.registry import RefusedError, all_commands, command, nearest
from bot.commands.situation import Effect, Say, Situation
from bot.comments.escape import code
from bot.roles import Role


@command(
    "help",
    usage="/help [command]",
    summary="List the commands that you may use, or explain one.",
    who=Role.OUTSIDER,
    examples=("/help", "/help hold"),
)
def help_(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """List what the asker may use; with a name, explain that command."""
    name = arguments.lower().removeprefix("/")
    if not name:
        return (Say(_overview(situation)),)
    known = all_commands().get(name)
    if known is None:
        near = nearest(name)
        raise RefusedError(
            f"There is no command {code('/' + name)}." + (f" Did you mean `/{near}`?" if near else "")
        )
    examples = ", ".join(f"`{example}`" for example in known.examples)
    return (Say(f"`{known.usage}`: {known.summary} Who may: {known.who_may}. For example: {examples}."),)


def _overview(situation: Situation) -> str:
    yours = [
        f"| {c.usage_cell} | {c.summary} |"
        for c in all_commands().values()
        if situation.role >= c.who or (c.author_too and situation.actor_is_author)
    ]
    return "\n".join(("What you may write here, each at the start of a line:\n", "| | |", "|---|---|", *yours))
