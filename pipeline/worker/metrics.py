"""What a worker counts and times. Declared here once; the reference is made from it."""

from __future__ import annotations

from pipeline.contract import Ending, TaskKind
from pipeline.metering import Book, Label

BOOK = Book("taxonomy_pipeline_")

# what a stage is called in a metric, by a word in what is told to people: the words themselves are without number
_STAGES = {
    "waiting for": "waiting",
    "loading": "loading",
    "fetching": "fetching",
    "reading what": "fetching",
    "setting aside": "mixing",
    "judge scores": "judging",
    "scoring": "judging",
    "answer": "answering",
    "chooses": "answering",
    "asking": "answering",
    "leaves done": "generating",
    "training": "training",
    "loss": "training",
    "storing": "storing",
    "publishing": "storing",
    "gathering": "storing",
    "making": "storing",
}

_TASK = Label("task", "kind of the job").of(task.value for task in TaskKind)
_END = Label("end", "how the attempt ended").of(ending.value for ending in Ending)
_STAGE = Label("stage", "what it was busy with; `other` where nothing was said").of(set(_STAGES.values()))
_WAY = Label("direction", "read or written by the model").of(("prompt", "completion"))
_FAULT = Label("reason", "what was wrong with the answer", most=30)
_GPU = Label("gpu", "its index", most=32)

JOBS = BOOK.count("jobs_total", "Attempts that this worker has done.", _TASK, _END)
JOB_S = BOOK.spread(
    "job_seconds",
    "How long an attempt took, from the lease to its end.",
    _TASK,
    buckets=(1.0, 10.0, 60.0, 300.0, 900.0, 3600.0, 7200.0, 14400.0, 28800.0),
)
STAGE_S = BOOK.count("stage_seconds_total", "Time spent in each stage of jobs.", _TASK, _STAGE)
BUSY = BOOK.level("busy", "1 while there is a job.")
TOKENS = BOOK.count("teacher_tokens_total", "Tokens of model servers, as they count them.", _WAY)
REQUESTS = BOOK.count("teacher_requests_total", "Requests that were sent to model servers.")
FAULTS = BOOK.count("teacher_faults_total", "Answers of model servers that were of no use.", _FAULT)
GPU_USED = BOOK.shown("gpu_memory_used_bytes", "Memory in use on each GPU of this machine, by whomever.", _GPU)
GPU_MEMORY = BOOK.shown("gpu_memory_bytes", "Memory of each GPU of this machine.", _GPU)
UNCONFIRMED = BOOK.shown("unconfirmed_reports", "Ends of jobs that the bot has not confirmed yet.")


def stage_of(words: str) -> str:
    """Return what a stage is called in a metric, by what is told of it; empty where that says nothing."""
    told = words.lower()
    return next((stage for word, stage in _STAGES.items() if word in told), "")
