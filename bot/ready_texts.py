"""Ready words for frequent refusals and requests, with room for a sentence of one's own before them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.comments.escape import prose


@dataclass(frozen=True, slots=True)
class ReadyText:
    """Why something is refused or asked for, and the rule it comes from, as "RULE" or "RULE/KIND"."""

    text: str
    rule: str

    def with_link(self, rules_url: str) -> str:
        """Return the text as Markdown, with a link to the rule."""
        return f"{self.text} [The rule]({rules_url}#{self.rule.replace('/', '-')})"


_AVOIDED = "topics/avoided"

TOPICS: Mapping[str, ReadyText] = {
    "humour": ReadyText(
        "Jokes and poems are a matter of taste, and a model copies the taste of a few examples everywhere.",
        _AVOIDED,
    ),
    "maths": ReadyText(
        "Arithmetic and mathematics are learned in another way than from a handful of examples.", _AVOIDED
    ),
    "code": ReadyText("Programming is learned from large collections of code, not from single examples.", _AVOIDED),
    "advice": ReadyText(
        "Medical, financial and legal advice can do harm when a model gets it slightly wrong.", _AVOIDED
    ),
    "politics": ReadyText("Political and religious persuasion is left to people.", _AVOIDED),
    "violence": ReadyText("Violence and sexual content are outside of what this model is to talk about.", _AVOIDED),
    "conduct": ReadyText(
        "Insults, profanity and contempt for groups of people have no place here, whoever is made to say them.",
        _AVOIDED,
    ),
    "red-teaming": ReadyText(
        "How a model resists attacks is trained and tested as a whole; single examples of attacks make it weaker.",
        _AVOIDED,
    ),
    "knowledge": ReadyText(
        "This teaches facts: it belongs into the knowledge tree, with a document behind it.",
        "mixup/knowledge-in-skills",
    ),
    "proprietary": ReadyText(
        "Text made by a proprietary model may not be used to train another one.", "machine-written/model-named"
    ),
}

REQUESTS: Mapping[str, ReadyText] = {
    "few-examples": ReadyText(
        "A skill needs five seed examples, and knowledge five contexts with three questions each: from fewer, the "
        "teacher model cannot tell what they have in common. Different ones are better than many.",
        "counts",
    ),
    "no-attribution": ReadyText(
        "Each source has to be named in an attribution.txt beside the qna.yaml, with its title, link, licence and "
        "authors: they made what you build on, and without a licence nobody may use it.",
        "attribution",
    ),
    "model-names": ReadyText(
        "Please take out the names of proprietary models, and tell us where the text comes from: what such a model "
        "has written may not be used to train another one, so we need your own words.",
        "machine-written/model-named",
    ),
    "as-knowledge": ReadyText(
        "This asks for facts rather than for something to be done. Please move it below knowledge/ and name a "
        "document in which they stand; then all of it can be learned, not only what the examples say.",
        "mixup/knowledge-in-skills",
    ),
}


def topic_refused(name: str, sentence: str, rules_url: str) -> str:
    """Return what an author is told whose topic is not taken; `sentence` is a triager's own, shown as it is."""
    own = f"{prose(sentence)}\n\n" if sentence else ""
    ready = TOPICS[name].with_link(rules_url)
    return (
        f"Thank you for contributing! This topic is not taken at the moment.\n\n{own}{ready}"
        "\n\nAnother idea is welcome; `/question` calls a person if something is unclear."
    )


def change_requested(name: str, sentence: str, rules_url: str) -> str:
    """Return what an author is asked for in ready words, after a triager's own sentence if there is one."""
    own = f"{prose(sentence)}\n\n" if sentence else ""
    return f"{own}{REQUESTS[name].with_link(rules_url)}"
