"""A student that is smaller still, made once for all tests of this process: some seconds instead of minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.tiny.student import Plan, made_student
from pipeline.tiny.student_course import Course
from pipeline.tiny.student_model import Shape

SMALL = Plan(shape=Shape(vocabulary=1024, hidden=64, inner=128, layers=2), course=Course(tokens=60_000), threads=1)


@pytest.fixture(scope="session")
def student_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tiny-student")


@pytest.fixture(scope="session")
def student(student_cache: Path) -> Path:
    "The folder of the small student."
    return made_student(SMALL, student_cache)
