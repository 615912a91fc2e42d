"""Flows: which blocks a leaf's rows go through, in which order; read strictly from YAML files, ours or others'."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from checks import yaml_tree
from checks.yaml_tree import YamlDocument
from pipeline.sdg.blocks import Block, all_blocks
from pipeline.sdg.prompts import Prompt, PromptError, read_prompt

FOLDER = Path(__file__).parent / "flows"
_Choice = TypeVar("_Choice", bound=StrEnum)
_Model = TypeVar("_Model", bound=BaseModel)
_LARGEST = 200_000  # bytes of a flow's file
_WRONG = {  # in words that need no Python; for the others the reader's own do
    "missing": "this key is needed",
    "string_type": "this has to be a text: put it between quotes",
    "tuple_type": "this has to be a list",
    "model_type": "this has to be a list of keys with their values",
}


class FlowError(Exception):
    """A flow cannot be used; the text names the file, the line and what to put right."""


class Start(StrEnum):
    """What the first rows are made of, and so which texts they have."""

    SEEDS = "seeds"  # one row a seed example: skill, examples, context (may be empty)
    CHUNKS = "chunks"  # one row for each passage of the document with each seed example: also document, heading
    PASSAGES = "passages"  # one row a passage: document, heading


class Makes(StrEnum):
    """What the last rows become."""

    SAMPLES = "samples"  # to train on: question and answer
    QUESTIONS = "questions"  # to measure with: question, option_a to option_d, gold


_GIVEN = {
    Start.SEEDS: frozenset({"skill", "examples", "context"}),
    Start.CHUNKS: frozenset({"skill", "examples", "context", "document", "heading"}),
    Start.PASSAGES: frozenset({"document", "heading"}),
}
_WANTED = {
    Makes.SAMPLES: frozenset({"question", "answer"}),
    Makes.QUESTIONS: frozenset({"question", "option_a", "option_b", "option_c", "option_d", "gold"}),
}


class _Head(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$")]
    about: Annotated[str, Field(max_length=500)] = ""
    start: str
    makes: str = Makes.SAMPLES.value
    samples_per_seed: Annotated[int, Field(ge=1, le=10_000)] = 30
    blocks: Annotated[tuple[Any, ...], Field(min_length=1, max_length=50)]


@dataclass(frozen=True)
class Flow:
    """One flow. `samples_per_seed` is how many samples of a seed example are kept at most."""

    name: str
    about: str
    start: Start
    makes: Makes
    samples_per_seed: int
    blocks: tuple[Block, ...]
    prompts: Mapping[str, Prompt]

    @cached_property
    def sha256(self) -> str:
        """The digest of everything in the flow that decides what comes out of it."""
        said = {
            "start": self.start,
            "makes": self.makes,
            "samples_per_seed": self.samples_per_seed,
            "blocks": [block.model_dump(mode="json") for block in self.blocks],
            "prompts": {name: prompt.sha256 for name, prompt in self.prompts.items()},
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def given_texts(start: Start) -> frozenset[str]:
    """Return which texts the first rows have."""
    return _GIVEN[start]


def flow_names() -> list[str]:
    """Return the names of our own flows."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def read_flow(name_or_path: str) -> Flow:
    """Return one of our flows by its name, or the one in a file. Raises FlowError with every mistake."""
    path = FOLDER / f"{name_or_path}.yaml"
    if name_or_path not in flow_names():
        path = Path(name_or_path)
        if not path.is_file():
            near = difflib.get_close_matches(name_or_path[:60], flow_names(), n=1)
            hint = f' Did you mean "{near[0]}"?' if near else ""
            raise FlowError(
                f'There is no flow "{name_or_path[:60]}".{hint} There are: {", ".join(flow_names())}. '
                "Or name a file."
            )
    if path.stat().st_size > _LARGEST:
        raise FlowError(f"{path}: this is too large for a flow.")
    try:
        return parse_flow(path.read_text(encoding="utf-8"), path)
    except UnicodeDecodeError:
        raise FlowError(f"{path}: this is not text in UTF-8.") from None


