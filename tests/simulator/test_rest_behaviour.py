"""The simulated GitHub behaves as GitHub does where a schema cannot say so."""

from __future__ import annotations

import aiohttp
import pytest

from bot.clock import MovableClock
from bot.simulator import CommitSpec, Limits, Repository, Simulator, Submodule, Symlink, payloads_git
from tests.simulator.client import AppClient

R = "/repos/instruct/taxonomy"


def annotations(count: int) -> list[dict[str, object]]:
    note = {"path": "a.md", "start_line": 1, "end_line": 1, "annotation_level": "warning", "message": "Look here"}
    return [note] * count


def output(*notes: dict[str, object], summary: str = "See below") -> dict[str, object]:
    return {"title": "Findings", "summary": summary, "annotations": list(notes)}


async def test_annotations_sent_later_are_added(sim: Simulator, client: AppClient, repo: Repository) -> None:
    "A PATCH appends its annotations; more than fifty in one request are refused."
    pull = await sim.open_pull(repo, author="ana", files={"a.md": "a\n"})
    new = {"name": "Contribution", "head_sha": pull.head_sha, "output": output(*annotations(50))}
    run = await client.post(f"{R}/check-runs", new)
    path = f"{R}/check-runs/{run.body['id']}"
    await client.call("PATCH", path, {"conclusion": "failure", "output": output(*annotations(30))})
    refused = await client.call("PATCH", path, {"output": output(*annotations(51))})

    assert refused.status == 422
    (seen,) = repo.check_runs(pull.head_sha)
    assert (seen.status, seen.conclusion, len(seen.annotations)) == ("completed", "failure", 80)
    listed = await client.get(f"{path}/annotations?per_page=100")
    assert len(listed.body) == 80


async def test_a_check_on_a_fork_names_no_pull_request(sim: Simulator, client: AppClient, repo: Repository) -> None:
    "GitHub does not look into forks; for a branch of the repository itself it does."
    fork = await sim.open_pull(repo, author="ana", files={"a.md": "a\n"})
    own = await sim.open_pull(repo, author="mia", files={"b.md": "b\n"}, from_fork=False)
    for pull, numbers in ((fork, []), (own, [own.number])):
        run = await client.post(f"{R}/check-runs", {"name": "Sign-off", "head_sha": pull.head_sha})
        assert [known["number"] for known in run.body["pull_requests"]] == numbers


async def test_only_the_latest_run_of_a_name_is_listed(sim: Simulator, client: AppClient, repo: Repository) -> None:
    "A second run of the same name hides the first, unless all are asked for."
    new = {"name": "Sign-off", "head_sha": repo.head_sha}
    first, second = [(await client.post(f"{R}/check-runs", new)).body["id"] for _ in range(2)]

    latest = await client.get(f"{R}/commits/main/check-runs")
    everything = await client.get(f"{R}/commits/main/check-runs?filter=all")

    assert [run["id"] for run in latest.body["check_runs"]] == [second]
    assert [run["id"] for run in everything.body["check_runs"]] == [second, first]


async def test_mergeability_is_unknown_at_first(sim: Simulator, client: AppClient, repo: Repository) -> None:
    "The first reading says null; a later one says whether base and head conflict; a push makes it unknown again."
    pull = await sim.open_pull(repo, author="ana", files={"README.md": "# Mine\n"})

    assert (await client.get(f"{R}/pulls/1")).body["mergeable"] is None
    assert (await client.get(f"{R}/pulls/1")).body["mergeable"] is True
    await sim.push_to_default(repo, {"README.md": "# Theirs\n"})
    assert (await client.get(f"{R}/pulls/1")).body["mergeable"] is None
    answer = await client.get(f"{R}/pulls/1")
    assert (answer.body["mergeable"], answer.body["mergeable_state"]) == (False, "dirty")
    assert pull.is_conflicting


