from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from pipeline.serving.engine import Engine
from pipeline.serving.loading import Loaded, load
from pipeline.serving.server import StudentServer
from tests.serving.students import write_random_adapter, write_student


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    "A tiny student on disk."
    torch.set_num_threads(1)
    return write_student(tmp_path_factory.mktemp("students") / "tiny")


@pytest.fixture(scope="session")
def adapters(base: Path) -> dict[str, Path]:
    "Two adapters for it."
    return {
        name: write_random_adapter(base.with_name(name), base, seed) for seed, name in enumerate(("owls", "bees"))
    }


@pytest.fixture(scope="session")
def loaded(base: Path, adapters: dict[str, Path]) -> Loaded:
    "The student with both adapters, in one load."
    return load(base, adapters)


@pytest.fixture
def engine(loaded: Loaded) -> Iterator[Engine]:
    "Its thread, running."
    with Engine(loaded, slots=4, line=16) as engine:
        yield engine


@pytest.fixture
async def server(engine: Engine, loaded: Loaded) -> AsyncIterator[StudentServer]:
    "Its server on loopback."
    async with StudentServer(engine, loaded, "tiny") as server:
        yield server
