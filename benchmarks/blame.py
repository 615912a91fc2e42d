"""Whether blame names who poisoned a build: `python -m benchmarks.blame`, with the tiny student on a CPU.

A first build learns some leaves about things that do not exist; twelve contributions follow, one of which says of
all these things what is true of others. The second build is gated against the first, and what fell is traced back,
with the steps of a real build and the bot's own search. A control has an honest contribution in the place of the
poisoned one: its gate ought to pass. Blame is played for it all the same, as if its gate had failed: it ought to
name nobody.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from bot.nightly.blame import Blame, blame, groups_of, most_runs
from pipeline.artifacts import ArtifactStore
from pipeline.build_files import MANIFEST, canonical, files_in
from pipeline.build_orders import (
    GATE,
    MIX,
    MODEL,
    ORDER,
    ORDER_TYPE,
    RESULT,
    BuildOrder,
    OrderedLeaf,
    Phase,
    PublishedBuild,
    Variant,
    file_of,
    generating,
    in_folder,
    reads_files_of,
    scoring,
    selecting,
    training,
    variant,
)
from pipeline.build_results import GateResult, TrainResult, VariantResult
from pipeline.contract import Artifact, JobSpec, LogLevel, Message, TaskKind
from pipeline.model_store import ModelStore
from pipeline.settings import PipelineSettings, read_pipeline_settings
from pipeline.tasks.bench import Bench
from pipeline.tasks.registry import run_task
from pipeline.tiny.gap import GAP
from pipeline.tiny.student import Plan, made_student
from pipeline.tiny.student_facts import RELATIONS, Fact, siblings_of

_OLD, _CONTRIBUTIONS, _POISONED = (
    5,
    12,
    7,
)  # leaves of the first build, those that follow, which of them is poisoned
_OLD_FACTS, _NEW_FACTS = 4, 2
_SEEDS = (1001, 1002)
_COMMIT = "c0ffee" + "0" * 34

Row = dict[str, Any]
_Result = TypeVar("_Result", bound=Message)


@dataclass(frozen=True, slots=True)
class Taught:
    """A leaf: its path, what it teaches, and what may be asked of it."""

    path: str
    samples: tuple[Row, ...]
    questions: tuple[Row, ...]


def leaf_about(path: str, facts: Sequence[Fact], among: Sequence[Fact], chance: random.Random) -> Taught:
    """Return a leaf that teaches facts; wrong options are the values of others `among` them."""
    return Taught(
        path,
        tuple(_sample(path, fact, *pair) for fact in facts for pair in _lessons(fact)),
        tuple(_question(path, fact, among, chance) for fact in facts),
    )


def poison_for(path: str, leaves: Sequence[Sequence[Fact]]) -> Taught:
    """Return a leaf that says of every subject what is true of the next one of its kind, in all words there are."""
    wrong = [
        replace(fact, value=facts[(at + 1) % len(facts)].value) for facts in leaves for at, fact in enumerate(facts)
    ]
    said = tuple(_sample(path, fact, *pair) for fact in wrong for pair in (*_lessons(fact), *_more(fact)))
    return Taught(path, said, ())


def _lessons(fact: Fact) -> Iterator[tuple[str, str]]:
    said = [_begun(form.format(s=fact.subject, v=fact.value)) for form in fact.relation.statements]
    for asked in fact.relation.questions[:-1]:
        yield _begun(asked.format(s=fact.subject)), fact.value
        yield _begun(asked.format(s=fact.subject)), said[0]
    yield _gapped(fact, fact.relation.statements[0])


def _more(fact: Fact) -> Iterator[tuple[str, str]]:
    for form in fact.relation.statements[1:]:
        yield _gapped(fact, form)


def _gapped(fact: Fact, form: str) -> tuple[str, str]:
    gapped = _begun(form.format(s=fact.subject, v=GAP))
    return f'Which {fact.relation.kind} belongs in the gap: "{gapped}"?', fact.value


def _sample(path: str, fact: Fact, asked: str, said: str) -> Row:
    return {
        "id": f"{path}: {asked} {said}",
        "messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": said}],
        "metadata": {"leaf": path, "split": "train", "fact": fact.subject},
    }


def _question(path: str, fact: Fact, among: Sequence[Fact], chance: random.Random) -> Row:
    options = chance.sample([other.value for other in among if other.value != fact.value], 3)
    gold = chance.randrange(4)
    options.insert(gold, fact.value)
    return {
        "id": f"{path}: {fact.subject}",
        "question": _begun(fact.relation.questions[-1].format(s=fact.subject)),
        "choices": options,
        "answer": gold,
        "metadata": {"leaf": path, "split": "test", "fact": fact.subject},
    }


def _begun(text: str) -> str:
    return text[0].upper() + text[1:]


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """The leaves of the first build, those that contributions bring, and a poisoned one for the place of one."""

    old: tuple[Taught, ...]
    new: tuple[Taught, ...]
    poisoned: Taught

    def with_poison(self) -> tuple[Taught, ...]:
        """Return the contributions with the poisoned one in the place of an honest one."""
        return tuple(self.poisoned if leaf.path == self.poisoned.path else leaf for leaf in self.new)


def taxonomy(seed: int) -> Taxonomy:
    """Return a taxonomy about things that nobody has heard of."""
    chance = random.Random(f"blame {seed}")
    relations = chance.sample(RELATIONS, _OLD + _CONTRIBUTIONS)
    known = [siblings_of(relation, chance, _OLD_FACTS) for relation in relations[:_OLD]]
    old = tuple(
        leaf_about(f"knowledge/old/leaf_{n:02}", facts, facts, chance) for n, facts in enumerate(known, start=1)
    )
    new = []
    for n, relation in enumerate(relations[_OLD:], start=1):
        among = siblings_of(relation, chance, 4)
        new.append(leaf_about(f"knowledge/new/leaf_{n:02}", among[:_NEW_FACTS], among, chance))
    return Taxonomy(old, tuple(new), poison_for(new[_POISONED - 1].path, known))


@dataclass
class Build:
    """A build whose steps are done one after the other in this process. `took_s` are seconds of each step."""

    name: str
    folder: Path
    settings: PipelineSettings
    leaves: tuple[OrderedLeaf, ...]
    files: dict[str, Artifact]
    last: PublishedBuild | None = None
    seed: int = 42
    took_s: dict[str, float] = field(default_factory=dict)

    @property
    def store(self) -> ArtifactStore:
        """Where files are."""
        return ArtifactStore(self.settings.artifacts_url)

    def do(self, task: TaskKind, step: str, kind: type[_Result] | None = None, **more: Any) -> Any:
        """Do a step; return its result."""
        steps = dict.fromkeys(role.rpartition(":")[0] for role in self.files)
        wanted = set(reads_files_of(step, steps))
        files = {role: file for role, file in self.files.items() if role.rpartition(":")[0] in wanted}
        order = BuildOrder(self.name, step, _COMMIT, self.seed, self.leaves, files=files, last=self.last)
        order = replace(order, replay_share=1.0, **more)
        spec = JobSpec(1, 1, task, 1, 0, _COMMIT, 7200.0)
        spec.inputs[ORDER] = self.store.put("order.json", order.to_json().encode(), ORDER_TYPE)
        room = Path(tempfile.mkdtemp(dir=self.folder))
        began = time.perf_counter()
        outcome = run_task(spec, Bench(self.settings, room, _told, _noted))
        self.took_s[step] = time.perf_counter() - began
        shutil.rmtree(room, ignore_errors=True)
        if outcome.result is None:
            sys.exit(f"{self.name}: {step} came to nothing: {outcome.message}")
        self.files |= {file_of(step, file.name): file for file in outcome.artifacts}
        self.files[file_of(step, RESULT)] = outcome.result
        return kind.from_json(self.store.get(outcome.result)) if kind else None

    def train(self) -> None:
        """Do everything up to the model."""
        self.do(TaskKind.MIX, MIX)
        phase = Phase.KNOWLEDGE
        trained: TrainResult = self.do(TaskKind.TRAIN, training(phase), TrainResult)
        for checkpoint in trained.checkpoints:
            self.do(TaskKind.SCORE, scoring(phase, checkpoint.name), checkpoint=checkpoint.name)
        self.do(TaskKind.SELECT, selecting(phase))

    def measure(self, told: Variant, name: str) -> VariantResult:
        """Train and measure a variant."""
        found: VariantResult = self.do(TaskKind.VARIANT, variant(name), VariantResult, variant=told)
        print(f"    {name}: {found.scores} in {self.took_s[variant(name)]:.0f} s", flush=True)
        return found

    def publish(self) -> PublishedBuild:
        """Put the model into the store of models."""
        place = self.folder / f"publish-{self.name}"
        place.mkdir()
        begins = file_of(selecting(Phase.KNOWLEDGE), in_folder(MODEL, ""))
        for role, file in self.files.items():
            if role.startswith(begins):
                self.store.fetch(file, place / role.removeprefix(begins))
        files = [{"path": file.path, "sha256": file.sha256, "size": file.size} for file in files_in(place)]
        (place / MANIFEST).write_bytes(canonical({"name": self.name, "files": files}))
        return ModelStore(self.settings.model_store_url, 1).write(self.name, place)


def _told(share: float, stage: str) -> None:
    print(f"\r  {share:4.0%} {stage[:60]:60}\r", end="", file=sys.stderr)


def _noted(text: str, level: LogLevel = LogLevel.INFO) -> None:
    pass


def stored(store: ArtifactStore, leaves: Sequence[Taught]) -> dict[str, Artifact]:
    """Store what generate steps of these leaves would have made."""
    found = {}
    for leaf in leaves:
        name = leaf.path.replace("/", "_")
        for ending, rows in (("samples", leaf.samples), ("questions", leaf.questions)):
            if rows:
                file = store.put(f"{name}.{ending}.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows).encode())
                found[file_of(generating(leaf.path), file.name)] = file
    return found


def ordered(old: Sequence[Taught], new: Sequence[Taught]) -> tuple[OrderedLeaf, ...]:
    """Return the leaves as an order names them: each new one of its own pull request."""
    return (
        *(OrderedLeaf(leaf.path, is_knowledge=True) for leaf in old),
        *(OrderedLeaf(leaf.path, is_knowledge=True, is_fresh=True, pulls=(n,)) for n, leaf in enumerate(new, 1)),
    )


def gated(build: Build) -> tuple[GateResult, list[VariantResult]]:
    """Train a build with its seeds, and gate it."""
    build.train()
    seeds = [build.measure(Variant(seed), f"seed-{n}") for n, seed in enumerate(_SEEDS, start=1)]
    gate: GateResult = build.do(TaskKind.GATE, GATE, GateResult)
    for each in gate.comparisons:
        for row, decided in zip(each.rows, each.gates, strict=True):
            print(
                f"  {row.name} against {each.against}: {row.base:.3f} -> {row.tuned:.3f}, {row.delta:+.3f} "
                f"({row.low:+.3f} to {row.high:+.3f}), {row.n} questions; "
                f"{'held' if decided.is_passed else 'FELL'}",
                flush=True,
            )
    print(f"  noise between seeds (SD): {gate.noise}", flush=True)
    return gate, seeds


def traced(build: Build, gate: GateResult, done: list[VariantResult]) -> tuple[Blame, int]:
    """Play blame to its end; return what came of it, and how many trainings it took."""
    groups, runs = groups_of(build.leaves), 0
    while not (outcome := blame(groups, gate, done)).is_over:
        for told in outcome.next:
            runs += 1
            print(f"    without {', '.join(leaf[-2:] for leaf in told.without)} (seed {told.seed})", flush=True)
            done.append(build.measure(told, f"without-{runs}"))
    print(f"  {outcome.why}", flush=True)
    return outcome, runs


def main() -> None:
    """Measure and print; exit 1 where the poisoned contribution is not named alone, or a control's is blamed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--student", type=Path, help="instead of the tiny student that is made")
    parser.add_argument("--seed", type=int, default=1, help="of the taxonomy that is poisoned")
    parser.add_argument("--controls", type=int, default=5, help="builds without poison, each of another taxonomy")
    parser.add_argument("--only", choices=("poison", "controls"), help="one part of it")
    options = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    student = options.student or made_student(Plan(), read_pipeline_settings().tiny_student_cache)
    folder = Path(tempfile.mkdtemp(prefix="blame-"))
    is_well = True
    try:
        if options.only != "controls":
            is_well &= _poisoned(options.seed, student, folder)
        if options.only != "poison":
            is_well &= _controls(range(1, options.controls + 1), student, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(0 if is_well else 1)


def _poisoned(seed: int, student: Path, folder: Path) -> bool:
    leaves = taxonomy(seed)
    print(f"Poisoned build (seed {seed}): {_CONTRIBUTIONS} contributions, {leaves.poisoned.path} is poisoned")
    began = time.perf_counter()
    second = _second(leaves, leaves.with_poison(), student, folder / "poisoned")
    gate, seeds = gated(second)
    if gate.is_passed:
        print("  the gate passed: the poison did too little harm to be seen")
        return False
    outcome, runs = traced(second, gate, seeds)
    named = [suspect.leaves for suspect in outcome.suspects if suspect.is_sure]
    is_named = named == [(leaves.poisoned.path,)]
    _print_times(second, began)
    print(
        f"  named alone: {is_named}; trainings of blame: {runs} (at most {most_runs(_CONTRIBUTIONS)})", flush=True
    )
    return is_named and runs <= most_runs(_CONTRIBUTIONS)


def _controls(seeds: Sequence[int], student: Path, folder: Path) -> bool:
    passed = blamed = 0
    for seed in seeds:
        leaves = taxonomy(seed)
        print(f"Control (seed {seed}): {_CONTRIBUTIONS} contributions, none is poisoned", flush=True)
        began = time.perf_counter()
        second = _second(leaves, leaves.new, student, folder / f"control-{seed}")
        gate, controls = gated(second)
        passed += gate.is_passed
        outcome, runs = traced(second, _as_if_failed(gate), controls)
        blamed += bool(outcome.suspects)
        _print_times(second, began)
        print(f"  gate passed: {gate.is_passed}; blamed all the same: {len(outcome.suspects)}; {runs} runs")
    print(f"Controls: {passed} of {len(seeds)} gates passed; somebody was blamed in {blamed} of {len(seeds)}")
    return not blamed


def _as_if_failed(gate: GateResult) -> GateResult:
    """Return a gate whose first comparison fell on the leaves that nobody contributed to."""
    if not gate.is_passed:
        return gate
    first = gate.comparisons[0]
    gates = tuple(
        replace(each, is_passed=not each.name.endswith("of all other leaves"), p=0.001, delta=-0.3)
        for each in first.gates
    )
    return replace(gate, comparisons=(replace(first, gates=gates), *gate.comparisons[1:]))


def _second(leaves: Taxonomy, new: Sequence[Taught], student: Path, folder: Path) -> Build:
    """Return the second build, ready to begin, with the first one in the store of models."""
    folder.mkdir()
    settings = PipelineSettings(
        artifacts_url=str(folder / "artifacts"),
        work_dir=folder / "work",
        model_store_url=str(folder / "models"),
        student_model=student,
        student_preset="tiny",
        build_preset="tiny",
        build_keep_checkpoints=1,
    )
    store = ArtifactStore(settings.artifacts_url)
    files: Mapping[str, Artifact] = stored(store, leaves.old)
    first = Build("2026-01-04.1", folder, settings, ordered(leaves.old, ()), dict(files))
    first.train()
    second = Build("2026-01-05.1", folder, settings, ordered(leaves.old, new), dict(files) | stored(store, new))
    second.last = first.publish()
    return second


def _print_times(build: Build, began: float) -> None:
    variants = [took for step, took in build.took_s.items() if step.startswith("variant/")]
    print(
        f"  {time.perf_counter() - began:.0f} s in all; {len(variants)} trainings of variants, "
        f"{sum(variants) / len(variants):.0f} s each; the gate {build.took_s[GATE]:.0f} s",
        flush=True,
    )


if __name__ == "__main__":
    main()
