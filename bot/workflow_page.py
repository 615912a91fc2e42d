"""The page `docs/workflow.md`: states, labels and triggers of the review, as the table and the labels say them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from bot.commands.registry import all_commands, commands_of_labels
from bot.labels import KIND_LABELS, MEANING, NEXT, STATE_LABELS, Label
from bot.workflow import LABEL_OF_STATE, TABLE, State, Transition, Trigger

ANYWHERE = "anywhere"
NOT_FROM = "not from "
_FEW = 4  # people's triggers that lead to one place from more states than this are drawn once, from anywhere

_HEAD = """# How a review goes

<!-- Made by `make docs` from the code; do not edit by hand. -->

Each open pull request is in exactly one of these states, and the label of that state is on it. Nothing but what
stands on this page moves it. Some labels say more and come and go beside the state, such as `hold`.

| state | its label | what it means |
|---|---|---|
"""

_MEANING_OF_STATE: Mapping[State, str] = {
    State.NEW: "Not judged yet, a draft, or the checks could not be run in full.",
    State.NOT_READY: "The checks fail, and nobody has looked at it yet.",
    State.NEEDED: "It waits for a triager to look at it.",
    State.CHANGES_REQUESTED: "A triager asks for a change, or the checks fail after one has looked.",
    State.FOLLOW_UP: "The author has pushed since a triager looked: one looks again.",
    State.UNCERTAIN: "The triage team talks it over.",
    State.APPROVED: "Triage is satisfied; an approver decides.",
    State.REJECTED: "It cannot be accepted; an approver closes it. A push does not change that, a triager does.",
}

_NAMES = frozenset(label.value for label in Label if "-" in label.value)
# commands that are one to the workflow
_TOGETHER = {Trigger.LET_THROUGH: ("precheck", "generate", "evaluate", "postcheck")}


def page() -> str:
    """Return the page."""
    return "\n".join(
        (
            _HEAD + "\n".join(_state_row(state) for state in State),
            "\n## What the checks, the author and the calendar do\n",
            "```mermaid",
            *diagram(row for row in TABLE if row.who is None),
            "```",
            "\n## What people decide\n",
            "```mermaid",
            *diagram(row for row in TABLE if row.who is not None),
            "```",
            "\n## Labels\n",
            "Putting a label on by hand, or taking it off, is the same as its command, for whoever may write that",
            "command. Anything else that is done to these labels by hand is put right, and the reason is said.\n",
            "| label | what it means | who acts next | it comes by | it goes by | set by hand it is |",
            "|---|---|---|---|---|---|",
            *(_label_row(label) for label in Label),
            "\n## Everything that can happen\n",
            "A state that is not named in a row cannot see that row. Approvals that fall are asked for again.\n",
            "| what happens | who may | what becomes of the state | labels put on | labels taken off | and |",
            "|---|---|---|---|---|---|",
            *(_trigger_row(trigger) for trigger in Trigger),
            "",
        )
    )


def diagram(rows: Iterable[Transition]) -> Iterator[str]:
    """Yield the lines of a Mermaid diagram of the rows that change the state."""
    edges: dict[tuple[str, str], list[str]] = {}
    for trigger, moves in _by_trigger(row for row in rows if row.source is not row.target).items():
        who = moves[0].who
        for target in dict.fromkeys(row.target for row in moves):
            sources = [row.source for row in moves if row.target is target]
            said = trigger.value if who is None else f"{trigger.value} ({_who(moves[0])})"
            if who is not None and len(sources) > _FEW:
                others = [state for state in State if state is not target and state not in sources]
                said += f", {NOT_FROM}{_states(others)}" if others else ""
                edges.setdefault((ANYWHERE, _node(target)), []).append(said)
                continue
            for source in sources:
                edges.setdefault((_node(source), _node(target)), []).append(said)
    yield "stateDiagram-v2"
    nodes = dict.fromkeys(node for edge in edges for node in edge)
    yield from (f"    {node} : {_name_of_node(node)}" for node in nodes)
    if _node(State.NEW) in nodes:
        yield f"    [*] --> {_node(State.NEW)} : it is opened"
    for (start, end), said_all in edges.items():
        yield f"    {start} --> {end} : {'<br/>'.join(said_all)}"


def _state_row(state: State) -> str:
    label = LABEL_OF_STATE[state]
    return f"| {_name(state)} | {f'`{label}`' if label else 'none'} | {_MEANING_OF_STATE[state]} |"


def _label_row(label: Label) -> str:
    cells = (f"`{label}`", MEANING[label], NEXT[label], _comes(label), _goes(label), _by_hand(label))
    return f"| {' | '.join(cells)} |"


def _comes(label: Label) -> str:
    if label in KIND_LABELS:
        return "the files it changes"
    return _triggers(row for row in TABLE if label in row.adds or _leads_to(label, row))


def _goes(label: Label) -> str:
    if label in STATE_LABELS:
        return "another state"
    if label in KIND_LABELS:
        return "the files it changes"
    return _triggers(row for row in TABLE if label in row.drops)


def _leads_to(label: Label, row: Transition) -> bool:
    return row.source is not row.target and LABEL_OF_STATE[row.target] is label


def _by_hand(label: Label) -> str:
    said = [
        f"{'put on' if on else 'taken off'}: `/{known.name}`"
        for (of, on), known in commands_of_labels().items()
        if of is label
    ]
    if not said:
        return "left alone" if label in KIND_LABELS else "put right"
    return "<br/>".join(said)


def _trigger_row(trigger: Trigger) -> str:
    rows = _by_trigger(TABLE)[trigger]
    cells = (
        _said(trigger),
        _who(rows[0]),
        _moves(rows),
        _labels(rows, lambda row: row.adds),
        _labels(rows, lambda row: row.drops),
        ", ".join(rows[0].acts) or "-",
    )
    return f"| {' | '.join(cells)} |"


def _moves(rows: list[Transition]) -> str:
    moved = [row for row in rows if row.source is not row.target]
    parts = [
        f"{_states(row.source for row in moved if row.target is target)} → **{_name(target)}**"
        for target in dict.fromkeys(row.target for row in moved)
    ]
    stays = [row.source for row in rows if row.source is row.target]
    if len(stays) > _FEW and len(rows) == len(State):
        parts.append("it stays elsewhere" if moved else "it stays as it is")
    elif stays:
        parts.append(f"it stays {_states(stays)}")
    return "<br/>".join(parts)


def _labels(rows: list[Transition], of: Callable[[Transition], frozenset[Label]]) -> str:
    said = []
    for label in sorted(frozenset().union(*(of(row) for row in rows))):
        sources = [row.source for row in rows if label in of(row)]
        said.append(f"`{label}`" if len(sources) == len(rows) else f"`{label}` (if it was {_states(sources)})")
    return ", ".join(said) or "-"


def _who(row: Transition) -> str:
    """Return who may, as the command says it; a label or a form of the command may ask for more."""
    if row.who is None:
        return "by itself"
    command = all_commands().get(row.trigger.value.partition(" ")[0].removeprefix("/"))
    return command.who_may if command and command.who is row.who else row.who.noun


def _triggers(rows: Iterable[Transition]) -> str:
    return "<br/>".join(dict.fromkeys(_said(row.trigger) for row in rows))


def _said(trigger: Trigger) -> str:
    together = _TOGETHER.get(trigger)
    if together:
        return f"{', '.join(f'`/{name}`' for name in together[:-1])} or `/{together[-1]}`"
    if trigger.value.startswith("/"):
        return f"`{trigger.value}`"
    return " ".join(f"`{word}`" if word in _NAMES else word for word in trigger.value.split())


def _by_trigger(rows: Iterable[Transition]) -> dict[Trigger, list[Transition]]:
    found: dict[Trigger, list[Transition]] = {}
    for row in rows:
        found.setdefault(row.trigger, []).append(row)
    return found


def _states(states: Iterable[State]) -> str:
    return ", ".join(_name(state) for state in states)


def _name(state: State) -> str:
    return state.value.replace("-", " ")


def _node(state: State) -> str:
    return state.value.replace("-", "_")


def _name_of_node(node: str) -> str:
    return "any other state" if node == ANYWHERE else node.replace("_", " ")
