"""The house's arrows: who may know whom."""

from __future__ import annotations

import re
import sys
from functools import cache
from importlib import metadata
from pathlib import Path

import grimp
import pytest

REACHES_OUT = {
    "aiohttp",
    "asyncio",
    "ftplib",
    "httpx",
    "requests",
    "smtplib",
    "socket",
    "subprocess",
    "urllib.request",
}


@cache
def imports() -> dict[str, set[str]]:
    "Every module of ours with what it imports directly, packages outside included."
    graph = grimp.build_graph("bot", "checks", "pipeline", include_external_packages=True, cache_dir=None)
    return {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}


def known_by(package: str) -> dict[str, set[str]]:
    "What each module of one package imports."
    return {m: known for m, known in imports().items() if m == package or m.startswith(package + ".")}


def roots(modules: set[str]) -> set[str]:
    return {module.partition(".")[0] for module in modules}


def plain(name: str) -> str:
    "A package's name as it is compared."
    return re.split(r"[ ;<>=!~\[]", name, maxsplit=1)[0].lower().replace("_", "-").replace(".", "-")


def test_every_package_that_is_imported_is_declared() -> None:
    "What is there by luck, or because a colleague installed it, is missing on the next machine."
    declared = {plain(line) for line in metadata.requires("taxonomy-bot") or ()}
    provided = metadata.packages_distributions()
    used = {root for known in imports().values() for root in roots(known)} - set(sys.stdlib_module_names)
    assert not {root for root in used if root in provided and not {plain(d) for d in provided[root]} & declared}


@pytest.mark.parametrize(
    ("package", "strangers"),
    [
        ("checks", {"bot", "pipeline", "aiohttp", "gidgethub", "sqlalchemy", "celery", "httpx", "requests"}),
        ("pipeline", {"bot", "gidgethub", "sqlalchemy", "alembic", "jwt"}),
    ],
)
def test_packages_do_not_know_strangers(package: str, strangers: set[str]) -> None:
    "The checks know no GitHub and no queue; the pipeline knows no bot, no credential and no database."
    found = {
        module: roots(known) & strangers for module, known in known_by(package).items() if roots(known) & strangers
    }
    assert not found


def test_the_bot_knows_only_what_it_shares_with_the_pipeline() -> None:
    "From the bot only `pipeline.contract` and the artifact store are reached on the model side."
    shared = {
        "pipeline",
        "pipeline.contract",
        "pipeline.results",
        "pipeline.evaluation_results",
        "pipeline.build_orders",
        "pipeline.build_results",
        "pipeline.seed_noise",
        "pipeline.artifacts",
        "pipeline.attribution_bundle",
        "pipeline.model_store",
        "pipeline.metering",
        "pipeline.tracing",
        "pipeline.library_logs",
        "pipeline.worker",
        "pipeline.worker.metrics",
    }
    found = {
        module: {k for k in known if k.startswith("pipeline")} - shared for module, known in known_by("bot").items()
    }
    assert not {module: known for module, known in found.items() if known}


@pytest.mark.parametrize(
    ("module", "may_know"),
    [
        ("pipeline.contract", set()),
        ("pipeline.results", {"pipeline.contract"}),
        ("pipeline.evaluation_results", {"pipeline.contract"}),
        ("pipeline.artifacts", {"pipeline.contract", "pipeline.artifact_places", "pipeline.tally"}),
        ("pipeline.seed_noise", {"pipeline.evaluation_results"}),
        ("pipeline.attribution_bundle", set()),
        ("pipeline.tally", set()),
        ("pipeline.metering", {"prometheus_client"}),
        ("pipeline.worker.metrics", {"pipeline.contract", "pipeline.metering"}),
        ("pipeline.build_files", {"pipeline.tally"}),
        (
            "pipeline.model_store",
            {"pipeline.artifact_places", "pipeline.build_files", "pipeline.build_orders", "pipeline.tally"},
        ),
        ("pipeline.artifact_places", {"fsspec"}),
    ],
)
def test_what_bot_and_pipeline_share_knows_neither(module: str, may_know: set[str]) -> None:
    "The contract needs the standard library alone; the artifact store the contract, and fsspec for buckets."
    known = {k for k in imports()[module] if k.partition(".")[0] not in sys.stdlib_module_names}
    assert known <= may_know


def test_rules_reach_nothing_outside() -> None:
    "A rule is pure: facts that need the network or a program are gathered first and handed in."
    found = {
        module: known & REACHES_OUT for module, known in known_by("checks.rules").items() if known & REACHES_OUT
    }
    assert not found


def test_only_two_modules_of_the_checks_start_programs() -> None:
    "Git is run by the reader of checkouts and by the fetcher of documents, and by nothing else."
    starters = {module for module, known in known_by("checks").items() if "subprocess" in known}
    assert starters <= {"checks.local_git", "checks.document_git"}


def test_documents_are_fetched_through_one_door() -> None:
    "Whoever wants a document asks `checks.documents`; the modules behind it are its own, and reach no further."
    behind = {"checks.document_addresses", "checks.document_git", "checks.document_hosts"}
    users = {module for module, known in imports().items() if known & behind}
    assert users <= behind | {"checks.documents", "checks.document_repository", "checks.document_resolving"}
    connecting = {module for module, known in known_by("checks").items() if known & {"socket", "ssl"}}
    assert connecting <= behind | {"checks.documents"}


def test_the_simulator_is_used_only_by_those_who_play() -> None:
    "The serving bot never imports the simulated GitHub."
    users = {m for m, known in known_by("bot").items() if any(k.startswith("bot.simulator") for k in known)}
    assert all(m.startswith(("bot.simulator", "bot.demo")) for m in users)


def test_only_the_writer_writes_to_github() -> None:
    "Every change on GitHub goes through `bot.apply`, and pushes by `bot.apply_push`: nobody else writes."
    bot = Path(__file__).parent.parent / "bot"
    calls = re.compile(r"client\.(write|mutate)\(")
    writers = {file.relative_to(bot).as_posix() for file in bot.rglob("*.py") if calls.search(file.read_text())}
    assert writers == {"apply.py", "apply_push.py"}
