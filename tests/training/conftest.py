from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.training.students import a_student, rows, written


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def student(tmp_path_factory: pytest.TempPathFactory) -> Path:
    "The folder of a small student; nobody writes into it."
    return a_student(tmp_path_factory.mktemp("student") / "owl")


@pytest.fixture
def samples(tmp_path: Path) -> Path:
    "A file of samples to train on and to look at."
    return written(tmp_path / "samples.jsonl", rows())