def parse_flow(text: str, path: Path) -> Flow:
    """Return the flow that a text describes; its own prompts lie beside it. Raises FlowError."""
    document = yaml_tree.parse(text)
    if document.syntax is not None:
        raise FlowError(f"{path}, line {document.syntax.mark.line}: this is not YAML: {document.syntax.problem}")
    if document.root is None or document.aliases or document.too_deep or document.too_large:
        raise FlowError(f"{path}: this is no flow (empty, nested too deeply, or with aliases).")
    data = yaml_tree.to_data(document.root)
    if isinstance(data, dict) and isinstance(data.get("blocks"), list):
        data["blocks"] = tuple(data["blocks"])
    head = _validated(_Head, data, (), document, path)
    blocks = tuple(_block(each, ("blocks", i), document, path) for i, each in enumerate(head.blocks))
    start = _choice(Start, head.start, "start", document, path)
    makes = _choice(Makes, head.makes, "makes", document, path)
    prompts = _prompts(blocks, path)
    _check_texts(start, makes, blocks, prompts, document, path)
    return Flow(head.name, head.about, start, makes, head.samples_per_seed, blocks, prompts)


def _block(data: object, place: tuple[Any, ...], document: YamlDocument, path: Path) -> Block:
    if not isinstance(data, dict) or "block" not in data:
        raise FlowError(f'{_where(place, document, path)}each block has to have a "name" and a "block".')
    kind = str(data["block"])
    if kind not in all_blocks():
        raise FlowError(_where((*place, "block"), document, path) + _no_such("block", kind, all_blocks()))
    as_tuples = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
    return _validated(all_blocks()[kind], as_tuples, place, document, path)


def _choice(kind: type[_Choice], value: str, key: str, document: YamlDocument, path: Path) -> _Choice:
    if value not in list(kind):
        raise FlowError(_where((key,), document, path) + _no_such(key, value, list(kind)))
    return kind(value)


def _prompts(blocks: Iterable[Block], path: Path) -> dict[str, Prompt]:
    folder = None if path.parent == FOLDER else path.parent
    try:
        prompts = {name: read_prompt(name, folder) for block in blocks for name in block.prompt_names()}
        for prompt in prompts.values():
            prompt.try_out()
    except PromptError as error:
        raise FlowError(f"{path}: {error}") from None
    return prompts


def _check_texts(
    start: Start,
    makes: Makes,
    blocks: tuple[Block, ...],
    prompts: Mapping[str, Prompt],
    document: YamlDocument,
    path: Path,
) -> None:
    """Refuse a flow in which a block reads what nothing has written. Raises FlowError."""
    there, names = _GIVEN[start], set[str]()
    for i, block in enumerate(blocks):
        where = _where(("blocks", i), document, path)
        if block.name in names:
            raise FlowError(f'{where}a second block is called "{block.name}".')
        names.add(block.name)
        needs = block.reads().union(*(prompts[name].needs for name in block.prompt_names()))
        if needs - there:
            missing = ", ".join(sorted(needs - there))
            known = ", ".join(sorted(there))
            raise FlowError(f'{where}"{block.name}" needs {missing}, and rows have only {known} there.')
        there |= block.writes()
    if _WANTED[makes] - there:
        missing = ", ".join(sorted(_WANTED[makes] - there))
        raise FlowError(f"{path}: the flow makes {makes}, and no block writes {missing}.")
    if not any(block.block == "safety" for block in blocks):
        raise FlowError(f'{path}: the flow has no block "safety"; nothing is saved that was not looked through.')


def _validated(
    model: type[_Model], data: object, place: tuple[Any, ...], document: YamlDocument, path: Path
) -> _Model:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        said = []
        for detail in error.errors():
            inside = (*place, *detail["loc"])
            key = next((part for part in reversed(detail["loc"]) if isinstance(part, str)), "")
            if detail["type"] == "extra_forbidden":
                said.append(_where(inside, document, path) + _no_such("key", key, model.model_fields))
            elif detail["type"] != "too_short" or not said:  # of what is wrong already, only less is left
                named = f'"{key}"' if key else "this"
                wrong = _WRONG.get(detail["type"], detail["msg"].removeprefix("Value error, "))
                said.append(f"{_where(inside, document, path)}{named}: {wrong}.")
        raise FlowError("\n".join(said)) from None


def _where(place: tuple[Any, ...], document: YamlDocument, path: Path) -> str:
    """Return "FILE, line N: " of the deepest node that is there."""
    while place and document.node_at(place) is None:
        place = place[:-1]
    node = document.node_at(place)
    return f"{path}, line {node.mark.line if node is not None else 1}: "


def _no_such(what: str, name: str, known: Iterable[str]) -> str:
    listed = sorted(known)
    near = difflib.get_close_matches(name[:60], listed, n=1)
    hint = f' Did you mean "{near[0]}"?' if near else ""
    return f'there is no {what} "{name[:60]}".{hint} There are: {", ".join(listed)}.'
