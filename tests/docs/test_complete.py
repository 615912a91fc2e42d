"""Whatever people can set, write, see or ask for is documented, and the pages made from the code are fresh."""

from __future__ import annotations

import importlib
import importlib.util
import re
import shlex
from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from bot.commands.registry import all_commands
from bot.dashboard.registry import all_pages
from bot.dashboard.resource_registry import all_resources
from bot.nightly.build_view import Stage
from bot.settings import BotSettings
from checks.policy import Policy
from checks.registry import all_rules
from docs_site.mermaid import read
from docs_site.reference import settings_page
from docs_site.reference.command_lines_page import commands
from docs_site.reference.diagrams import imports, job_moves
from docs_site.reference.pages import pages, stale
from pipeline.settings import PipelineSettings
from tests.docs.sources import DOCS, ROOT, blocks

_CALL = r"(taxonomy-(?:bot|pipeline)(?: [a-z][a-z-]+)+)"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def test_the_reference_is_fresh() -> None:
    "Else run `make docs`."
    assert stale() == []


def test_what_stands_once_is_not_written_by_hand() -> None:
    "Each page made from the code says so, but for the one that holds drawings between words."
    made = {name for name in pages() if name != "architecture.md"}
    assert [name for name in made if "do not edit by hand" not in page(name)] == []


def meanings() -> Mapping[str, list[settings_page.Meaning]]:
    return settings_page.meanings_of(settings_page.MEANINGS.read_text(encoding="utf-8"))


def test_every_setting_has_a_meaning() -> None:
    "A row in docs_site/reference/settings_meanings.md is where it is said; the reference takes it from there."
    assert [name for _, name in settings_page.settings_of_all() if not meanings().get(name)] == []
    shown = page("settings.md")
    assert [name for _, name in settings_page.settings_of_all() if f"| `{name}` |" not in shown] == []


def test_no_setting_is_described_that_is_gone() -> None:
    "A row about nothing would send people looking."
    known = {name for _, name in settings_page.settings_of_all()}
    assert meanings().keys() - known == set()


def test_every_secret_can_be_rotated() -> None:
    "docs/secrets.md says how, for each that bot and workers have."
    kept = {
        name.upper()
        for model in (BotSettings, PipelineSettings)
        for name, field in model.model_fields.items()
        if "SecretStr" in str(field.annotation) or isinstance(field.default, SecretStr)
    }
    assert {"PRIVATE_KEY", "TEACHER_API_KEY"} < kept
    assert [name for name in kept if f"`{name}`" not in page("secrets.md")] == []


def test_every_rule_command_and_policy_key_is_documented() -> None:
    "By its id, its name, its key."
    rules, written, policy = page("rules.md"), page("commands.md"), page("policy.md")
    causes = [cause.id for rule in all_rules().values() for cause in rule.causes]
    assert [cause for cause in causes if f"`{cause}`" not in rules] == []
    assert [name for name in all_commands() if f"- **/{name}**" not in written] == []
    keys = [key for name in Policy.model_fields for key in _keys(Policy.model_fields[name].annotation)]
    assert [key for key in keys if f"| `{key}` |" not in policy] == []


def _keys(section: Any) -> list[str]:
    return list(getattr(section, "model_fields", ()))


def test_every_page_and_path_of_the_interface_is_documented() -> None:
    "As it is registered."
    paths = page("pages.md")
    assert [
        one.path for one in all_pages() if f"`{one.path}`" not in paths and f"POST {one.path}`" not in paths
    ] == []
    assert [one.path for one in all_resources() if f"## `{one.path}`" not in page("api.md")] == []


def test_every_command_line_is_documented() -> None:
    "With what it is for."
    text = page("command-lines.md")
    found = dict(commands())
    assert {"taxonomy-check", "taxonomy-bot nightly promote", "taxonomy-pipeline worker"} <= found.keys()
    assert [name for name in found if f"# `{name}`\n" not in text] == []
    assert [
        name for name, command in found.items() if not command.help and not getattr(command, "commands", None)
    ] == []


def test_command_lines_that_pages_show_exist() -> None:
    "What the pages tell people to type is a command of one of the programs."
    known = dict(commands())
    groups = {name for name, command in known.items() if getattr(command, "commands", None)}
    texts = {file.name: file.read_text(encoding="utf-8") for file in [ROOT / "README.md", *DOCS.rglob("*.md")]}
    shown = {(name, line) for name, text in texts.items() for line in re.findall(f"`{_CALL}", text)}
    shown |= {
        (block.page, line)
        for block in blocks()
        if block.language in ("bash", "console")
        for line in re.findall(rf"(?:^|&& |\$ ){_CALL}", block.code, re.MULTILINE)
    }
    assert ("secrets.md", "taxonomy-bot artifacts list") in shown
    wrong = []
    for name, line in sorted(shown):
        words = line.split()
        known_words = next(n for n in range(len(words), 0, -1) if " ".join(words[:n]) in known)
        if " ".join(words[:known_words]) in groups and known_words < len(words):
            wrong.append((name, line))
    assert wrong == []


