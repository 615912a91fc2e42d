from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.building.builds import Steps
from tests.training.students import a_student


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    "The folder of a small student; nobody writes into it."
    return a_student(tmp_path_factory.mktemp("student") / "owl", max_position_embeddings=1024)


@pytest.fixture
def steps(student: Path, tmp_path: Path) -> Steps:
    "A build with a worker that has the small student."
    return Steps(tmp_path, student, {"build_preset": "tiny", "build_epochs": 2})
