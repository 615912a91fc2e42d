"""The cache of replies: kept through kills, shared by processes, and never the reason for a failure."""

from __future__ import annotations

import hashlib
import signal
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.teacher_cache import CacheError, ReplyCache
from pipeline.teacher_messages import Ask, ChatMessage, Choice, Reply

WRITER = """
import sys
from pathlib import Path
from pipeline.teacher_cache import ReplyCache
from tests.pipeline.test_teacher_cache import a_key, a_reply
with ReplyCache(Path(sys.argv[1])) as cache:
    for number in range(int(sys.argv[2]), int(sys.argv[3])):
        cache.put(a_key(number), a_reply(number))
        if number % 100 == 0:
            cache.flush()
            print(number, flush=True)
"""


def a_key(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def a_reply(number: int) -> Reply:
    return Reply(
        (Choice(f"Answer {number} \u2028 \U0001f989", False), Choice("", True)), 3, number, from_cache=False
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new folder" / "teacher.cache"


def test_a_reply_is_known_at_once_and_after_a_restart(path: Path) -> None:
    "What was put can be got, before and after it is on disk, and says that it comes from there."
    with ReplyCache(path) as cache:
        cache.put(a_key(1), a_reply(1))
        early = cache.get(a_key(1))
        cache.flush()
        late = cache.get(a_key(1))
    with ReplyCache(path) as cache:
        assert cache.get(a_key(1)) == early == late
        assert cache.get(a_key(2)) is None
    assert early is not None
    assert early.from_cache
    assert early.choices == a_reply(1).choices


def test_replies_reach_the_disk_by_themselves(path: Path) -> None:
    "A tenth of a second later, without anybody asking for it."
    with ReplyCache(path) as cache, ReplyCache(path) as other:
        cache.put(a_key(1), a_reply(1))
        deadline = time.monotonic() + 5
        while other.get(a_key(1)) is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def test_a_killed_process_leaves_a_sound_file(path: Path) -> None:
    "Everything flushed before the kill is there, and what is there is right."
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), "0", "100000"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline() for _ in range(6)]
        process.send_signal(signal.SIGKILL)
    flushed = int(lines[-1])
    with ReplyCache(path) as cache:
        for number in range(flushed + 1):
            found = cache.get(a_key(number))
            assert found is not None
            assert found.choices == a_reply(number).choices
    assert not list(path.parent.glob("*.damaged-*"))


def test_two_processes_share_a_file(path: Path) -> None:
    "Both write at the same time; each finds what the other wrote."
    processes = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(start), str(start + 1000)])
        for start in (0, 1000)
    ]
    assert [process.wait(60) for process in processes] == [0, 0]
    with ReplyCache(path) as cache:
        assert all(cache.get(a_key(number)) for number in range(2000))


@pytest.mark.parametrize(
    "damage",
    [lambda b: b"not a database at all" * 500, lambda b: b[:5000], lambda b: b[:4096] + b"\xff" * (len(b) - 4096)],
    ids=["another file", "cut off", "overwritten"],
)
def test_a_damaged_file_is_put_aside(path: Path, damage: object, capsys: pytest.CaptureFixture[str]) -> None:
    "With a warning; work goes on with an empty one, and nothing of the old is lost."
    with ReplyCache(path) as cache:
        for number in range(300):
            cache.put(a_key(number), a_reply(number))
    path.write_bytes(damage(path.read_bytes()))  # type: ignore[operator]
    broken = path.read_bytes()

    with ReplyCache(path) as cache:
        assert cache.get(a_key(1)) is None
        cache.put(a_key(1), a_reply(1))
    with ReplyCache(path) as cache:
        assert cache.get(a_key(1)) is not None
    assert broken in [aside.read_bytes() for aside in path.parent.glob("*.damaged-*")]
    assert "put_aside" in capsys.readouterr().out


def test_a_damaged_row_is_a_miss(path: Path) -> None:
    "A reply that is not as it was written is asked for anew, and then kept."
    with ReplyCache(path) as cache:
        cache.put(a_key(1), a_reply(1))
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE replies SET reply = substr(reply, 2)")
    connection.close()
    with ReplyCache(path) as cache:
        assert cache.get(a_key(1)) is None
        cache.put(a_key(1), a_reply(1))
        cache.flush()
        assert cache.get(a_key(1)) is not None


def test_damage_found_late_ends_the_cache_and_not_the_work(path: Path) -> None:
    "A file that breaks under our hands is no longer used, and put aside at the end."
    with ReplyCache(path) as cache:
        for number in range(500):
            cache.put(a_key(number), a_reply(number))
    with ReplyCache(path) as cache:
        whole = path.read_bytes()
        path.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))
        for number in range(500, 1200):
            assert cache.get(a_key(number)) is None
            cache.put(a_key(number), a_reply(number))
    assert list(path.parent.glob("*.damaged-*"))
    with ReplyCache(path) as cache:
        assert cache.get(a_key(1)) is None


def test_the_database_of_somebody_else_is_left_alone(path: Path) -> None:
    "A setting that names another database is refused, which is neither changed nor moved."
    path.parent.mkdir()
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE jobs (id INTEGER)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(CacheError, match="database of something else"):
        ReplyCache(path)
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    "The error names the file."
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="cannot be used"):
        ReplyCache(tmp_path / "file" / "cache")


def test_only_the_owner_may_read_it(path: Path) -> None:
    "Answers may quote contributors."
    with ReplyCache(path) as cache:
        cache.put(a_key(1), a_reply(1))
        cache.flush()
        modes = {
            stat.S_IMODE(part.stat().st_mode)
            for part in path.parent.glob("teacher.cache*")
            if part.suffix != ".lock"
        }
    assert modes == {0o600}


def test_a_disk_that_hangs_does_not_fill_the_memory(path: Path) -> None:
    "Another process that holds the file delays the writing; no more than so many replies wait."
    with ReplyCache(path) as cache:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        for number in range(25_000):
            cache.put(a_key(number), a_reply(0))
        assert sum(cache.get(a_key(number)) is not None for number in range(0, 25_000, 100)) <= 205
        holder.close()
        cache.flush()
        assert cache.get(a_key(5)) is not None


@pytest.mark.parametrize(
    "change",
    [
        {"messages": (ChatMessage("user", "b"),)},
        {"messages": (ChatMessage("system", "a"),)},
        {"messages": (ChatMessage("user", "a"), ChatMessage("user", ""))},
        {"temperature": 0.1},
        {"max_tokens": 7},
        {"n": 2},
        {"seed": 1},
        {"stop": ("x",)},
    ],
    ids=str,
)
def test_whatever_determines_the_answer_is_in_the_key(change: dict[str, object]) -> None:
    "Another ask, or another model, has another key; an equal one the same."
    base: dict[str, object] = {"messages": (ChatMessage("user", "a"),)}
    ask = Ask(**base)  # type: ignore[arg-type]
    assert Ask(**(base | change)).key("tiny") != ask.key("tiny")  # type: ignore[arg-type]
    assert ask.key("large") != ask.key("tiny")
    assert Ask((ChatMessage("user", "a"),), temperature=0).key("tiny") == ask.key("tiny")
