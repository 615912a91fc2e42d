"""`/topic`: the topic is not accepted, in kind ready words."""

from __future__ import annotations

from bot.commands.registry import RefusedError, command
from bot.commands.situation import Effect, Fire, Say, Situation
from bot.comments.escape import code
from bot.labels import Label
from bot.ready_texts import TOPICS, topic_refused
from bot.roles import Role
from bot.workflow import Trigger


@command(
    "topic",
    usage="/topic TOPIC [a sentence of your own]",
    summary=f"Say that the topic is not accepted, in ready words. Topics: {', '.join(TOPICS)}.",
    who=Role.TRIAGER,
    about_content=True,
    labels=((Label.TOPIC_FAILURE, True),),
    examples=("/topic maths", "/topic humour Your limericks made me smile, but they would make the model rhyme."),
)
def topic(situation: Situation, arguments: str) -> tuple[Effect, ...]:
    """Reject for the topic, with the ready text of it after whatever the triager says in their own words."""
    if situation.label_set:
        told = (
            "Thank you for contributing! A triager has decided, by a label, that this topic is not taken at the "
            "moment. The reason will follow in a comment; `/question` calls a person.\n\n"
            f"{code(situation.actor)}: please tell the author why, by `/topic TOPIC`."
        )
        return (Fire(Trigger.REFUSE_TOPIC), Say(told))
    named, _, sentence = arguments.strip().partition(" ")
    name = named.lower().rstrip(":,")
    if name not in TOPICS:
        raise RefusedError(f"Which topic? `/topic` takes one of: {', '.join(TOPICS)}.")
    reply = topic_refused(name, sentence.strip(), situation.policy.messages.rules_url)
    return (Fire(Trigger.REFUSE_TOPIC), Say(reply))