async def test_lists_stop_where_githubs_stop(sim: Simulator, client: AppClient, repo: Repository) -> None:
    "Of 3,050 files 3,000 are listed and of 260 commits 250, though their numbers are told."
    specs = [CommitSpec(f"Commit {n}") for n in range(259)]
    specs.append(CommitSpec("Many", {f"knowledge/{n}/qna.yaml": f"version: {n}\n" for n in range(3_050)}))
    pull = await sim.open_pull(repo, author="ana", commits=specs)

    told = (await client.get(f"{R}/pulls/1")).body
    last_files = await client.get(f"{R}/pulls/1/files?per_page=100&page=30")
    beyond = await client.get(f"{R}/pulls/1/files?per_page=100&page=31")
    last_commits = await client.get(f"{R}/pulls/1/commits?per_page=100&page=3")
    compared = (await client.get(f"{R}/compare/main...{pull.head_sha}")).body

    assert (told["changed_files"], told["commits"]) == (3_050, 260)
    assert (len(last_files.body), len(beyond.body), len(last_commits.body)) == (100, 0, 50)
    assert (len(compared["files"]), len(compared["commits"]), compared["total_commits"]) == (300, 250, 260)


async def test_pages_are_linked(sim: Simulator, client: AppClient, repo: Repository) -> None:
    "The Link header leads from page to page and ends at the last."
    files = {f"{name}.md": f"{name}\n" for name in "abcde"}
    await sim.open_pull(repo, author="ana", files=files)
    path, seen = f"{R}/pulls/1/files?per_page=2", []
    while path:
        answer = await client.get(path)
        seen += [entry["filename"] for entry in answer.body]
        links = dict(reversed(part.split("; ")) for part in answer.headers["Link"].split(", "))
        path = links.get('rel="next"', "").strip("<>").removeprefix(sim.url)

    assert seen == sorted(files)


async def test_a_moved_file_is_listed_as_renamed(sim: Simulator, client: AppClient, repo: Repository) -> None:
    "A file with the same or nearly the same content under a new path is one entry with its old name."
    text = "version: 3\ncreated_by: ana\ndomain: cars\n"
    await sim.open_pull(repo, author="ana", files={"knowledge/old/qna.yaml": None, "knowledge/new/qna.yaml": text})
    edited = {"knowledge/old/qna.yaml": None, "knowledge/new/qna.yaml": text + "seed: 1\n"}
    await sim.open_pull(repo, author="ana", files=edited)
    for number, has_patch in ((1, False), (2, True)):
        (entry,) = (await client.get(f"{R}/pulls/{number}/files")).body
        assert (entry["status"], entry["previous_filename"]) == ("renamed", "knowledge/old/qna.yaml")
        assert ("patch" in entry) is has_patch


async def test_links_are_followed_only_by_the_contents_api(
    sim: Simulator, client: AppClient, repo: Repository
) -> None:
    "Contents show the target of a link; the tree shows the link, and what a submodule points to."
    files = {
        "docs/link.md": Symlink("../README.md"),
        "docs/out": Symlink("/etc/passwd"),
        "sub": Submodule("b" * 40),
    }
    pull = await sim.open_pull(repo, author="ana", files=files)

    followed = (await client.get(f"{R}/contents/docs/link.md?ref={pull.head_sha}")).body
    outside = (await client.get(f"{R}/contents/docs/out?ref=refs/pull/1/head")).body
    tree = (await client.get(f"{R}/git/trees/{pull.head_sha}?recursive=1")).body["tree"]

    assert (followed["type"], followed["size"]) == ("file", len("# Taxonomy\n"))
    assert (outside["type"], outside["target"]) == ("symlink", "/etc/passwd")
    modes = {entry["path"]: (entry["mode"], entry["type"]) for entry in tree}
    assert modes["docs/link.md"] == ("120000", "blob")
    assert modes["sub"] == ("160000", "commit")


