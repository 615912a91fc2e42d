"""Why a merge came to nothing, in the report, and the words of the commit when it does not."""

from __future__ import annotations

from collections.abc import Iterator

from bot.actions import Merge
from bot.comments.readiness import readiness_report
from bot.dossier import Dossier
from bot.facts import Facts
from bot.github.pulls import Pull
from bot.look import Look
from bot.merge_groups import of_all_together
from bot.merging import Candidate, merge_of, on_the_newest_base, refusal_of
from bot.readiness import Obstacle, Readiness, Who
from bot.rule_workers import Judgement
from bot.store.approvals import ApprovalKind
from bot.store.pull_requests import PullMemory
from checks.contribution import Commit, Identity, Login
from checks.findings import Outcome, Verdict
from checks.policy import MergeMethod, Policy
from tests.bot.situations import CONTENT, IDS, OLDER_SHA, REPOSITORY_ID, SHA, an_approval, an_approved_case
from tests.checks.contributions import SKILL_PATH
from tests.words.findings import CRASHED, FAILED, PASSED


def words() -> Iterator[tuple[str, str]]:
    "Yield why merges are refused, and what merges are called."
    for name, obstacle in _refusals():
        readiness = Readiness((obstacle,))
        yield (
            f"merging/{name}",
            f"{readiness.why}\n\n(kept in mind: {'for now' if obstacle.for_now else 'lasting'})",
        )
    for method in MergeMethod:
        yield f"merging/commit-by-{method}", as_text(merge_of(a_candidate(method=method)))
    broken = Obstacle("The bot broke down on this commit: 0123456789ab.", Who.US)
    yield "readiness/bot-broke-down", readiness_report(Readiness((broken,)), SHA).summary


def as_text(merge: Merge) -> str:
    return f"{merge.title}\n\n{merge.message}" if merge.title else "(the commits stay as their authors wrote them)"


def a_candidate(
    verdict: Verdict = PASSED,
    *,
    method: MergeMethod = MergeMethod.SQUASH,
    clashes: tuple[str, ...] = (),
    title: str = "Read values from tables",
    message: str = "Add tables\n\nSigned-off-by: Ana Lee <ana@example.org>",
) -> Candidate:
    "The everyday pull request at the moment of its merge."
    pull = Pull(
        number=1,
        node_id="PR_1",
        repository="instruct/taxonomy",
        repository_node_id="R_1",
        head_sha=SHA,
        base_sha=OLDER_SHA,
        base_ref="main",
        default_branch="main",
        author=Login("ana"),
        author_id=IDS["ana"],
        author_association="CONTRIBUTOR",
        is_open=True,
        is_draft=False,
        changed_files=2,
        labels=frozenset(),
        title=title,
    )
    ana = Identity("Ana Lee", "ana@example.org")
    commit = Commit(sha=SHA, message=message, author=ana, committer=ana)
    facts = Facts(pull, Policy(), commits=(commit,), clashes=clashes, content_digest=CONTENT)
    memory = PullMemory(
        REPOSITORY_ID,
        1,
        head_sha=SHA,
        judged_sha=SHA,
        content_digest=CONTENT,
        outcome=Outcome.PASSED.value,
        state=an_approved_case().status.state.value,
        paths=SKILL_PATH,
    )
    policy = Policy().model_copy(update={"merging": Policy().merging.model_copy(update={"method": method})})
    approvals = (an_approval(ApprovalKind.TRIAGE, "tess"), an_approval(ApprovalKind.APPROVE, "apo"))
    return Candidate(pull, memory, policy, Dossier(approvals=approvals), Look(facts, Judgement(verdict)))


def _refusals() -> Iterator[tuple[str, Obstacle]]:
    for name, candidate in (
        ("same-file-merged-meanwhile", a_candidate(clashes=(SKILL_PATH,))),
        ("fails-on-the-newest-base", a_candidate(FAILED)),
        ("unchecked-on-the-newest-base", a_candidate(CRASHED)),
    ):
        obstacle = on_the_newest_base(candidate)
        assert obstacle is not None, name
        yield name, obstacle
    for outcome in (Outcome.FAILED, Outcome.UNVERIFIED):
        for obstacle in of_all_together(outcome):
            yield f"group-{outcome}", obstacle
    yield "forbidden-by-github", refusal_of("Resource not accessible by integration", 403)
    yield "not-allowed-by-github", refusal_of("At least 1 approving review is required", 405)
    yield "conflict-said-by-github", refusal_of("Pull Request has merge conflicts", 405)
