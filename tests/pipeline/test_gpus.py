"""Which GPUs a worker sees, what it reports of them, and that no two workers of a machine have the same one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.contract import Queue
from pipeline.gpus import Gpu, GpuError, gpus_here, held_gpus, visible_gpus
from pipeline.machine import this_machine
from pipeline.settings import PipelineSettingsError, read_pipeline_settings
from tests.jobs.gpus import FIRST, SECOND, install_nvidia_smi

TWO = (Gpu("0", FIRST, "NVIDIA H100", 79.6, "570.1"), Gpu("1", SECOND, "NVIDIA H100", 79.6, "570.1"))


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    "A machine with two GPUs, as its nvidia-smi tells."
    folder = install_nvidia_smi(tmp_path)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def test_the_gpus_are_those_that_nvidia_smi_lists(smi: Path) -> None:
    "Index, uuid, name, memory and driver of each."
    assert [(gpu.index, gpu.uuid, gpu.driver) for gpu in gpus_here()] == [
        ("0", FIRST, "570.86.15"),
        ("1", SECOND, "570.86.15"),
    ]
    assert gpus_here()[0].memory_gib == pytest.approx(79.6, abs=0.1)


@pytest.mark.parametrize("does", ["exit 9", "echo 'Failed to initialize NVML'", "echo '0, a, b'"])
def test_an_nvidia_smi_that_does_not_work_is_like_none(smi: Path, does: str) -> None:
    "The driver may be broken; the worker still starts."
    (smi / "nvidia-smi").write_text(f"#!/bin/sh\n{does}\n")
    assert gpus_here() == ()


def test_a_machine_without_nvidia_smi_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    "Nothing is asked, nothing is reported."
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus_here() == ()
    assert (this_machine(()).gpu, this_machine(()).gpu_memory_gib) == ("", 0.0)


@pytest.mark.parametrize(
    ("named", "seen"),
    [
        pytest.param(None, TWO, id="nobody names any: all"),
        pytest.param((), (), id="none"),
        pytest.param(("1",), TWO[1:], id="by index"),
        pytest.param((SECOND, "0"), (TWO[1], TWO[0]), id="by uuid, in the order given"),
        pytest.param((SECOND[:10],), TWO[1:], id="by the beginning of its uuid"),
        pytest.param(("MIG-1f2e",), (Gpu("MIG-1f2e", "MIG-1f2e"),), id="a slice of one"),
    ],
)
def test_a_worker_sees_what_is_named(named: tuple[str, ...] | None, seen: tuple[Gpu, ...]) -> None:
    "As CUDA reads it."
    assert visible_gpus(named, TWO) == seen


@pytest.mark.parametrize(
    ("named", "said"),
    [
        pytest.param(("7",), "no GPU 7 here.*lists 0", id="none such"),
        pytest.param(("GPU-",), "no GPU GPU-", id="two that begin so"),
        pytest.param(("0", FIRST), "named twice", id="one under two names"),
    ],
)
def test_a_gpu_that_is_not_there_is_refused(named: tuple[str, ...], said: str) -> None:
    "The error names those that are."
    with pytest.raises(GpuError, match=said):
        visible_gpus(named, TWO)


@pytest.mark.parametrize(
    ("variables", "gpus"),
    [
        pytest.param({}, None, id="nothing is set"),
        pytest.param({"CUDA_VISIBLE_DEVICES": "1"}, ("1",), id="CUDA's own variable"),
        pytest.param({"CUDA_VISIBLE_DEVICES": "1", "TAXONOMY_PIPELINE_GPUS": "0, 2"}, ("0", "2"), id="ours wins"),
        pytest.param({"CUDA_VISIBLE_DEVICES": ""}, (), id="empty: none"),
        pytest.param({"CUDA_VISIBLE_DEVICES": "-1"}, (), id="CUDA's word for none"),
        pytest.param({"TAXONOMY_PIPELINE_GPUS": "0", "TAXONOMY_PIPELINE_QUEUES": "cpu"}, (), id="CPU work only"),
    ],
)
def test_the_setting_names_the_gpus(
    variables: dict[str, str], gpus: tuple[str, ...] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    "A worker that does only CPU work sees none, whatever is set."
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert read_pipeline_settings().visible_gpus == gpus


def test_a_setting_that_names_no_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    "With the variable that it came from."
    monkeypatch.setenv("TAXONOMY_PIPELINE_GPUS", "0,../../etc")
    with pytest.raises(PipelineSettingsError, match=r"TAXONOMY_PIPELINE_GPUS: has to name GPUs"):
        read_pipeline_settings()


def test_settings_by_name_count_more_than_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    "As everywhere."
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert read_pipeline_settings(gpus=("1",), queues=(Queue.SDG,)).visible_gpus == ("1",)


def test_the_report_counts_equal_gpus() -> None:
    "And adds up their memory."
    machine = this_machine(TWO)
    assert (machine.gpu, machine.gpu_memory_gib) == ("2 x NVIDIA H100", 159.2)
    assert machine.versions["driver"] == "570.1"


def test_the_report_loads_no_torch() -> None:
    "That would take seconds; what torch tells is asked only of one that is loaded already."
    told = "import sys; from pipeline.machine import this_machine; this_machine(()); print('torch' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert said.stdout == "False\n"


def test_a_gpu_is_held_by_one(tmp_path: Path) -> None:
    "Who comes second is told who has it, and takes another; once it is free, it can be had."
    with held_gpus(TWO[:1], tmp_path / "run", "first"):
        with (
            pytest.raises(
                GpuError, match=rf"GPU 0 NVIDIA H100 is taken by the worker first \(process {os.getpid()}\)"
            ),
            held_gpus(TWO, tmp_path / "run", "second"),
        ):
            raise AssertionError("it began")
        with held_gpus(TWO[1:], tmp_path / "run", "second"):
            pass
    with held_gpus(TWO, tmp_path / "run", "second"):
        pass


def test_a_killed_worker_holds_nothing(tmp_path: Path) -> None:
    "The system lets go of its locks."
    holds = (
        "import sys, time; from pathlib import Path; from pipeline.gpus import Gpu, held_gpus\n"
        "with held_gpus([Gpu('0', sys.argv[2])], Path(sys.argv[1]), 'first'):\n"
        "    print('held', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", holds, tmp_path, FIRST], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(GpuError, match=f"process {other.pid}"), held_gpus(TWO[:1], tmp_path, "second"):
            pass
        other.kill()
        other.wait()
    with held_gpus(TWO[:1], tmp_path, "second"):
        pass


def test_a_lock_leads_nowhere_else(tmp_path: Path) -> None:
    "Somebody has put a link in its place: what it leads to is not written to."
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / f"gpu-{FIRST}.lock").symlink_to(precious)
    with pytest.raises(GpuError, match="RUNTIME_DIR"), held_gpus(TWO[:1], tmp_path, "worker"):
        pass
    assert precious.read_text() == "precious"


def test_a_lock_that_holds_anything_is_read_safely(tmp_path: Path) -> None:
    "Its words are another user's."
    with held_gpus(TWO[:1], tmp_path, "first"):
        (tmp_path / f"gpu-{FIRST}.lock").write_bytes(b"\x1b[2J\xff\n" * 50)
        with pytest.raises(GpuError, match="another worker") as error, held_gpus(TWO[:1], tmp_path, "second"):
            pass
    assert json.dumps(str(error.value)).isascii()
    assert "\x1b" not in str(error.value)
