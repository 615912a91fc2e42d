"""What is to be measured on a GPU, and the two command lines for it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.gpu.shapes import Shape
from pipeline.settings import ServeSettings, read_serve_settings

_ALONE = Path(__file__).with_name("engine_alone.py")
_SPARE = 64  # tokens that the chat template adds, generously


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. `levels` are numbers of requests at once; each level sends `rounds` times as many."""

    shape: Shape
    folder: Path  # of the model and of what is written
    python: str  # the interpreter of the environment that holds vLLM
    levels: tuple[int, ...]
    rounds: int = 4
    prompt_tokens: int = 512
    answer_tokens: int = 512
    dtype: str = "bfloat16"
    gpus: int = 1
    gpu_memory: float = 0.9
    port: int = 8000
    extra: tuple[str, ...] = ()  # arguments for both

    @property
    def most(self) -> int:
        """The highest level."""
        return max(self.levels)

    @property
    def model(self) -> Path:
        """The model's folder."""
        return self.folder / self.shape.name

    @property
    def alone_order(self) -> Path:
        """Where the requests for the engine alone are."""
        return self.folder / "engine-alone-order.json"

    @property
    def alone_result(self) -> Path:
        """Where the engine alone leaves its figures."""
        return self.folder / "engine-alone.json"

    def serve_settings(self) -> ServeSettings:
        """Return how the server is started. Raises PipelineSettingsError."""
        return read_serve_settings(
            serve_program=(self.python, "-m", "vllm.entrypoints.openai.api_server"),
            serve_model=str(self.model.absolute()),
            teacher_model=self.shape.name,
            serve_port=self.port,
            serve_dtype=self.dtype,
            serve_load_format="dummy",
            serve_tensor_parallel=self.gpus,
            serve_max_model_len=self._context,
            serve_gpu_memory=self.gpu_memory,
            serve_adapters=(),
            serve_extra=self._of_both,
            serve_restarts=0,
        )

    def alone_arguments(self) -> list[str]:
        """Return the command that measures the engine without server and client, with as much to do."""
        return [
            *(self.python, str(_ALONE), str(self.alone_order.absolute()), str(self.alone_result.absolute())),
            f"--model={self.model.absolute()}",
            f"--dtype={self.dtype}",
            "--load-format=dummy",
            f"--tensor-parallel-size={self.gpus}",
            f"--max-model-len={self._context}",
            f"--gpu-memory-utilization={self.gpu_memory}",
            *self._of_both,
        ]

    @property
    def _context(self) -> int:
        return self.prompt_tokens + self.answer_tokens + _SPARE

    @property
    def _of_both(self) -> tuple[str, ...]:
        """No prompt is like another, so that nothing is saved by remembering its beginning."""
        return (f"--max-num-seqs={self.most}", "--no-enable-prefix-caching", *self.extra)
