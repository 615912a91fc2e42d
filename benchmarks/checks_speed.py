"""How fast the checks are, side by side with `instructlab-schema`'s parser on the same files in one run.

Run `python -m benchmarks.checks_speed [PULL_REQUESTS.jsonl] [--markdown]`. Without a corpus it makes its own files.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import io
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from instructlab.schema.taxonomy import TaxonomyParser, TaxonomyReadingException

from benchmarks.corpus import read_corpus
from checks.contribution import LEAF_FILE, ChangedFile, read_contribution
from checks.policy import default_policy
from checks.registry import Rule, all_rules, get_rule
from checks.run import judge
from tests.checks.contributions import KNOWLEDGE_PATH, SKILL_PATH, a_knowledge, a_skill

DEFAULT_CORPUS = Path("../shared/corpus/pull_requests.jsonl")
SHAPE_RULES = ("syntax", "schema", "lint", "counts", "limits")
TARGET_SHAPE, TARGET_ALL, TARGET_MEMORY_MIB = 10.0, 5.0, 400.0
_CHUNK = 10
_SLOWEST = 8  # rules shown


@dataclass(frozen=True, slots=True)
class SeedFile:
    """One file on disk and where it belongs in the taxonomy."""

    path: str
    on_disk: Path


@dataclass(slots=True)
class Contestant:
    """One way to check a file, and the time it has taken."""

    name: str
    check: Callable[[SeedFile], None]
    seconds: float = 0.0
    processor_s: float = 0.0

    def files_per_s(self, files: int) -> float:
        """Return the speed over all files."""
        return files / self.seconds

    def files_per_processor_s(self, files: int) -> float:
        """Return the speed by processor time, children included: what a busy machine does not distort."""
        return files / self.processor_s


def seed_files(corpus: Path | None, tree: Path) -> list[SeedFile]:
    """Write every qna.yaml under `tree`, each pull request in a taxonomy of its own, as upstream expects them."""
    named = _recorded(corpus) if corpus else _generated()
    return [_written(tree, name, path, text) for name, path, text in named]


def _written(tree: Path, name: str, path: str, text: str) -> SeedFile:
    on_disk = tree / name / path
    on_disk.parent.mkdir(parents=True, exist_ok=True)
    on_disk.write_text(text, encoding="utf-8", newline="")
    return SeedFile(path, on_disk)


def _recorded(corpus: Path) -> Iterator[tuple[str, str, str]]:
    for pull_request in read_corpus(corpus):
        for path, text in pull_request.texts():
            if path.endswith(f"/{LEAF_FILE}"):
                yield str(pull_request.number), path, text


def _generated() -> Iterator[tuple[str, str, str]]:
    for number in range(50):
        yield f"skill{number}", SKILL_PATH, a_skill(seed_examples=5 + number % 8)
        yield f"knowledge{number}", KNOWLEDGE_PATH, a_knowledge(contexts=5 + number % 4)


def by_rules(rules: Sequence[Rule]) -> Callable[[SeedFile], None]:
    """Return a check of one file, read from disk, by some of our rules."""
    policy = default_policy()

    def check(file: SeedFile) -> None:
        content = file.on_disk.read_bytes()
        judge(read_contribution([ChangedFile(file.path, content=content, size=len(content))]), policy, rules)

    return check


def upstream() -> Callable[[SeedFile], None]:
    """Return upstream's check of one file, at the version the file names, as its workflow runs it."""
    parser = TaxonomyParser(schema_version=0, message_format="standard")
    parser.yq_available = False  # in its favour: with it, every message starts one more process
    os.environ["PATH"] = (
        f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # it starts yamllint by name
    )
    if shutil.which("yamllint") is None:
        raise SystemExit("yamllint is not beside this Python; upstream's check would be measured without its lint")

    def check(file: SeedFile) -> None:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(TaxonomyReadingException):
            parser.parse(file.on_disk)

    return check


def warm_up(contestants: Sequence[Contestant], tree: Path) -> None:
    """Load what is loaded once in a process (tokenizer, recognisers, schemas) on files that are not measured."""
    texts = {"short": a_knowledge(), "long": a_knowledge(document_outline="bird +49 30 1234567 " * 100)}
    seeds = [{"question": f"Bird {n}? " * 200, "answer": "It is. " * 200} for n in range(5)]
    texts["skill"] = a_skill(seed_examples=seeds)
    for name, text in texts.items():
        file = _written(tree, name, SKILL_PATH if name == "skill" else KNOWLEDGE_PATH, text)
        for contestant in contestants:
            contestant.check(file)


def race(files: Sequence[SeedFile], contestants: Sequence[Contestant]) -> None:
    """Let all contestants check the same files in turns of a few, so that the machine treats them alike."""
    for start in range(0, len(files), _CHUNK):
        for contestant in contestants:
            started, processor_s = time.perf_counter(), _processor_s()
            for file in files[start : start + _CHUNK]:
                contestant.check(file)
            contestant.seconds += time.perf_counter() - started
            contestant.processor_s += _processor_s() - processor_s


