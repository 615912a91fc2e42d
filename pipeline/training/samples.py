"""Samples: chat rows from files, each for its split; what cannot be used is counted by why, not lost in silence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipeline.datasets import DatasetError, is_text, read_jsonl
from pipeline.sdg.rows import Split
from pipeline.training.errors import SamplesError

_FILES = ("samples.jsonl", "train.jsonl", "dev.jsonl")
_ROLES = ("system", "user", "assistant")
_NAMED = 5  # samples that a report names for each reason


@dataclass(frozen=True, slots=True)
class Message:
    """What one side of a chat says."""

    role: str
    content: str

    def said(self) -> dict[str, str]:
        """Return it as chat templates take it."""
        return {"role": self.role, "content": self.content}


@dataclass(frozen=True, slots=True)
class Sample:
    """A chat to learn from. `unmask` lets the loss count what the others say, too."""

    id: str
    messages: tuple[Message, ...]
    unmask: bool = False
    place: str = ""  # file and line, for messages to people


@dataclass(slots=True)
class LeftOut:
    """Samples that are not trained on: how many for each reason, and the first of them by name."""

    counts: Counter[str] = field(default_factory=Counter)
    named: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, name: str) -> None:
        """Count one."""
        self.counts[reason] += 1
        names = self.named.setdefault(reason, [])
        if len(names) < _NAMED:
            names.append(name)

    def lines(self) -> list[str]:
        """Return one sentence for each reason."""
        return [
            f"{count} of the samples left out: {reason} ({', '.join(self.named[reason])}"
            f"{', ...' if count > len(self.named[reason]) else ''})"
            for reason, count in sorted(self.counts.items())
        ]


def files_of(data: Sequence[Path]) -> list[Path]:
    """Return the files of samples that are meant: files themselves, and those in folders, in order.

    Raises SamplesError where there are none.
    """
    found: list[Path] = []
    for path in data:
        here = sorted(file for name in _FILES for file in path.rglob(name)) if path.is_dir() else [path]
        if not here or not here[0].is_file():
            raise SamplesError(
                f"{path}: there are no samples here. Name a JSONL file of chats, or a folder with one of "
                f"{', '.join(_FILES)} in it, as `taxonomy-pipeline generate` writes it."
            )
        found += here
    return list(dict.fromkeys(found))


def read_samples(files: Sequence[Path]) -> tuple[dict[Split, list[Sample]], LeftOut]:
    """Return the samples of each split, and what is no sample. Raises SamplesError for a file that is none."""
    samples: dict[Split, list[Sample]] = {split: [] for split in Split}
    left_out = LeftOut()
    for place, row in _rows(files):
        sample = _sample(row, place)
        split = _split(row)
        if isinstance(sample, str):
            left_out.add(sample, place)
        elif split is None:
            left_out.add(f"metadata.split is none of {', '.join(Split)}", place)
        else:
            samples[split].append(sample)
    return samples, left_out


def _rows(files: Sequence[Path]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for file in files:
        try:
            for number, row in enumerate(read_jsonl(file), start=1):
                yield f"{file.name}, row {number}", row
        except DatasetError as error:
            raise SamplesError(str(error)) from None
        except OSError as error:
            raise SamplesError(f"{file} cannot be read: {error.strerror}.") from None


def _split(row: Mapping[str, Any]) -> Split | None:
    metadata = row.get("metadata")
    said = metadata.get("split", Split.TRAIN) if isinstance(metadata, dict) else Split.TRAIN
    return Split(said) if said in tuple(Split) else None


def _sample(row: Mapping[str, Any], place: str) -> Sample | str:
    """Return the sample of a row, or why it is none."""
    messages = row.get("messages")
    if not isinstance(messages, list) or not messages:
        return "there are no messages"
    if not all(_is_message(message) for message in messages):
        return f"a message is not a role ({', '.join(_ROLES)}) with content"
    if not all(is_text(message["content"]) for message in messages):
        return "a message holds half a character (a lone surrogate)"
    unmask = row.get("unmask", False)
    if not isinstance(unmask, bool):
        return "unmask is neither true nor false"
    if not any(message["role"] == "assistant" and message["content"].strip() for message in messages):
        return "the assistant says nothing"
    name = row.get("id")
    said = tuple(Message(message["role"], message["content"]) for message in messages)
    return Sample(name if isinstance(name, str) else place, said, unmask, place)


def _is_message(message: Any) -> bool:
    return isinstance(message, dict) and message.get("role") in _ROLES and isinstance(message.get("content"), str)
