"""Templates: a chat in a model's own notation, and for each of its tokens whether the loss counts it.

Counted is what the assistant says, with the mark that ends its turn: it has to learn to stop. Never counted is what
the template writes for roles. With `unmask` the contents of the other messages count, too.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jinja2.exceptions import TemplateError as JinjaError

from pipeline.training.errors import TemplateError
from pipeline.training.samples import LeftOut, Message, Sample

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_AT_ONCE = 512
_MARK = "\ue000{}\ue001"  # stands for the content of a message; no text has these characters in such an order

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A sample as tokens. `counted[i]` says whether the loss counts token i, foretold by those before it."""

    id: str
    tokens: tuple[int, ...]
    counted: tuple[bool, ...]

    def __len__(self) -> int:
        return len(self.tokens)


class ChatTemplate:
    """A tokenizer and its chat template. Raises TemplateError for a tokenizer that cannot be used."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        where = tokenizer.name_or_path or "the model"
        if not tokenizer.chat_template:
            raise TemplateError(
                f"{where}: its tokenizer has no chat template, so nobody knows how chats are written for it. Take "
                "the instruct variant of the model, or put its chat_template.jinja beside the tokenizer."
            )
        if not tokenizer.is_fast:
            raise TemplateError(
                f"{where}: its tokenizer does not tell which characters a token stands for. "
                "A tokenizer.json is needed."
            )
        self._tokenizer = tokenizer
        self._control = control_tokens(tokenizer)
        self._longest_token = longest_token(tokenizer)
        self._check(where)

    def encode(self, samples: Sequence[Sample], longest: int, left_out: LeftOut) -> list[Encoded]:
        """Return the samples as tokens, in order; those that cannot be, or are too long, go to `left_out`."""
        encoded: list[Encoded] = []
        for batch in _batched(samples, _AT_ONCE):
            spoken = [
                (sample, *spans)
                for sample in batch
                if self._may_fit(sample, longest, left_out) and (spans := self._spans(sample, left_out))
            ]
            if not spoken:
                continue
            read = self._tokenizer(
                [text for _, text, _ in spoken], add_special_tokens=False, return_offsets_mapping=True
            )
            for (sample, _, counted), tokens, offsets in zip(
                spoken, read["input_ids"], read["offset_mapping"], strict=True
            ):
                if len(tokens) > longest:
                    left_out.add(_too_long(longest), sample.place or sample.id)
                    continue
                encoded.append(Encoded(sample.id, tuple(tokens), tuple(_inside(offsets, counted))))
        return encoded

    def _may_fit(self, sample: Sample, longest: int, left_out: LeftOut) -> bool:
        """Return whether a chat can fit by its characters: huge ones are not even cut into tokens."""
        if sum(len(message.content) for message in sample.messages) <= longest * self._longest_token:
            return True
        left_out.add(_too_long(longest), sample.place or sample.id)
        return False

    def _spans(self, sample: Sample, left_out: LeftOut) -> tuple[str, list[Span]] | None:
        """Return the text of a chat and the spans in it that count, or None."""
        place = sample.place or sample.id
        if any(control in message.content for message in sample.messages for control in self._control):
            left_out.add("a message holds a control token of the model", place)
            return None
        try:
            text, counted = self._read_back(sample)
        except JinjaError as error:
            left_out.add(f"the chat template refuses it: {str(error)[:120]}", place)
            return None
        except TemplateError as error:
            left_out.add(str(error), place)
            return None
        return text, counted

    def _read_back(self, sample: Sample) -> tuple[str, list[Span]]:
        text = self._render(sample.messages)
        spans = [self._turn(text, sample.messages, at) for at in _answers(sample.messages)]
        if sample.unmask:
            spans += self._contents(text, sample.messages)
        return text, spans

    def _turn(self, text: str, messages: Sequence[Message], at: int) -> Span:
        """Return the span of what the assistant says in message `at`, with the mark that ends it."""
        before = self._render(messages[:at], asks=True)
        upto = self._render(messages[: at + 1])
        if not (upto.startswith(before) and text.startswith(upto)):
            raise TemplateError("the chat template writes earlier messages anew when later ones come")
        return len(before), len(upto.rstrip())  # a line break behind the mark is nothing to learn

    def _contents(self, text: str, messages: Sequence[Message]) -> list[Span]:
        """Return the spans of what the others say: all that the template did not write itself."""
        marked = [Message(m.role, _MARK.format(number)) for number, m in enumerate(messages)]
        skeleton = self._render(marked)
        for contents in ([m.content for m in messages], [m.content.strip() for m in messages]):
            spans, built = _filled(skeleton, contents)
            if built == text:
                return [span for span, message in zip(spans, messages, strict=True) if message.role != "assistant"]
        raise TemplateError("the chat template changes what is said, so roles cannot be told from contents")

    def _render(self, messages: Sequence[Message], *, asks: bool = False) -> str:
        said = [message.said() for message in messages]
        if not said:
            return ""
        text = self._tokenizer.apply_chat_template(said, tokenize=False, add_generation_prompt=asks)
        return str(text)

    def _check(self, where: str) -> None:
        """Try the template on the plainest chat. Raises TemplateError."""
        plain = Sample("", (Message("user", "What is it?"), Message("assistant", "An owl.")))
        try:
            text, spans = self._read_back(plain)
        except JinjaError as error:
            raise TemplateError(
                f"{where}: its chat template cannot be used for a question and an answer: {error}. Replace "
                "chat_template.jinja by the one that its makers publish."
            ) from None
        except TemplateError as error:
            raise TemplateError(f"{where}: {error}. Replace it by one that writes each message once.") from None
        counted = "".join(text[start:end] for start, end in spans)
        if "What is it?" not in text or "An owl." not in counted or "What is it?" in counted:
            raise TemplateError(f"{where}: its chat template leaves out what is said. Replace chat_template.jinja.")


def _answers(messages: Sequence[Message]) -> Iterator[int]:
    return (at for at, message in enumerate(messages) if message.role == "assistant")


def _filled(skeleton: str, contents: Sequence[str]) -> tuple[list[Span], str]:
    """Return where each content comes to stand when the marks of a skeleton are replaced, and the text then."""
    spans, built, rest = [], "", skeleton
    for number, content in enumerate(contents):
        head, mark, rest = rest.partition(_MARK.format(number))
        if not mark:
            return [], ""
        spans.append((len(built) + len(head), len(built) + len(head) + len(content)))
        built += head + content
    return spans, built + rest


def _inside(offsets: Sequence[Span], counted: Sequence[Span]) -> Iterator[bool]:
    """Yield for each token whether all of it lies in a span; one that also holds a role's text does not."""
    spans = sorted(counted)
    at = 0
    for start, end in offsets:
        while at < len(spans) and spans[at][1] <= start:
            at += 1
        yield at < len(spans) and start < end and spans[at][0] <= start and end <= spans[at][1]


def _too_long(longest: int) -> str:
    return f"longer than {longest} tokens"


def longest_token(tokenizer: PreTrainedTokenizerBase) -> int:
    """Return how many characters a token stands for at most."""
    return max(map(len, tokenizer.get_vocab()), default=1)


def control_tokens(tokenizer: PreTrainedTokenizerBase) -> tuple[str, ...]:
    """Return what would be read as a role or an end of turn, if somebody wrote it into a message."""
    template = str(tokenizer.chat_template)
    added = tokenizer.added_tokens_decoder.values()
    return tuple(sorted(t.content for t in added if t.content.strip() and (t.special or t.content in template)))


def _batched(samples: Sequence[Sample], size: int) -> Iterator[list[Sample]]:
    each = iter(samples)
    while batch := list(itertools.islice(each, size)):
        yield batch
