"""Workers on a machine with GPUs: each has its own, and reports name what it computed on."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from bot.jobs import JobState
from tests.jobs.gpus import install_nvidia_smi
from tests.jobs.workshop import Workshop


async def test_a_worker_computes_on_its_own_gpu_and_reports_it(tmp_path: Path) -> None:
    "The process that does the work sees that GPU alone."
    path = f"{install_nvidia_smi(tmp_path)}{os.pathsep}{os.environ['PATH']}"
    async with Workshop(tmp_path) as workshop:
        workshop.starts_a_worker("first", GPUS="1", environment={"PATH": path})
        over = await workshop.ends(await workshop.asks_for())
        assert over.life.state is JobState.SUCCEEDED
        assert over.life.outcome is not None
        machine = over.life.outcome.machine
        assert machine is not None
        assert (machine.gpu, machine.gpu_memory_gib) == ("NVIDIA L4", 22.49)
        assert machine.versions["driver"] == "570.86.15"
        assert (tmp_path / "seen").read_text().splitlines()[-1] == "1 PCI_BUS_ID"


async def test_two_workers_share_no_gpu(tmp_path: Path) -> None:
    "The second is refused with the name of the first; one that does only CPU work, or has the other GPU, is not."
    path = f"{install_nvidia_smi(tmp_path)}{os.pathsep}{os.environ['PATH']}"
    async with Workshop(tmp_path) as workshop:
        first = workshop.starts_a_worker("first", GPUS="0", environment={"PATH": path})
        await workshop.hears_of("first")
        second = workshop.starts_a_worker("second", environment={"PATH": path})
        assert await asyncio.to_thread(second.wait, 20) == 2
        said = (tmp_path / "second.log").read_text()
        assert f"taken by the worker first (process {first.pid})" in said
        assert "TAXONOMY_PIPELINE_GPUS" in said
        assert "Traceback" not in said
        workshop.starts_a_worker("third", GPUS="1", environment={"PATH": path})
        workshop.starts_a_worker("fourth", QUEUES="cpu", PATH=path)
        await workshop.hears_of("third")
        await workshop.hears_of("fourth")