def _processor_s() -> float:
    return sum(os.times()[:4])


def slowest_rules(files: Sequence[SeedFile]) -> list[tuple[str, float, float]]:
    """Return the slowest rules: the id, the mean and the longest milliseconds of processor time a file."""
    policy = default_policy()
    times: dict[str, list[float]] = {rule_id: [] for rule_id in all_rules()}
    for file in files:
        content = file.on_disk.read_bytes()
        contribution = read_contribution([ChangedFile(file.path, content=content, size=len(content))])
        for rule in all_rules().values():
            started = time.process_time()
            judge(contribution, policy, [rule])
            times[rule.id].append((time.process_time() - started) * 1_000)
    rows = [(rule_id, sum(ms) / len(ms), max(ms)) for rule_id, ms in times.items()]
    return sorted(rows, key=lambda row: -row[1])[:_SLOWEST]


def peak_memory_mib(corpus: Path | None) -> float:
    """Return the peak memory of a fresh process that checks every file by all our rules."""
    command = [sys.executable, "-m", "benchmarks.checks_speed", "--memory", *([str(corpus)] if corpus else [])]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


def _only_ours(corpus: Path | None) -> float:
    with tempfile.TemporaryDirectory() as folder:
        check = by_rules(tuple(all_rules().values()))
        for file in seed_files(corpus, Path(folder)):
            check(file)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def report(
    files: Sequence[SeedFile],
    contestants: Sequence[Contestant],
    memory_mib: float,
    slowest: Sequence[tuple[str, float, float]],
) -> Iterator[str]:
    """Yield the result as a Markdown section."""
    count = len(files)
    theirs = contestants[-1].files_per_s(count)
    theirs_by_processor = contestants[-1].files_per_processor_s(count)
    targets = {0: TARGET_SHAPE, 1: TARGET_ALL}
    yield "## Checking files"
    yield ""
    machine = f"{os.cpu_count()} cores, Python {sys.version.split()[0]}"
    yield f"{datetime.date.today():%Y-%m-%d}, {machine}, {count} files, one process, in turns of {_CHUNK} files."
    yield f"Upstream lints with yamllint {version('yamllint')} and runs without `yq`, its source of line numbers."
    yield ""
    yield "| what | files/s | times upstream | target | times upstream by processor time |"
    yield "|---|---|---|---|---|"
    for place, contestant in enumerate(contestants):
        speed = contestant.files_per_s(count)
        target = f">= {targets[place]:.0f}" if place in targets else ""
        by_processor = contestant.files_per_processor_s(count) / theirs_by_processor
        yield f"| {contestant.name} | {speed:.1f} | {speed / theirs:.1f} | {target} | {by_processor:.1f} |"
    yield f"| peak memory of a process with all rules | {memory_mib:.0f} MiB | | <= {TARGET_MEMORY_MIB:.0f} MiB | |"
    yield ""
    yield "| the slowest rules | ms a file | longest |"
    yield "|---|---|---|"
    for rule_id, mean_ms, longest_ms in slowest:
        yield f"| `{rule_id}` | {mean_ms:.2f} | {longest_ms:.1f} |"


def main() -> int:
    """Run the bench from the command line; exits 1 when a target is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("corpus", type=Path, nargs="?")
    parser.add_argument(
        "--memory", action="store_true", help="only run our rules, and print the peak memory in MiB"
    )
    parser.add_argument(
        "--markdown", action="store_true", help="print the Markdown section alone, without a verdict"
    )
    arguments = parser.parse_args()
    corpus = arguments.corpus or (DEFAULT_CORPUS if DEFAULT_CORPUS.exists() else None)
    if arguments.memory:
        print(_only_ours(corpus))
        return 0
    contestants = [
        Contestant("ours: schema, lint, counts, limits", by_rules([get_rule(rule) for rule in SHAPE_RULES])),
        Contestant("ours: all rules, with PII", by_rules(tuple(all_rules().values()))),
        Contestant(f"instructlab-schema {version('instructlab-schema')}", upstream()),
    ]
    with tempfile.TemporaryDirectory() as folder:
        files = seed_files(corpus, Path(folder))
        warm_up(contestants, Path(folder) / "warm-up")
        race(files, contestants)
        slowest = slowest_rules(files)
    memory_mib = peak_memory_mib(corpus)
    print("\n".join(report(files, contestants, memory_mib, slowest)))
    if arguments.markdown:
        return 0
    shape, everything, theirs = (contestant.files_per_s(len(files)) for contestant in contestants)
    met = shape >= TARGET_SHAPE * theirs and everything >= TARGET_ALL * theirs and memory_mib <= TARGET_MEMORY_MIB
    print(f"\nTargets {'met' if met else 'missed'}.")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
