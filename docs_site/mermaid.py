"""Reads the few kinds of Mermaid diagrams that our pages hold: states and flows, as nodes and edges."""

from __future__ import annotations

import re
from dataclasses import dataclass

_START = "[*]"
_BREAK = re.compile(r"<br\s*/?>")
_STATE = re.compile(r"(?P<id>\w+) : (?P<text>.+)")
_MOVE = re.compile(r"(?P<source>\[\*\]|\w+) --> (?P<target>\w+)(?: : (?P<said>.+))?")
_BOX = r'{0}(?:\["(?P<{0}_text>[^"]+)"\])?'
_ARROW = re.compile(
    _BOX.format("source").replace("source(", r"(?P<source>\w+)(", 1)
    + r" -->(?:\|(?P<said>[^|]+)\|)? "
    + _BOX.format("target").replace("target(", r"(?P<target>\w+)(", 1)
)
_LONE = re.compile(r'(?P<id>\w+)\["(?P<text>[^"]+)"\]')


class DiagramError(ValueError):
    """A line that this reader does not know; the text names it."""


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow: from where, to where, and what is said on it, one entry a line."""

    source: str
    target: str
    said: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagram:
    """Nodes in the order of their first mention, each with the lines of its text, and edges."""

    nodes: dict[str, tuple[str, ...]]
    edges: tuple[Edge, ...]


def read(source: str) -> Diagram:
    """Return the diagram that the text describes. Raises DiagramError for a line that is not understood."""
    first, *lines = [line.strip() for line in source.strip().splitlines()]
    if first == "stateDiagram-v2":
        return _read_states(lines)
    if re.fullmatch(r"flowchart (TD|TB)", first):
        return _read_flow(lines)
    raise DiagramError(f"no kind of diagram is called {first!r}; there are stateDiagram-v2 and flowchart TD")


def _read_states(lines: list[str]) -> Diagram:
    names: dict[str, tuple[str, ...]] = {}
    edges: list[Edge] = []
    for line in filter(None, lines):
        if move := _MOVE.fullmatch(line):
            edges.append(Edge(move["source"], move["target"], _lines(move["said"])))
        elif state := _STATE.fullmatch(line):
            names[state["id"]] = _lines(state["text"])
        else:
            raise DiagramError(f"this is neither a state nor a move: {line}")
    if any(edge.source == _START for edge in edges):
        names = {_START: ()} | names
    return _whole(names, edges)


def _read_flow(lines: list[str]) -> Diagram:
    names: dict[str, tuple[str, ...]] = {}
    edges: list[Edge] = []
    for line in filter(None, lines):
        if box := _LONE.fullmatch(line):
            names[box["id"]] = _lines(box["text"])
        elif arrow := _ARROW.fullmatch(line):
            for end in ("source", "target"):
                if arrow[f"{end}_text"] or arrow[end] not in names:
                    names[arrow[end]] = _lines(arrow[f"{end}_text"] or arrow[end])
            edges.append(Edge(arrow["source"], arrow["target"], _lines(arrow["said"])))
        else:
            raise DiagramError(f"this is neither a box nor an arrow: {line}")
    return _whole(names, edges)


def _whole(names: dict[str, tuple[str, ...]], edges: list[Edge]) -> Diagram:
    for edge in edges:
        for end in (edge.source, edge.target):
            names.setdefault(end, (end,))
    return Diagram(names, tuple(edges))


def _lines(text: str | None) -> tuple[str, ...]:
    return tuple(part.strip() for part in _BREAK.split(text or "") if part.strip())
