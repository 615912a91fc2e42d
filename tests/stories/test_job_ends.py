"""What a job comes to moves the review: too few samples are the author's or a triager's to look at."""

from __future__ import annotations

from tests.world import World
from tests.world.job_failure import a_job_fails
from tests.world.unbuilt import is_looked_at_again


async def test_too_few_samples_put_a_label_on(world: World) -> None:
    "And letting it through once more takes it off."
    world.repo.permissions["tess"] = "triage"
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    await a_job_fails(world, pr)
    await is_looked_at_again(world, pr)
    await pr.settled()
    assert "sdg-unsuccessful" in pr.labels
    await world.tess.comments(pr, "/generate")
    await pr.settled()
    assert "sdg-unsuccessful" not in pr.labels
    pr.has_been_read()


async def test_the_end_of_a_job_at_an_older_commit_moves_nothing(world: World) -> None:
    "The author has pushed since."
    pr = await world.ana.opens_pr()
    await pr.next_comment()
    await a_job_fails(world, pr, at="0" * 40)
    await is_looked_at_again(world, pr)
    await pr.settled()
    assert "sdg-unsuccessful" not in pr.labels
    pr.has_been_read()