async def test_a_very_large_tree_is_cut(
    client: AppClient, repo: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    "A tree beyond GitHub's limit is marked as truncated."
    monkeypatch.setattr(payloads_git, "TREE_LIMIT", 2)
    tree = (await client.get(f"{R}/git/trees/{repo.head_sha}?recursive=1")).body
    assert (len(tree["tree"]), tree["truncated"]) == (2, True)


async def test_an_unchanged_answer_costs_nothing(sim: Simulator, client: AppClient, repo: Repository) -> None:
    "With its ETag an unchanged answer is 304 and not counted; after a change it comes again."
    await sim.open_pull(repo, author="ana", files={"a.md": "a\n"})
    first = await client.get(f"{R}/issues/1/comments")
    again = await client.get(f"{R}/issues/1/comments", **{"If-None-Match": first.headers["Etag"]})
    await client.post(f"{R}/issues/1/comments", {"body": "News"})
    changed = await client.get(f"{R}/issues/1/comments", **{"If-None-Match": first.headers["Etag"]})

    assert (again.status, changed.status) == (304, 200)
    assert again.headers["X-RateLimit-Used"] == first.headers["X-RateLimit-Used"]


async def test_too_many_writes_are_refused_for_a_while(
    sim: Simulator, client: AppClient, repo: Repository, clock: MovableClock
) -> None:
    "The eighty-first write of a minute has to wait, as Retry-After says; reads go on."
    await sim.open_pull(repo, author="ana", files={"a.md": "a\n"})
    sim.limits.writes_per_minute = 3
    statuses = [(await client.post(f"{R}/issues/1/comments", {"body": f"No. {n}"})).status for n in range(3)]
    refused = await client.post(f"{R}/issues/1/comments", {"body": "No. 4"})

    assert (statuses, refused.status) == ([201] * 3, 403)
    assert "secondary rate limit" in refused.body["message"]
    assert (await client.get(f"{R}/issues/1/comments")).status == 200
    await clock.advance(seconds=int(refused.headers["Retry-After"]))
    assert (await client.post(f"{R}/issues/1/comments", {"body": "No. 4"})).status == 201


async def test_the_hourly_limit_stops_everything(
    sim: Simulator, client: AppClient, repo: Repository, clock: MovableClock
) -> None:
    "Past the primary limit even reads are refused until the hour is over."
    sim.limits.requests_per_hour = 2
    answers = [await client.get(R) for _ in range(3)]

    assert [answer.status for answer in answers] == [200, 200, 403]
    assert answers[-1].headers["X-RateLimit-Remaining"] == "0"
    await clock.advance(hours=1)
    await client.sign_in(repo)
    assert (await client.get(R)).status == 200


async def test_graphql_has_an_hourly_limit_of_its_own(
    sim: Simulator, client: AppClient, repo: Repository, clock: MovableClock
) -> None:
    "It refuses with status 200, and what REST has left is another number."
    sim.limits.points_per_hour = 1
    query = {"query": "query { rateLimit { remaining } }"}
    asked = [await client.post("/graphql", query) for _ in range(2)]
    read = await client.get(R)

    assert [answer.status for answer in asked] == [200, 200]
    assert [error["type"] for error in asked[-1].body["errors"]] == ["RATE_LIMITED"]
    assert asked[-1].headers["X-RateLimit-Resource"] == "graphql"
    assert asked[-1].headers["X-RateLimit-Remaining"] == "0"
    assert (read.status, read.headers["X-RateLimit-Resource"]) == (200, "core")
    assert read.headers["X-RateLimit-Remaining"] == "4999"
    told = (await client.get("/rate_limit")).body["resources"]
    assert (told["core"]["limit"], told["graphql"]["limit"], told["graphql"]["remaining"]) == (5_000, 1, 0)


def test_limits_are_githubs_unless_told_otherwise() -> None:
    "5,000 requests an hour; 80 writes a minute, 500 an hour."
    assert Limits() == Limits(requests_per_hour=5_000, writes_per_minute=80, writes_per_hour=500)


@pytest.mark.parametrize(
    "claims",
    [{"iss": "99"}, {"exp": 0}, {"exp": 4_000_000_000}, {"iat": 4_000_000_000}],
    ids=["another App", "expired", "valid for too long", "from the future"],
)
async def test_a_wrong_app_token_is_refused(claims: dict[str, object], client: AppClient) -> None:
    "The App must name itself and no more than the next ten minutes."
    assert (await client.call("GET", "/app", token=client.app_token(**claims))).status == 401


async def test_an_installation_token_lasts_an_hour(client: AppClient, clock: MovableClock) -> None:
    "After an hour the token is refused as bad credentials."
    await clock.advance(minutes=59)
    assert (await client.get(R)).status == 200
    await clock.advance(minutes=1)
    refused = await client.get(R)
    assert (refused.status, refused.body["message"]) == (401, "Bad credentials")


async def test_a_token_does_not_reach_elsewhere(sim: Simulator, client: AppClient) -> None:
    "Private repositories of others do not exist, public ones can only be read."
    sim.create_repository("other/secret", private=True)
    sim.create_repository("other/open", install=False)

    assert (await client.get("/repos/other/secret")).status == 404
    assert (await client.get("/repos/other/open")).status == 200
    assert (await client.post("/repos/other/open/labels", {"name": "x"})).status == 403


async def test_a_missing_permission_is_refused(sim: Simulator, client: AppClient, repo: Repository) -> None:
    "An App that may only read checks cannot write them."
    sim.state.app.permissions["checks"] = "read"
    refused = await client.post(f"{R}/check-runs", {"name": "Sign-off", "head_sha": repo.head_sha})
    assert (refused.status, refused.body["message"]) == (403, "Resource not accessible by integration")


async def test_orders_for_trouble_are_carried_out(sim: Simulator, client: AppClient, repo: Repository) -> None:
    "A failed request did nothing; a dropped answer hides that the work was done."
    pull = await sim.open_pull(repo, author="ana", files={"a.md": "a\n"})
    path = f"{R}/issues/1/comments"
    sim.fail_next("POST", r"/comments$", status=502, body="")
    assert (await client.post(path, {"body": "One"})).status == 502
    assert pull.comments == []
    sim.drop_next_response("POST", r"/comments$")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.post(path, {"body": "Two"})
    assert [comment.body for comment in pull.comments] == ["Two"]
    assert (await client.post(path, {"body": "Three"})).status == 201


async def test_labels_are_made_when_first_used(sim: Simulator, client: AppClient, repo: Repository) -> None:
    "An unknown label becomes a grey one of the repository; setting labels replaces the others."
    pull = await sim.open_pull(repo, author="ana", files={"a.md": "a\n"})
    await client.post(f"{R}/issues/1/labels", {"labels": ["skill", "triage-needed"]})
    await client.call("PUT", f"{R}/issues/1/labels", {"labels": ["skill", "large"]})

    assert pull.labels == ["skill", "large"]
    assert repo.labels["large"].color == "ededed"


async def test_commits_tell_who_made_them(sim: Simulator, client: AppClient, repo: Repository) -> None:
    "Accounts are found by e-mail address; the web editor commits as GitHub and signs."
    sim.create_user("ana", name="Ana Sol", email="ana@example.org")
    commits = [
        CommitSpec("By hand", {"a.md": "a\n"}),
        CommitSpec("On the web", {"b.md": "b\n"}, web_editor=True),
        CommitSpec("By a stranger", {"c.md": "c\n"}, author_name="Stranger", author_email="s@nowhere.example"),
    ]
    await sim.open_pull(repo, author="ana", commits=commits)

    hand, web, stranger = (await client.get(f"{R}/pulls/1/commits")).body
    assert hand["author"]["login"] == "ana"
    assert hand["commit"]["message"] == "By hand\n\nSigned-off-by: Ana Sol <ana@example.org>"
    assert (web["commit"]["committer"]["email"], web["commit"]["verification"]["verified"]) == (
        "noreply@github.com",
        True,
    )
    assert stranger["author"] is None


async def test_unknown_routes_are_counted(sim: Simulator, client: AppClient, fidelity: object) -> None:
    "What the simulator does not know is 404 and remembered, so that a test can refuse it."
    assert (await client.get(f"{R}/milestones")).status == 404
    assert [line.path for line in sim.unknown_routes] == [f"{R}/milestones"]


async def test_graphql_refuses_unknown_fields_before_it_acts(
    sim: Simulator, client: AppClient, repo: Repository
) -> None:
    "A document with a field that GitHub has not changes nothing."
    pull = await sim.open_pull(repo, author="ana", files={"a.md": "a\n"})
    query = (
        'mutation($s: ID!) { addComment(input: {subjectId: $s, body: "Hi"}) { commentEdge { node { color } } } }'
    )

    answer = await client.post("/graphql", {"query": query, "variables": {"s": pull.node_id}})

    assert "doesn't exist on type 'IssueComment'" in answer.body["errors"][0]["message"]
    assert pull.comments == []


async def test_calls_are_counted(sim: Simulator, client: AppClient, repo: Repository) -> None:
    "Reads and writes since a mark can be told apart; fetching a token is no write."
    await sim.open_pull(repo, author="ana", files={"a.md": "a\n"})
    mark = sim.mark
    await client.sign_in(repo)
    await client.get(f"{R}/pulls/1")
    await client.post(f"{R}/issues/1/comments", {"body": "Hi"})

    calls = sim.calls_since(mark)
    assert [call.is_write for call in calls] == [False, False, True]
    assert calls[1].route == "/repos/{owner}/{repo}/pulls/{pull_number}"
