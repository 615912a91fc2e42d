"""Whoever watches over a worker sees that it lives, by a file, and what the file is not led to."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from pipeline.worker.alive import SignOfLife
from tests.jobs.workshop import Workshop


def signs(folder: Path) -> list[Path]:
    return list(folder.rglob("worker.alive"))


def test_a_living_worker_touches_its_file(tmp_path: Path) -> None:
    "The file is as old as the last sign, and gone after an orderly end."
    sign = SignOfLife(tmp_path / "run", "gpu-1")
    sign.give()
    (file,) = (tmp_path / "run").iterdir()
    assert file.name == "gpu-1.alive"
    os.utime(file, (1_000, 1_000))
    sign.give()
    assert file.stat().st_mtime > 1_000_000
    sign.end()
    assert not file.exists()


def test_nobody_leads_the_sign_elsewhere(tmp_path: Path) -> None:
    "A link in the folder, which all on the machine can write to, is not followed; the worker works on."
    precious = tmp_path / "precious"
    precious.touch()
    os.utime(precious, (1_000, 1_000))
    (tmp_path / "gpu-1.alive").symlink_to(precious)
    SignOfLife(tmp_path, "gpu-1").give()
    assert precious.stat().st_mtime == 1_000


def test_a_folder_that_cannot_be_written_to_stops_no_work(tmp_path: Path) -> None:
    "The sign is for others; a worker that cannot give it says so in its log."
    (tmp_path / "file").touch()
    sign = SignOfLife(tmp_path / "file", "gpu-1")
    sign.give()
    sign.end()


async def test_a_real_worker_gives_it(tmp_path: Path) -> None:
    "A worker as a process of its own has its file while it works."
    async with Workshop(tmp_path) as workshop:
        worker = workshop.starts_a_worker()
        async with asyncio.timeout(60):
            while not signs(tmp_path):
                await asyncio.sleep(0.1)
        worker.terminate()
        worker.wait(20)
        assert not signs(tmp_path)
