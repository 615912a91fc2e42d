"""How long base and adapter take to be measured: `python -m benchmarks.evaluation`, against lm-eval alone.

The same tasks and the same tiny student, in turns: ours loads it once and switches the adapter off and on; lm-eval
alone loads the base model, measures it, loads base and adapter, and measures again. Both include loading and the
reading of tasks, both run in this process on one thread, and both give the same log-probabilities, or this fails.
Each time is the least of its rounds.
"""

from __future__ import annotations

import argparse
import math
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.tiny_llama import make, make_adapter
from pipeline.datasets import write_json
from pipeline.evaluation.mmlu_tasks import MmluTask, tasks_for, write_tasks
from pipeline.evaluation.questions import Question, QuestionSet
from pipeline.sdg.rows import Split

TARGET_TIMES_ALONE = 1.2
_SHOTS = (0, 5)
_PLACES = ("Ashby", "Birke", "Corve", "Dunmor", "Elsbeck", "Fenwold", "Garth", "Holme")
_WORDS = ("at night", "in the river", "two hundred miles", "the sea", "three valleys", "mice and frogs", "1 to 3")

LogProbs = dict[tuple[str, str, str], tuple[float, ...]]  # by model, task and question


def questions(count: int) -> QuestionSet:
    """Return so many questions, and five to show as examples."""
    made = [
        Question(
            f"{i:05}",
            f"What is told of {_PLACES[i % 8]} on day {i}, and of what was there before it in the valley?",
            tuple(_WORDS[(i + k) % len(_WORDS)] for k in range(4)),
            i % 4,
            f"{i}",
            Split.TEST,
        )
        for i in range(count + 5)
    ]
    return QuestionSet(tuple(made[5:]), tuple(made[:5]))


def ours(base: Path, adapter: Path, tasks: Sequence[MmluTask], folder: Path) -> LogProbs:
    """Measure both in one load."""
    from pipeline.evaluation.measuring import measure
    from pipeline.evaluation.students import load_with_adapters

    (measured,) = measure(load_with_adapters(base, [adapter], "cpu"), tasks, folder)
    return {
        (which, each.task.name, answered.question.id): answered.log_probs
        for each in measured
        for which, answers in (("base", each.base), ("tuned", each.tuned))
        for answered in answers
    }


def alone(base: Path, adapter: Path, tasks: Sequence[MmluTask], folder: Path) -> LogProbs:
    """Measure one after the other with lm-eval as it comes."""
    from lm_eval import simple_evaluate
    from lm_eval.tasks import TaskManager

    names = write_tasks(tasks, folder)
    found: LogProbs = {}
    for which, peft in (("base", None), ("tuned", str(adapter))):
        results = simple_evaluate(
            model="hf",
            model_args={"pretrained": str(base), "dtype": "float32"} | ({"peft": peft} if peft else {}),
            device="cpu",
            batch_size=16,
            tasks=list(names),
            task_manager=TaskManager(include_path=str(folder), include_defaults=False),
            bootstrap_iters=0,
        )
        for name in names:
            for sample in results["samples"][name]:
                log_probs = tuple(float(log_prob) for log_prob, _ in sample["filtered_resps"])
                found[which, name, sample["doc"]["id"]] = log_probs
    return found


def largest_difference(one: LogProbs, other: LogProbs) -> float:
    """Return how far two measurements are apart at most."""
    assert one.keys() == other.keys(), "not the same questions"
    return max(abs(a - b) for key, log_probs in one.items() for a, b in zip(log_probs, other[key], strict=True))


def main() -> None:
    """Measure and print; exit 1 beyond the target."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    import torch

    from pipeline.training.weights import fingerprint

    torch.set_num_threads(1)
    place = Path(tempfile.mkdtemp(prefix="evaluation-"))
    try:
        base, adapter = place / "base", place / "adapter"
        make(base)
        make_adapter(adapter)
        write_json(adapter / "base.json", {"fingerprint": fingerprint(base)})
        tasks = tasks_for("pr_mmlu", questions(options.questions), _SHOTS)
        warm = tasks_for("pr_mmlu", questions(2), _SHOTS)
        for way in (ours, alone):  # imports, and what is set up once a process
            way(base, adapter, warm, place / "warm" / way.__name__)
        best, found = {"ours": math.inf, "alone": math.inf}, {}
        for number in range(options.rounds):
            for way in (ours, alone):
                began = time.perf_counter()
                found[way.__name__] = way(base, adapter, tasks, place / f"{way.__name__}{number}")
                best[way.__name__] = min(best[way.__name__], time.perf_counter() - began)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    apart, times = largest_difference(found["ours"], found["alone"]), best["ours"] / best["alone"]
    print(f"{options.questions} questions at {len(_SHOTS)} numbers of shots, base and adapter, tiny student, CPU:")
    print(f"  ours, one load         {best['ours']:7.2f} s")
    print(f"  lm-eval alone, twice   {best['alone']:7.2f} s")
    print(f"  ratio {times:.2f} (target {TARGET_TIMES_ALONE}); log-probabilities at most {apart:.1e} apart")
    if times > TARGET_TIMES_ALONE or apart > 1e-4:
        sys.exit(1)


if __name__ == "__main__":
    main()
