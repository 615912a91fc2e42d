"""The pages' facts as JSON: by an OpenAPI document, for whom the pages are, page by page, and refused in words."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import AsyncIterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest, MockResponse
from openapi_spec_validator import validate

from bot.dashboard.openapi import openapi_document
from bot.dashboard.registry import Page, all_pages
from bot.dashboard.resource_registry import ROOT, Resource, all_resources
from bot.jobs import JobKind
from bot.nightly.plan import BuildPlan
from bot.store.adoption import AdoptionStore, ObservedPull
from bot.store.builds import BuildStore
from bot.store.deliveries import DeliveryState, DeliveryStore
from bot.would_say import WouldSay
from tests.dashboard.shop_floor import ShopFloor
from tests.dashboard.test_admin_page import FOREIGN, parked
from tests.dashboard.visitor import Seen, Visitor
from tests.world import World

Shop = tuple[World, ShopFloor]
HERE = "/repositories/instruct/taxonomy"


def strict(document: dict[str, Any]) -> dict[str, Any]:
    "The document, so that an answer may hold nothing that it does not name."
    strict = deepcopy(document)
    for schema in strict["components"]["schemas"].values():
        if schema.get("type") == "object" and "properties" in schema:
            schema["additionalProperties"] = False
            schema["required"] = list(schema["properties"])
    return strict


@dataclass
class Client:
    "Somebody whose program asks; each answer is held against the document."

    visitor: Visitor

    async def gets(self, path: str, **headers: str) -> tuple[Seen, Any]:
        "Ask for something below the root."
        seen = await self.visitor.opens(ROOT + path, **headers)
        return seen, json.loads(seen.html) if seen.html else None

    async def reads(self, path: str) -> Any:
        "Ask for something that is there, and that the document describes to the last field."
        seen, data = await self.gets(path)
        assert seen.status == 200, seen.html
        bare, _, query = path.partition("?")
        arguments = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        request = MockRequest("http://bot.example", "get", ROOT + bare, args=arguments)
        response = MockResponse(seen.html.encode(), 200, {"ETag": seen.headers["Etag"]}, "application/json")
        DOCUMENT.validate_request(request)
        DOCUMENT.validate_response(request, response)
        return data


DOCUMENT = OpenAPI.from_dict(strict(openapi_document("", "session")))


@pytest.fixture
async def tess(shop: Shop) -> AsyncIterator[Client]:
    "A triager's program."
    async with Visitor(shop[0]) as visitor:
        await visitor.signs_in("tess", back="/rules")
        yield Client(visitor)


@pytest.fixture
async def max_(shop: Shop) -> AsyncIterator[Client]:
    "A maintainer's program."
    async with Visitor(shop[0]) as visitor:
        await visitor.signs_in("max", back="/rules")
        yield Client(visitor)


@pytest.fixture
async def nobody(shop: Shop) -> AsyncIterator[Client]:
    "A program that is not signed in."
    async with Visitor(shop[0]) as visitor:
        yield Client(visitor)


def example_of(one: Resource) -> str:
    "An address that fits a resource."
    filled = one.path.replace("{owner}", "instruct").replace("{repo}", "taxonomy")
    for name in one.variables[2:]:
        filled = filled.replace("{" + name + "}", "1")
    return filled


async def with_everything(shop: Shop) -> None:
    "One of each: a pull request, one that is silent, a job that has told something, a build, a delivery given up."
    world, floor = shop
    pr = await world.ana.opens_pr(title="Otters <script>alert(1)</script>")
    await world.settled()
    await world.tess.comments(pr, "/hold")
    await world.settled()
    job = await floor.asks(world.repo.id, pr.number, JobKind.GENERATE, pr.pull.head_sha)
    work = await floor.takes(job.id)
    await work.tells("began", "\x1b[31mred\x1b[0m", share=0.5, stage="half way")
    async with world.database() as engine:
        for place in (world.repo.id, FOREIGN):
            plan = BuildPlan(place, "b" * 40)
            assert await BuildStore(engine).add(plan, date(2026, 1, 6), world.clock.now())
            said = WouldSay(comments=("Not ready yet",), labels_on=("skill",)).written()
            await AdoptionStore(engine).keep(ObservedPull(place, 77, head_sha="d" * 40, would_say=said))
        await DeliveryStore(engine).add([parked("own-1", world.repo.id), parked("foreign-1", FOREIGN)])
    await floor.asks(FOREIGN, 3, JobKind.GENERATE)


def test_the_document_is_valid_and_names_every_resource() -> None:
    "By the specification's own schema; each path once, each with who it is for."
    document = openapi_document("/bot", "__Host-session")
    validate(document)
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {one.path for one in all_resources()}
    assert document["servers"] == [{"url": f"/bot{ROOT}"}]
    for path in document["paths"].values():
        assert path["get"]["description"]


async def test_every_answer_is_as_the_document_says(shop: Shop, max_: Client) -> None:
    "All resources, asked of a world that has one of each; nothing undeclared is in any answer."
    await with_everything(shop)
    index = (await max_.gets(""))[1]
    assert [one["path"] for one in index["resources"]] == [ROOT + one.path for one in all_resources()]
    assert (await max_.gets("/openapi.json"))[1] == openapi_document("", "session")
    for one in all_resources():
        data = await max_.reads(example_of(one))
        if "items" in data and "leaves" not in data:
            assert data["items"], one.path
    pull = await max_.reads(f"{HERE}/pulls/1")
    assert pull["title"] == "Otters <script>alert(1)</script>"
    assert pull["holds"] == ["hold"]
    assert pull["next"] == "holder"
    log = await max_.reads(f"{HERE}/jobs/1/log")
    assert [line["text"] for line in log["lines"]] == ["began", "red"]
    assert (await max_.reads(f"{HERE}/jobs/1/log?after={log['next']}"))["lines"] == []
    assert not log["is_over"]


async def test_lists_go_on_where_a_cursor_says(shop: Shop, max_: Client) -> None:
    "Each entry once, the newest first, for every list that has pages."
    world, floor = shop
    await with_everything(shop)
    for name in ("bob", "cleo"):
        await getattr(world, name).opens_pr()
    await world.settled()
    for _ in range(3):
        await floor.asks(world.repo.id, 1, JobKind.PRECHECK)
    async with world.database() as engine:
        for day in (7, 8):
            await BuildStore(engine).add(BuildPlan(world.repo.id, "c" * 40), date(2026, 1, day), world.clock.now())
    for path, key in (("pulls", "number"), ("jobs", "id"), ("builds", "id"), ("deliveries", "id"), ("audit", "id")):
        whole = [one[key] for one in (await max_.reads(f"{HERE}/{path}?limit=100"))["items"]]
        seen, cursor = [], ""
        while True:
            page = await max_.reads(f"{HERE}/{path}?limit=2" + (f"&cursor={cursor}" if cursor else ""))
            seen += [one[key] for one in page["items"]]
            cursor = page["next"]
            if not cursor:
                break
        assert seen == whole, path
        assert len(set(seen)) == len(seen)


def word(inside: str) -> str:
    "A cursor with this in it."
    return base64.urlsafe_b64encode(inside.encode()).decode().rstrip("=")


NOT_OURS = (
    "x",
    "%00",
    "%F0%9F%A6%A6",
    "A" * 160,
    "A" * 5000,
    word("jobs"),
    word("jobs:-1"),
    word("jobs:1:2"),
    word("jobs:01"),
    word("jobs:99999999999999999999999"),
    word("pulls:1:1"),
    word("jobs:1; drop table jobs"),
    word("jobs:1") + "=",
    word("jobs:１"),
)


async def test_a_cursor_that_we_never_wrote_is_refused(shop: Shop, nobody: Client) -> None:
    "Of another list, changed, or made up: in words, and never by a crash."
    await shop[0].ana.opens_pr()
    await shop[0].settled()
    for cursor in NOT_OURS:
        seen, problem = await nobody.gets(f"{HERE}/jobs?cursor={cursor}")
        assert seen.status == 400, cursor
        assert seen.headers["Content-Type"] == "application/problem+json"
        assert problem["detail"]
        assert problem["remedy"]


async def test_a_cursor_to_nowhere_is_an_end(shop: Shop, max_: Client) -> None:
    "A place that no list has is no error of anybody's, on either database."
    await with_everything(shop)
    for first, last in ((9999999999999999, 9999999999999999), (0, 0), (1, 2147483648)):
        cursor = word(f"pulls:{first}:{last}")
        assert (await max_.gets(f"{HERE}/pulls?cursor={cursor}"))[0].status == 200, cursor
        for name in ("jobs", "deliveries", "audit", "builds", "pulls/1/history"):
            cursor = word(f"{name.rpartition('/')[2]}:{last}")
            assert (await max_.gets(f"{HERE}/{name}?cursor={cursor}"))[0].status == 200, (name, last)


REFUSED = (
    ("pulls?limit=0", "?limit"),
    ("pulls?limit=101", "?limit"),
    ("pulls?limit=many", "?limit"),
    ("pulls?state=nonsense", "?state"),
    ("pulls?sort=title", "?sort"),
    ("pulls?limit=2&limit=3", "?limit"),
    ("pulls?q=" + "x" * 101, "?q"),
    ("jobs?pull=2147483648", "?pull"),
    ("jobs?kind=mining", "?kind"),
    ("pulls/1/reading?since=main", "?since"),
    ("pulls/1/evaluation?answers=best", "?answers"),
    ("pulls/1/samples?show=all", "?show"),
)


async def test_what_cannot_be_asked_is_refused_with_its_place(shop: Shop, nobody: Client) -> None:
    "The answer says what is wrong and where; a misspelt filter never shows everything."
    await shop[0].ana.opens_pr()
    await shop[0].settled()
    for query, where in REFUSED:
        seen, problem = await nobody.gets(f"{HERE}/{query}")
        assert seen.status == 400, query
        assert problem["instance"] == ROOT + HERE + "/" + query.partition("?")[0]
        assert [one["where"] for one in problem["errors"]] == [where]
        assert problem["errors"][0]["why"]


async def test_what_is_not_yours_is_not_there(shop: Shop, tess: Client, nobody: Client) -> None:
    "Resources for maintainers, jobs and builds of other repositories, numbers beyond all: 404, or 401 for nobody."
    await with_everything(shop)
    for rest in ("deliveries", "audit", "budgets", "configuration", "processes"):
        assert (await tess.gets(f"{HERE}/{rest}"))[0].status == 404, rest
        assert (await nobody.gets(f"{HERE}/{rest}"))[0].status == 401, rest
    for path in ("jobs/2", "jobs/2/log", "builds/2", "pulls/77", "pulls/99999999999999999", "pulls/0", "jobs/x"):
        seen, problem = await tess.gets(f"{HERE}/{path}")
        assert seen.status == 404, path
        assert problem["status"] == 404
    assert (await nobody.gets(f"{HERE}/jobs/1"))[0].status == 401
    assert (await nobody.gets(f"{HERE}/jobs/1/log"))[0].status == 401
    assert (await tess.gets("/repositories/no/such"))[0].status == 404
    listed = await tess.reads(f"{HERE}/jobs")
    assert [one["id"] for one in listed["items"]] == [1]
    queue = (await nobody.gets(f"{HERE}/queue"))[1]
    assert queue["workers"] == []
    foreign = [job for one in queue["queues"] for job in one["line"] if not job["is_ours"]]
    assert foreign
    assert {(job["id"], job["number"], job["asked_by"], job["author"]) for job in foreign} == {(0, 0, "", "")}


async def test_a_private_repository_tells_strangers_nothing(shop: Shop, tess: Client, nobody: Client) -> None:
    "Every resource of it: 401 to nobody, 404 to a stranger; its triagers read on."
    world, _ = shop
    await with_everything(shop)
    world.repo.private = True
    await world.clock.advance(minutes=2)
    async with Visitor(world) as visitor:
        await visitor.signs_in("ben", back="/rules")
        ben = Client(visitor)
        for one in all_resources():
            if not one.is_of_repository:
                continue
            for who, status in ((nobody, 401), (ben, 404)):
                seen, _problem = await who.gets(example_of(one))
                assert seen.status == status, one.path
                assert "Otters" not in seen.html
        assert (await ben.gets("/repositories"))[1]["items"] == []
    assert (await tess.reads(f"{HERE}/pulls"))["items"]
    async with Visitor(world) as visitor:
        await visitor.signs_in("ana", back="/rules")
        assert (await Client(visitor).reads(f"{HERE}/pulls/1"))["author"] == "ana"


async def test_what_has_not_changed_is_not_sent_again(shop: Shop, nobody: Client) -> None:
    "304 without a body while it is the same, and all of it once it is not; nobody between us keeps a copy."
    world, _ = shop
    await world.ana.opens_pr()
    await world.settled()
    seen, _ = await nobody.gets(f"{HERE}/pulls")
    assert seen.headers["Cache-Control"] == "private, no-cache"
    assert seen.headers["X-Content-Type-Options"] == "nosniff"
    tag = seen.headers["Etag"]
    again, data = await nobody.gets(f"{HERE}/pulls", If_None_Match=f'"other", {tag}')
    assert (again.status, data) == (304, None)
    assert again.headers["Etag"] == tag
    await world.bob.opens_pr()
    await world.settled()
    changed, data = await nobody.gets(f"{HERE}/pulls", If_None_Match=tag)
    assert changed.status == 200
    assert len(data["items"]) == 2


async def test_it_can_only_be_read(shop: Shop, nobody: Client) -> None:
    "HEAD says what GET would, without it; whatever would change something is refused in JSON."
    await shop[0].ana.opens_pr()
    await shop[0].settled()
    visitor = nobody.visitor
    async with visitor.http.head(f"{visitor.base}{ROOT}{HERE}/pulls") as answer:
        assert answer.status == 200
        assert answer.headers["ETag"]
        assert await answer.read() == b""
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        async with visitor.http.request(method, f"{visitor.base}{ROOT}{HERE}/pulls") as answer:
            assert answer.status == 405
            assert answer.headers["Allow"] == "GET, HEAD"
            assert (await answer.json(content_type=None))["remedy"]
    seen, problem = await nobody.gets("/nonsense")
    assert seen.status == 404
    assert ROOT in problem["detail"]


async def test_a_delivery_is_found_by_how_it_stands(shop: Shop, max_: Client) -> None:
    "Only those of this repository, by state and by how the GUID begins."
    await with_everything(shop)
    failed = (await max_.reads(f"{HERE}/deliveries?state={DeliveryState.FAILED}"))["items"]
    assert [one["guid"] for one in failed] == ["own-1"]
    assert (await max_.reads(f"{HERE}/deliveries?guid=foreign"))["items"] == []
    assert (await max_.gets(f"{HERE}/deliveries?guid=%25"))[0].status == 400
    assert (await max_.gets(f"{HERE}/audit?actor=%00&act=%00"))[1]["items"] == []
    assert (await max_.gets(f"{HERE}/pulls?q=%00"))[0].status == 200
    assert (await max_.visitor.opens_page("/pulls/99999999999999999")).status == 404


NO_FACTS = {
    "/": "lists what /repositories lists",
    "/badge/{}/{}/build.svg": "a picture of what a build came to",
    "/badge/{}/{}/pull/{}.svg": "a picture of how a pull request stands",
    "/r/{}/{}/builds/trend.svg": "a picture of the scores in the reports",
    "/r/{}/{}/pulls/{}/evaluation/{}/chart.svg": "a picture of an evaluation",
    "/r/{}/{}/pulls/{}/files/{}/{}": "a file, whose name and digest the job tells",
    "/r/{}/{}/jobs/{}/files/{}/{}": "a file, whose name and digest the job tells",
    "/r/{}/{}/jobs/{}/log/stream": "the lines of the log as they come",
}
ELSEWHERE = {
    "/r/{}/{}": "/r/{}/{}/overview",
    "/r/{}/{}/admin": "/r/{}/{}/deliveries",
    "/r/{}/{}/commands": "/commands",
    "/r/{}/{}/pulls/{}": "/r/{}/{}/pulls/{}/reading",
    "/r/{}/{}/builds/{}": "/r/{}/{}/builds/{}/report",
}


def test_whatever_a_page_shows_is_there_as_json() -> None:
    "Each page has a resource, but those that are no facts; each that is left out says why, and is there."

    def bare(path: str) -> str:
        return re.sub(r"\{\w+\}", "{}", path)

    paths = {bare(one.path) for one in all_pages() if isinstance(one, Page)}
    assert {*NO_FACTS, *ELSEWHERE} <= paths
    told = {bare(one.path).replace("/repositories/{}/{}", "/r/{}/{}", 1) for one in all_resources()}
    wanted = {ELSEWHERE.get(path, path).replace("/admin/", "/") for path in paths - NO_FACTS.keys()}
    assert wanted - told == set()