def test_command_lines_that_pages_show_are_understood() -> None:
    "With their arguments and options, as their own parsers read them; a name alone only says what it is about."
    known = dict(commands())
    read, wrong = 0, []
    for name, line in sorted(shown_lines()):
        words = line.split()
        count = next(n for n in range(len(words), 0, -1) if " ".join(words[:n]) in known)
        called, arguments = known[" ".join(words[:count])], shlex.split(line)[count:]
        if getattr(called, "commands", None) or "--help" in arguments:
            continue
        try:
            context = called.make_context(line, [_filled_in(word) for word in arguments])
        except Exception as error:
            wrong.append((name, line, getattr(error, "message", repr(error))))
        else:
            read += 1
            wrong += [(name, line, f"not like {one.metavar}") for one in called.params if _is_unlike(one, context)]
    assert wrong == []
    assert read > 50


def shown_lines() -> set[tuple[str, str]]:
    "Return what is to be typed: lines of shells, and commands within the text that have arguments."
    lines = {
        (block.page, line)
        for block in blocks()
        if block.language in ("bash", "console")
        for line in re.findall(rf"(?:^|&& |\$ |sudo |-- )({_CALL}[^\n|;&>#'()]*)", block.code, re.MULTILINE)
    }
    for file in [ROOT / "README.md", *DOCS.rglob("*.md")]:
        if file.name not in ("command-lines.md", "CHANGELOG.md"):
            text = re.sub(r"^```.*?^```$", "", file.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
            for line in re.findall(r"`(?:sudo )?(taxonomy-(?:bot|pipeline) [a-z][^`|<>\[\]]* [^`|<>\[\]]+)`", text):
                lines.add((str(file.relative_to(ROOT)), line))
    return {(page, " ".join((line[0] if isinstance(line, tuple) else line).split())) for page, line in lines}


def _filled_in(word: str) -> str:
    "A word that stands for a number, in a form that a parser of numbers takes; all others as they are."
    return {"NUMBER": "12", "ID": "12", "DAYS": "12", "N": "12", "DATE": "2026-01-05"}.get(word, word)


def _is_unlike(parameter: Any, context: Any) -> bool:
    """True where the form of an argument, such as OWNER/REPO#N, has signs that what is shown lacks."""
    value, form = context.params.get(parameter.name), getattr(parameter, "metavar", None) or ""
    return isinstance(value, str) and bool(value) and any(sign in form and sign not in value for sign in "/#")


@pytest.mark.skipif(importlib.util.find_spec("bot.metrics") is None, reason="there are no metrics yet")
def test_every_metric_is_documented() -> None:
    "Each name that the books of bot and workers hold stands in docs/metrics.md."
    books = [importlib.import_module("bot.metrics.reading").BOOK]
    if importlib.util.find_spec("pipeline.worker.metrics") is not None:
        books.append(importlib.import_module("pipeline.worker.metrics").BOOK)
    names = [book.prefix + name.removeprefix(book.prefix) for book in books for name in book.declared]
    assert names
    assert [name for name in names if name not in page("metrics.md")] == []


def test_headlines_that_contributors_read_about_are_said() -> None:
    "docs/contributors/what-the-bot-says.md quotes the living comment as it is."
    said = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "tests/words/living").glob("*.md"))
    quoted = re.findall(r"^\| `([✅✋⏳][^`]+)` \|", page("contributors/what-the-bot-says.md"), re.MULTILINE)
    assert len(quoted) >= 6
    assert [headline for headline in quoted if f"### {headline}" not in said] == []


def test_the_drawn_packages_are_those_that_may_know_each_other() -> None:
    "The arrows of the house, and no others."
    assert imports().keys() == {("bot", "checks"), ("bot", "pipeline"), ("pipeline", "checks")}


def test_the_drawn_night_has_the_stages_of_a_build() -> None:
    "In their order."
    (night,) = (block.code for block in blocks("architecture.md") if "plan[" in block.code)
    boxes = [text[0] for text in read(night).nodes.values()]
    assert [box for box in boxes if box in set(Stage)] == list(Stage)


def test_no_page_stands_twice_in_the_menu() -> None:
    "The menu would light up the wrong tab."
    named = re.findall(r"([\w/-]+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(named) > 40
    assert [name for name in set(named) if named.count(name) > 1 and "*" not in name] == []


def test_the_drawn_life_of_a_job_is_whole() -> None:
    "It shows every state; what is over goes on only when somebody asks, and only where that may help."
    moves = job_moves()
    assert {state for source, target, _ in moves for state in (source, target)} == set(type(moves[0][0]))
    for source, target, words in moves:
        if source.is_over:
            assert (source.is_retriable, target.value, words) == (True, "queued", "/retry")
