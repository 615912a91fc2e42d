from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.documents.git_host import GitHost, Repository


@pytest.fixture(scope="session")
def running_host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GitHost]:
    host = GitHost(tmp_path_factory.mktemp("host"))
    host.start()
    yield host
    host.stop()


@pytest.fixture
def host(running_host: GitHost) -> Iterator[GitHost]:
    "The git host, which behaves well until a test says otherwise."
    running_host.asked.clear()
    running_host.authorisations.clear()
    yield running_host
    running_host.answers.clear()


@pytest.fixture
def repository(host: GitHost) -> Repository:
    "An empty repository of somebody on the host."
    return host.repository(f"ana/kingfisher-{secrets.token_hex(4)}")
