"""One table: which task is done by which rule."""

from __future__ import annotations

from collections.abc import Callable

from pipeline.tiny import judging, skills, writing
from pipeline.tiny.dice import Dice
from pipeline.tiny.prompt import Prompt

Rule = Callable[[Prompt, Dice], str]

RULES: dict[str, Rule] = {
    "": skills.answer,
    "precheck": skills.answer,
    "answer": skills.answer,
    "knowledge-questions": writing.knowledge_questions,
    "choices": writing.choices,
    "facts": writing.facts,
    "summary": writing.summary,
    "questions": skills.questions,
    "context-questions": skills.context_questions,
    "contexts": skills.contexts,
    "pairs": skills.pairs,
    "judge-faithful": judging.judge_faithful,
    "judge-relevant": judging.judge_relevant,
    "judge-alone": judging.judge_alone,
    "judge-question": judging.judge_question,
    "judge-pair": judging.judge_pair,
    "judge-answer": judging.judge_answer,
    "judge-pairwise": judging.judge_pairwise,
}


def reply_to(prompt: Prompt, seed: int, index: int) -> str:
    """Return what the offline teacher says to a prompt: always the same to the same seed and index of the choice.

    The marks of the fences have no say in it, so a prompt that is fenced anew gets the same reply.
    """
    rule = RULES.get(prompt.task)
    if rule is None:
        return skills.UNKNOWN
    return rule(prompt, Dice(prompt, seed, index))
