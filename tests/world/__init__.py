"""The test world: a simulated GitHub, the real bot, people who act, and a clock that is moved by hand.

A story opens pull requests and pushes as people do, then looks at what the bot said. Whatever the bot said
that no line of the story looked at fails the test when the world ends.
"""

from tests.world.people import Person, PullRequest
from tests.world.world import World

__all__ = ["Person", "PullRequest", "World"]
