"""Who can be asked on the page for trying: the base model, adapters of pull requests, builds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.adapter_shelf import AdapterShelf
from bot.dashboard.visit import Visit
from bot.model_servers import CannotLoadError, ModelServer, ModelServerError
from bot.nightly.releases import ReleaseState
from bot.store.board_adapters import AdapterBoard, TunedAdapter
from bot.store.releases import ReleaseStore
from bot.trying import Respondent

BASE, ADAPTER, BUILD = "base", "adapter", "build"
NOBODY = "none"
_MOST_BUILDS, _MOST_NAMES = 30, 8
_LONGEST_TITLE = 70


@dataclass(frozen=True, slots=True)
class Choice:
    """One of those that can be asked: what the form sends, and how it is named."""

    value: str
    name: str


@dataclass(frozen=True, slots=True)
class Asked:
    """One column: `key` is the same in the form, the stream and the page; an empty choice is asked nothing."""

    key: str
    heading: str


@dataclass(frozen=True, slots=True)
class Offer:
    """Who can be asked here, and who is chosen."""

    has_student: bool
    has_builds: bool
    adapters: tuple[TunedAdapter, ...]
    pulls: tuple[Choice, ...]
    builds: tuple[Choice, ...]
    pull: str = NOBODY
    build: str = NOBODY

    @property
    def asked(self) -> tuple[Asked, ...]:
        """Whom the chosen ones are: the columns, from the left."""
        found = [Asked(BASE, "Base model")] if self.has_student else []
        found += [Asked(ADAPTER, f"With {each.name}") for each in self.pulls if each.value == self.pull != NOBODY]
        return (*found, *(Asked(BUILD, each.name) for each in self.builds if each.value == self.build != NOBODY))

    @property
    def adapter(self) -> TunedAdapter | None:
        """The adapter that is chosen."""
        return next((each for each in self.adapters if str(each.number) == self.pull), None)


async def offered(visit: Visit, chosen: Mapping[str, str]) -> Offer:
    """Return who can be asked. Without a choice it is the adapter tuned last, and the build that is served."""
    settings, engine, here = visit.house.settings, visit.house.reads, visit.repository_id
    adapters = tuple(await AdapterBoard(engine).newest(here)) if settings.student_url else ()
    pulls = tuple(Choice(str(each.number), _named(each)) for each in adapters)
    releases = await ReleaseStore(engine).all_of(here) if settings.build_url else []
    there = [each for each in releases if each.state is not ReleaseState.REMOVED]
    served = [each for each in there if each.state is ReleaseState.SERVED]
    builds = tuple(
        Choice(each.name, f"Build {each.name}" + (", served" if each in served else ""))
        for each in (served + [each for each in there if each not in served])[:_MOST_BUILDS]
    )
    return Offer(
        bool(settings.student_url),
        bool(settings.build_url),
        adapters,
        pulls,
        builds,
        _choice(chosen.get("pull", ""), pulls),
        _choice(chosen.get("build", ""), builds),
    )


def _named(adapter: TunedAdapter) -> str:
    title = " ".join(adapter.title.split())
    title = title if len(title) <= _LONGEST_TITLE else title[: _LONGEST_TITLE - 1] + "…"
    return f"#{adapter.number} {title}".rstrip()


def _choice(value: str, among: tuple[Choice, ...]) -> str:
    known = {each.value for each in among} | {NOBODY}
    return value if value in known else next((each.value for each in among), NOBODY)


def respondents(visit: Visit, offer: Offer) -> list[Respondent]:
    """Return those who are chosen, as they are asked."""
    house = visit.house
    settings = house.settings
    student = ModelServer(house.http, settings.student_url, settings.student_api_key, "The student's server")
    builds = ModelServer(house.http, settings.build_url, settings.build_api_key, "The server of builds")

    async def base() -> str:
        return await _base_name(student, settings.student_name)

    async def adapter() -> str:
        assert offer.adapter is not None  # noqa: S101 - there is no such column otherwise
        return await _ready_adapter(visit, student, offer.adapter)

    async def build() -> str:
        return await _ready_build(builds, offer.build)

    ways = {BASE: (student, base), ADAPTER: (student, adapter), BUILD: (builds, build)}
    return [Respondent(each.key, each.heading, *ways[each.key]) for each in offer.asked]


async def _base_name(server: ModelServer, set_name: str) -> str:
    models = await server.models()
    if set_name and set_name not in models:
        raise ModelServerError(f"The student's server has no “{set_name}”: it has {_listed(models)}.")
    found = set_name or next((name for name, parent in models.items() if not parent), "")
    if not found:
        raise ModelServerError("The student's server has no model.")
    return found


async def _ready_adapter(visit: Visit, server: ModelServer, adapter: TunedAdapter) -> str:
    """Return the name of an adapter that the server has, or takes on now."""
    if adapter.name in (models := await server.models()):
        return adapter.name
    folder = visit.house.settings.student_adapter_folder
    if folder is None:
        raise ModelServerError(
            f"The student's server does not have this adapter ({adapter.name}). An operator sets "
            "TAXONOMY_BOT_STUDENT_ADAPTER_FOLDER, so that adapters are taken on as they are asked, or serves it "
            f"under this name. It has {_listed(models)}."
        )
    files = await AdapterBoard(visit.house.reads).files(visit.repository_id, adapter)
    try:
        await AdapterShelf(folder, visit.house.artifacts).lend(server, adapter.name, files)
    except CannotLoadError as error:
        raise ModelServerError(
            f"{error} An operator starts it with VLLM_ALLOW_RUNTIME_LORA_UPDATING=1 and --enable-lora, or "
            "`taxonomy-pipeline serve-student` with --adapters-from."
        ) from None
    return adapter.name


async def _ready_build(server: ModelServer, name: str) -> str:
    if name not in (models := await server.models()):
        raise ModelServerError(
            f"The server of builds does not have {name}: it has {_listed(models)}. An operator serves it under its "
            "name (vLLM: --served-model-name)."
        )
    return name


def _listed(names: Mapping[str, str]) -> str:
    shown = [name[:60] for name in list(names)[:_MOST_NAMES]]
    return (", ".join(shown) or "none") + (" and others" if len(names) > _MOST_NAMES else "")
