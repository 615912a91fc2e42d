"""Prompts: a conversation in the model's own notation, as tokens, if it fits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jinja2.exceptions import TemplateError

from pipeline.datasets import is_text
from pipeline.serving.wanted import PromptError, TooLongError
from pipeline.teacher_messages import ChatMessage
from pipeline.training.errors import StudentError
from pipeline.training.templates import control_tokens, longest_token

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_ROLES = {"developer": "system"}  # a newer word for the same


class Prompts:
    """A tokenizer, and how many tokens prompt and answer may have together. Only one thread may use it.

    Raises StudentError for a tokenizer that has no chat template.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, limit: int) -> None:
        if not tokenizer.chat_template:
            raise StudentError(
                f"{tokenizer.name_or_path}: its tokenizer has no chat template, so nobody knows how chats are "
                "written for it. Take the instruct variant, or put its chat_template.jinja beside the tokenizer."
            )
        self.tokenizer = tokenizer
        self.limit = limit
        self._control = control_tokens(tokenizer)
        self._most_characters = limit * longest_token(tokenizer)

    def chat(self, messages: Sequence[ChatMessage]) -> tuple[int, ...]:
        """Return a conversation as tokens, up to where the assistant speaks. Raises PromptError.

        A message that holds a control token is refused: the model would take it for a role or the end of a turn.
        """
        for at, message in enumerate(messages):
            for control in self._control:
                if control in message.content:
                    raise PromptError(
                        f"messages[{at}] holds {control}, a control token of this model, which would be read as a "
                        "role or the end of a turn. Write it in another way."
                    )
        said = [{"role": _ROLES.get(m.role, m.role), "content": m.content} for m in messages]
        try:
            text = self.tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=True)
        except (TemplateError, TypeError, KeyError) as error:
            raise PromptError(f"The model's chat template refuses these messages: {str(error)[:200]}") from None
        return self._tokens(str(text), with_start=False)

    def plain(self, text: str) -> tuple[int, ...]:
        """Return a text to go on with, as tokens. Raises PromptError."""
        if not (tokens := self._tokens(text, with_start=True)):
            raise PromptError("The prompt is empty: there is nothing to go on with.")
        return tokens

    def _tokens(self, text: str, *, with_start: bool) -> tuple[int, ...]:
        if not is_text(text):
            raise PromptError("The prompt holds half a character (a lone surrogate): no model can read that.")
        if len(text) > self._most_characters:
            raise TooLongError(
                f"The prompt has {len(text)} characters, and the model holds {self.limit} tokens in all: it is not "
                "even cut into tokens."
            )
        return tuple(self.tokenizer(text, add_special_tokens=with_start)["input_ids"])

    def room_for(self, prompt: Sequence[int], max_tokens: int | None) -> int:
        """Return how many tokens the answer may have. Raises TooLongError when prompt and answer do not fit."""
        room = self.limit - len(prompt)
        if room < 1 or (max_tokens is not None and max_tokens > room):
            answer = f" and {max_tokens} were wanted for the answer" if max_tokens is not None else ""
            fits = (
                f"the prompt may have {self.limit - (max_tokens or 1)}"
                if (max_tokens or 1) < self.limit
                else f"the answer may have {max(room, 0)}"
            )
            raise TooLongError(
                f"The prompt has {len(prompt)} tokens{answer}, and the model holds {self.limit} in all: {fits}."
            )
        return room if max_tokens is None else max_tokens
