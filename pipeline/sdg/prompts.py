"""Prompts: Jinja files with strict undefined, in which a contributor's text can only stand between fences."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import StrictUndefined, TemplateError, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from pipeline.sdg.fences import BareTextError, Fence, Fenced, mark_of

FOLDER = Path(__file__).parent / "prompts"
_GIVEN = frozenset({"fence", "count"})  # to every template


class PromptError(Exception):
    """A prompt cannot be used; the text names the file and what to put right."""


class Prompt:
    """One template. It uses the texts `needs` of a row, and `may_use` where a row has them.

    `rules` stand before what it says; without them those of generating.
    """

    def __init__(self, name: str, source: str, rules: str = "") -> None:
        environment = _environment()
        try:
            self._template = environment.from_string(source)
            tree = environment.parse(source)
            used = meta.find_undeclared_variables(tree)
        except TemplateError as error:
            raise PromptError(f'The prompt "{name}" is no Jinja template: {error}.') from None
        self.name = name
        tested = {name for test in tree.find_all(nodes.Test) if (name := _asked_for(test))}
        self.may_use = frozenset(tested)
        self.needs = frozenset(used - _GIVEN - tested)
        self._source = source
        self._rules = rules or _rules()

    @property
    def sha256(self) -> str:
        """The digest of the prompt as every model gets it, the common rules included."""
        return hashlib.sha256((self._rules + self._source).encode()).hexdigest()

    def render(self, texts: Mapping[str, str], count: int = 1) -> str:
        """Return the prompt for a row. Raises PromptError for a text that is missing or printed bare."""
        if lacking := self.needs - texts.keys():
            raise PromptError(
                f'The prompt "{self.name}" needs {", ".join(sorted(lacking))}: there is no such text.'
            )
        used = {name: texts[name] for name in self.needs | self.may_use if name in texts}
        fence = Fence(mark_of(self._source, used))
        given = {name: Fenced(text) for name, text in used.items()}
        try:
            body = self._template.render(**given, fence=fence, count=count)
        except (TemplateError, BareTextError, TypeError, ValueError, ArithmeticError, LookupError) as error:
            raise PromptError(f'The prompt "{self.name}" cannot be filled: {error}') from None
        return f"{self._rules}\n\n{body.strip()}\n"

    def try_out(self) -> None:
        """Fill it with a text and without one, with and without what rows may lack. Raises PromptError."""
        for names in (self.needs, self.needs | self.may_use):
            for text in ("some words", ""):
                self.render(dict.fromkeys(names, text), count=2)


def read_prompt(name: str, folder: Path | None = None) -> Prompt:
    """Return a prompt by name: from `folder` if it is there, else one of ours. Raises PromptError."""
    if not name.replace("_", "").isalnum():
        raise PromptError(f'"{name[:60]}" is no name of a prompt: letters, digits and _ only.')
    for place in (folder, FOLDER):
        path = place / f"{name}.j2" if place else None
        if path is not None and path.is_file():
            try:
                return Prompt(name, path.read_text(encoding="utf-8"))
            except UnicodeDecodeError:
                raise PromptError(f"{path} is not text in UTF-8.") from None
    known = ", ".join(sorted(p.stem for p in FOLDER.glob("[!_]*.j2")))
    raise PromptError(
        f'There is no prompt "{name}". There are: {known}; others stand beside the flow, as {name}.j2.'
    )


def _asked_for(test: nodes.Test) -> str:
    """Return the name that `NAME is defined` asks for."""
    return test.node.name if test.name == "defined" and isinstance(test.node, nodes.Name) else ""


@cache
def _rules() -> str:
    return (FOLDER / "_rules.j2").read_text(encoding="utf-8").strip()


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    return ImmutableSandboxedEnvironment(
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
