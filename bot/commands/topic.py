"""`/topic`: the topic is not accepted, in kind ready words."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, Fire, Say, Situation
from bot.comments.escape import code
from bot.labels import Label
from bot.roles import Role
from bot.workflow import Trigger

_TEXTS = {
    "humour": "Jokes and poems are a matter of taste, and a model copies the taste of a few examples everywhere.",
    "maths": "Arithmetic and mathematics are learned in another way than from a handful of examples.",
    "code": "Programming is learned from large collections of code, not from single examples.",
    "advice": "Medical, financial and legal advice can do harm when a model gets it slightly wrong.",
    "politics": "Political and religious persuasion is left to people.",
    "violence": "Violence and sexual content are outside of what this model is to talk about.",
    "knowledge": "This teaches facts: it belongs into the knowledge tree, with a document behind it.",
    "proprietary": "Text made by a proprietary model may not be used to train another one.",
}


@command(
    "topic",
    usage="/topic TOPIC",
    summary=f"Say that the topic is not accepted, in ready words. Topics: {', '.join(_TEXTS)}.",
    who=Role.TRIAGER,
    about_content=True,
    labels=((Label.TOPIC_FAILURE, True),),
    examples=("/topic maths", "/topic humour"),
)
def topic(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Reject for the topic, with the ready text of it."""
    if situation.label_set:
        told = (
            "Thank you for contributing! A triager has decided, by a label, that this topic is not taken at the "
            "moment. The reason will follow in a comment; `/question` calls a person.\n\n"
            f"{code(situation.actor)}: please tell the author why, by `/topic TOPIC`."
        )
        return (Fire(Trigger.REFUSE_TOPIC), Say(told))
    text = _TEXTS.get(arguments.lower())
    if text is None:
        raise RefusedError(f"Which topic? `/topic` takes one of: {', '.join(_TEXTS)}.")
    reply = (
        f"Thank you for contributing! This topic is not taken at the moment. {text}\n\n"
        "Another idea is welcome; `/question` calls a person if something is unclear."
    )
    return (Fire(Trigger.REFUSE_TOPIC), Say(reply))
