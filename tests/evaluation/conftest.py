from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.datasets import write_json
from tests.evaluation.tiny import TinyFolders


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyFolders:
    "A tiny Llama with random weights, and an adapter that changes what it says."
    import torch

    from benchmarks.tiny_llama import make, make_adapter
    from pipeline.training.weights import fingerprint

    torch.set_num_threads(1)
    folder: Path = tmp_path_factory.mktemp("tiny")
    tiny = TinyFolders(folder / "base", folder / "adapter")
    make(tiny.base)
    make_adapter(tiny.adapter)
    write_json(tiny.adapter / "base.json", {"fingerprint": fingerprint(tiny.base)})
    return tiny
