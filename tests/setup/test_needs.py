"""What the App asks for is what the code uses: no permission more, none less."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from bot import events
from bot.github.needs import (
    CALLS,
    EVENTS,
    FIELDS,
    NAMES,
    ORGANISATION,
    WHY,
    lacking,
    lacking_events,
    needed_permissions,
    shape,
)
from bot.simulator.routing import Route
from bot.simulator.server import TABLES
from bot.simulator.state import DEFAULT_EVENTS, DEFAULT_PERMISSIONS

ROOT = Path(__file__).parents[2]
_BEGINS = re.compile(r"/(repos|orgs|users|app|repositories|installation|app-manifests)/|/app$")
_ROUTES_OF_OURS = ("bot/simulator/", "bot/dashboard/", "bot/demo/")  # those answer paths, or play with the others
_READERS_BESIDE = {"bot/dashboard/doors.py"}


@cache
def modules() -> dict[str, ast.Module]:
    "Every module that may call GitHub."
    found = {}
    for path in sorted(ROOT.glob("bot/**/*.py")):
        name = str(path.relative_to(ROOT))
        if not name.startswith(_ROUTES_OF_OURS) or name in _READERS_BESIDE:
            found[name] = ast.parse(path.read_text(encoding="utf-8"))
    return found


def texts_of(tree: ast.Module) -> Iterator[str]:
    "Every text of a module; what a constant of the module stands for is put in, what is not known is {}."
    constants = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
            yield node.value
        if isinstance(node, ast.JoinedStr):
            parts = []
            for part in node.values:
                if isinstance(part, ast.Constant):
                    parts.append(str(part.value))
                elif isinstance(part, ast.FormattedValue) and isinstance(part.value, ast.Name):
                    parts.append(str(constants.get(part.value.id, "{}")))
                else:
                    parts.append("{}")
            yield "".join(parts)


@cache
def paths_called() -> frozenset[tuple[str, str]]:
    "Each path at GitHub that a module names, without its query, and the module."
    found = set()
    for name, tree in modules().items():
        if name == "bot/github/needs.py":
            continue
        for text in texts_of(tree):
            if "/" not in text or "\n" in text:
                continue
            path = re.sub(r"\{\?.*|\?.*", "", text).removeprefix("{}")
            if _BEGINS.match(path) and " " not in path:
                found.add((shape(path), name))
    return frozenset(found)


# `{on}` of a reaction is an issue or a comment; a tree's question may follow its name; a ref may be any
_SPELT_OTHERWISE = {
    "/repos/{}/{}/{}/reactions": {"/repos/{}/{}/issues/{}/reactions", "/repos/{}/{}/issues/comments/{}/reactions"},
    "/repos/{}/{}/git/trees/{}{}": {"/repos/{}/{}/git/trees/{}"},
    "/repos/{}/{}/git": set(),
}


def test_every_path_that_the_code_names_has_its_permission() -> None:
    "A new call without its line in bot/github/needs.py would fail at GitHub with 403, months later."
    listed = {shape(template) for _, template in CALLS}
    for path, module in sorted(paths_called()):
        meant = _SPELT_OTHERWISE.get(path, {path})
        assert meant <= listed, f"{module} calls {path}: name it, with its permission, in bot/github/needs.py"


def test_nothing_is_listed_that_nobody_calls() -> None:
    "A permission is asked for because of a call; when the call goes, the permission goes."
    called = {path for path, _ in paths_called()}
    called |= {meant for path in called for meant in _SPELT_OTHERWISE.get(path, ())}
    assert {shape(template) for _, template in CALLS} - called == set()


def route_of(method: str, template: str) -> Route:
    "The simulator's route for a call."
    routes = [r for table in TABLES for r in table.routes]
    found = [r for r in routes if r.method == method and shape(r.template) == shape(template)]
    assert found, f"the simulated GitHub has no {method} {template}"
    return found[0]


def test_the_simulated_github_asks_for_the_same_permissions() -> None:
    "What the simulator demands of a token is what the list says: stories pass with no more than that."
    for (method, template), permission in CALLS.items():
        if template.startswith("/app-manifests/"):
            continue
        route = route_of(method, template)
        assert route.by_app == (permission == "" and template.startswith(("/app", "/repos"))), template
        is_conversation = {route.needs, permission} & {"pull_requests:read", "pull_requests:write"}
        if route.needs and not is_conversation:  # those are had with either of two permissions
            assert route.needs == permission, f"{method} {template}"


def test_every_field_of_graphql_has_its_permission() -> None:
    "The documents that we send ask for these fields at their top."
    sent = set()
    for name, tree in modules().items():
        for text in texts_of(tree):
            if re.match(r"\s*(mutation|query)\b", text):
                sent |= set(re.findall(r"\b(\w+)\((?:input|owner)\b", text))
            elif name == "bot/github/check_runs.py":
                sent |= set(re.findall(r"\b(createCheckRun)\b", text))
    assert sent == set(FIELDS)


def test_the_events_are_those_that_are_read() -> None:
    "An event that we do not subscribe to never comes; one that nobody reads is noise."
    tree = ast.parse(Path(events.__file__).read_text(encoding="utf-8"))
    read = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "_read")
    named: set[str] = set()
    for node in ast.walk(read):
        if isinstance(node, ast.Compare) and isinstance(node.left, ast.Name) and node.left.id == "name":
            named |= {c.value for c in ast.walk(node) if isinstance(c, ast.Constant) and isinstance(c.value, str)}
    assert named == set(EVENTS)
    assert set(DEFAULT_EVENTS) == set(EVENTS)


def test_stories_are_played_with_exactly_these_permissions() -> None:
    "So a call that needs more fails in a story."
    assert needed_permissions() == DEFAULT_PERMISSIONS
    assert set(NAMES) == set(WHY) == set(needed_permissions())


def test_what_lacks_is_told_by_level() -> None:
    "Reading is not writing, and nothing is lacking where more is granted."
    granted = needed_permissions() | {"contents": "read", "checks": "admin"}
    del granted["members"]
    assert lacking(granted) == {"contents": "write", "members": "read"}
    assert lacking_events(e for e in EVENTS if e != "push") == ["push"]


def test_the_guide_for_operators_names_the_same() -> None:
    "Who makes the App by hand gives it the same permissions and events."
    page = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([\w ]+) \| (.+) \|$", page, re.MULTILINE))
    told = {
        **dict(re.findall(r"([A-Z][a-z ]+): (read|write)", rows["repository permissions"])),
        **dict(re.findall(r"([A-Z][a-z ]+): (read|write)", rows["organisation permissions"])),
    }
    assert told == {NAMES[name]: level for name, level in needed_permissions().items()}
    members = dict(re.findall(r"([A-Z][a-z ]+): (read|write)", rows["organisation permissions"]))
    assert set(members) == {NAMES[name] for name in ORGANISATION}
    listed = {name.strip().lower().replace(" ", "_") for name in rows["events"].split("·")}
    assert listed == set(EVENTS)
