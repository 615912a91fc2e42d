"""Reads GraphQL documents as far as the simulator needs them: one operation, of fragments only inline ones."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_TOKEN = re.compile(
    r'[\s,]+|#[^\n]*|(?P<token>"(?:[^"\\\n]|\\.)*"|\$?[_A-Za-z]\w*|-?\d+(?:\.\d+)?|\.\.\.|[{}()\[\]:!=])'
)


class DocumentError(Exception):
    """The document is no GraphQL that the simulator reads."""


class FieldError(Exception):
    """One field of an operation fails; the others are carried out all the same."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Variable:
    """A place where a variable is used."""

    name: str


@dataclass(slots=True)
class Selection:
    """One selected field with its arguments and the fields below it; or, named "...Type", what one type adds."""

    name: str
    alias: str
    arguments: dict[str, Any] = field(default_factory=dict)
    fields: list[Selection] = field(default_factory=list)


@dataclass(slots=True)
class Operation:
    """The operation of a document."""

    kind: str
    required_variables: list[str]
    fields: list[Selection]


def parse(document: str) -> Operation:
    """Return the operation of a document.

    Raises: DocumentError.
    """
    return _Parser(_tokens(document)).operation()


def resolved(value: Any, variables: Mapping[str, Any]) -> Any:
    """Return an argument with its variables filled in."""
    match value:
        case Variable(name):
            return variables.get(name)
        case dict():
            return {key: resolved(item, variables) for key, item in value.items()}
        case list():
            return [resolved(item, variables) for item in value]
    return value


def _tokens(document: str) -> list[str]:
    found, place = [], 0
    while place < len(document):
        match = _TOKEN.match(document, place)
        if match is None:
            raise DocumentError(f'Expected one of SCHEMA, QUERY, MUTATION, actual: "{document[place]}"')
        if match["token"]:
            found.append(match["token"])
        place = match.end()
    return found


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._place = 0

    def operation(self) -> Operation:
        kind, required = "query", []
        if self._peek() != "{":
            kind = self._next()
            if kind not in {"query", "mutation"}:
                raise DocumentError(f'Expected one of SCHEMA, QUERY, MUTATION, actual: "{kind}"')
            if self._peek() not in {"{", "("}:
                self._next()
            if self._peek() == "(":
                required = self._variable_definitions()
        operation = Operation(kind, required, self._selections())
        if self._peek():
            raise DocumentError(f'Unexpected "{self._peek()}": one operation is read')
        return operation

    def _variable_definitions(self) -> list[str]:
        required: list[str] = []
        self._expect("(")
        while self._peek() != ")":
            name = self._next().removeprefix("$")
            self._expect(":")
            last = ""
            while self._peek() not in {")", "="} and not self._peek().startswith("$"):
                last = self._next()
            if self._peek() == "=":
                self._next()
                self._value()
            elif last == "!":
                required.append(name)
        self._expect(")")
        return required

    def _selections(self) -> list[Selection]:
        self._expect("{")
        found: list[Selection] = []
        while self._peek() != "}":
            found.append(self._selection())
        self._expect("}")
        if not found:
            raise DocumentError("A selection of nothing")
        return found

    def _selection(self) -> Selection:
        alias = name = self._next()
        if name == "...":
            self._expect("on")
            name = f"...{self._next()}"
            return Selection(name, name, fields=self._selections())
        if self._peek() == ":":
            self._next()
            name = self._next()
        selection = Selection(name, alias)
        if self._peek() == "(":
            self._next()
            selection.arguments = self._members(")")
        if self._peek() == "{":
            selection.fields = self._selections()
        return selection

    def _value(self) -> Any:
        word = self._next()
        if word == "{":
            return self._members("}")
        if word == "[":
            items = []
            while self._peek() != "]":
                items.append(self._value())
            self._next()
            return items
        if word.startswith("$"):
            return Variable(word[1:])
        if word.startswith('"') or word in {"true", "false", "null"} or word.lstrip("-")[0].isdigit():
            return json.loads(word)
        return word

    def _members(self, end: str) -> dict[str, Any]:
        members: dict[str, Any] = {}
        while self._peek() != end:
            name = self._next()
            self._expect(":")
            members[name] = self._value()
        self._next()
        return members

    def _peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _next(self) -> str:
        word = self._peek()
        if not word:
            raise DocumentError("Unexpected end of document")
        self._place += 1
        return word

    def _expect(self, token: str) -> None:
        if self._next() != token:
            raise DocumentError(f'Expected "{token}", actual: "{self._tokens[self._place - 1]}"')
