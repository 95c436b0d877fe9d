"""The store of a cache: several processes, a killed one, damaged and foreign files, its bound."""

from __future__ import annotations

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from treewright.caching import store
from treewright.caching.faults import StoreDamaged, StoreError, StoreFull
from treewright.caching.keeper import Keeper
from treewright.caching.place import FILE, file_of, shared_folder
from treewright.caching.store import DAY, OURS, ReplyStore, StoredPart
from treewright.cli import main

PART = StoredPart("a1", "scorer", "thinkprm", "models/v")
OTHER = StoredPart("b2", "policy", "qwen", "models/p")
WRITER = """
import sys
from pathlib import Path
from treewright.caching.store import ReplyStore, StoredPart
kept = ReplyStore(Path(sys.argv[1]))
number, last = int(sys.argv[2]), int(sys.argv[3])
while number != last:
    key = f"{number}".encode()
    kept.put(key, StoredPart("a1", "scorer", "thinkprm", "models/v"), key * 99)
    number += 1
"""


def writer(file: Path, first: int, last: int) -> subprocess.Popen[bytes]:
    """A process that puts numbers; to no end where the last is below the first."""
    command = [sys.executable, "-c", WRITER, str(file), str(first), str(last)]
    return subprocess.Popen(command)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "store" / FILE


def put(kept: ReplyStore, *names: str, part: StoredPart = PART) -> None:
    for name in names:
        kept.put(name.encode(), part, f"value of {name}".encode())


def test_what_is_put_is_there_in_another_process_and_the_first_of_two_counts(file: Path) -> None:
    one, other = ReplyStore(file), ReplyStore(file)
    put(one, "a")
    other.put(b"a", PART, b"another")
    assert other.get(b"a") == one.get(b"a") == b"value of a"
    assert one.get(b"b") is None
    assert file.stat().st_mode & 0o077 == 0, "what models said is nobody else's"


def test_two_processes_write_at_once(file: Path) -> None:
    """Both make the file, and neither loses a value."""
    writers = [writer(file, 0, 250), writer(file, 250, 500)]
    assert [each.wait(timeout=200) for each in writers] == [0, 0]
    kept = ReplyStore(file)
    values = [kept.get(f"{number}".encode()) for number in range(500)]
    assert values == [f"{number}".encode() * 99 for number in range(500)]
    (held,) = kept.holdings()
    assert (held.part, held.replies) == (PART, 500)


def test_a_writer_that_is_killed_leaves_a_whole_store(file: Path) -> None:
    writing = writer(file, 0, -1)
    kept = ReplyStore(file)
    deadline = time.monotonic() + 200
    while kept.get(b"50") is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    writing.send_signal(signal.SIGKILL)
    writing.wait()
    put(kept, "after")
    again = ReplyStore(file)
    assert again.get(b"after") == b"value of after"
    assert again.get(b"50") == b"50" * 99
    (check,) = sqlite3.connect(file).execute("PRAGMA integrity_check").fetchone()
    assert check == "ok"


def garbage(file: Path) -> None:
    file.parent.mkdir()
    file.write_bytes(b"this is no database at all" * 99)


def overwritten(file: Path) -> None:
    """Damaged behind its first page, as by a disk."""
    kept = ReplyStore(file)
    put(kept, *map(str, range(300)))
    kept.close()
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xa5" * (len(whole) - 4096))


def misnamed(file: Path) -> None:
    """A name in its schema is no text, which SQLite's message quotes."""
    ReplyStore(file).close()
    file.write_bytes(file.read_bytes().replace(b"autoindex_part_1", b"auto\xa1ndex_part_1"))


def untabled(file: Path) -> None:
    """It says that it is ours and has other tables."""
    file.parent.mkdir()
    base = sqlite3.connect(file)
    base.execute("CREATE TABLE reply (key)")
    base.execute(f"PRAGMA application_id = {OURS}")
    base.execute(f"PRAGMA user_version = {store.FORMAT}")
    base.close()


@pytest.mark.parametrize("damage", [garbage, overwritten, misnamed, untabled])
def test_a_damaged_file_is_told_once_and_no_run_ends_by_it(
    damage: Callable[[Path], None], file: Path
) -> None:
    damage(file)
    told: list[str] = []

    async def session() -> None:
        keeper = Keeper(file, told.append)
        await keeper.open()
        assert await asyncio.gather(*(keeper.get(b"7") for _ in range(3))) == [None] * 3
        await keeper.put(b"7", PART, b"value")
        assert await keeper.get(b"7") is None
        await keeper.close()
        await keeper.close()

    asyncio.run(session())
    (line,) = told
    assert line.startswith(f"{file}: is damaged: ")
    assert f"treewright cache {file.parent} --clear" in line
    assert line.endswith("going on without it")


def test_clearing_removes_a_damaged_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    garbage(file)
    assert main(["cache", str(file.parent)]) == 1
    assert capsys.readouterr().err.startswith(f"error: {file}: is damaged: ")
    assert main(["cache", str(file.parent), "--clear"]) == 0
    assert "forgot the file, which cannot be read" in capsys.readouterr().out
    put(ReplyStore(file), "a")


def test_clearing_a_full_disk_removes_the_file(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """To take replies out of it SQLite needs room."""
    kept = ReplyStore(file)
    put(kept, "a", "b")
    kept._base.execute("PRAGMA max_page_count = 8")
    with pytest.raises(StoreFull) as raised:
        put(kept, *map(str, range(999)))
    assert f"forget all of it with `treewright cache {file.parent} --clear`" in str(raised.value)
    assert kept.get(b"a") == b"value of a"
    held = sum(each.replies for each in kept.holdings())

    def clear(kept: ReplyStore, unused_days: int = 0) -> int:
        raise StoreFull("full")

    monkeypatch.setattr(ReplyStore, "clear", clear)
    assert main(["cache", str(file.parent), "--clear", "--unused", "3"]) == 1
    assert main(["cache", str(file.parent), "--clear"]) == 0
    assert f"forgot {held} replies" in capsys.readouterr().out
    assert list(file.parent.iterdir()) == []


def test_a_value_that_is_not_as_it_was_put_is_none(file: Path) -> None:
    """SQLite has no checksums of its own: a flipped bit would be another probability."""
    kept = ReplyStore(file)
    put(kept, "a", "b", "c")
    base = sqlite3.connect(file)
    base.execute("UPDATE reply SET value = ? WHERE key = ?", (b"value of z", b"a"))
    base.execute("UPDATE reply SET value = 'a text' WHERE key = ?", (b"b",))
    base.execute("UPDATE reply SET used = 'today' WHERE key = ?", (b"c",))
    base.commit()
    with pytest.raises(StoreDamaged, match="a reply was used at 'today'"):
        kept.holdings()
    assert kept.get(b"a") is kept.get(b"b") is kept.get(b"c") is None
    assert kept.holdings() == []


def test_the_file_of_another_program_is_refused_and_left_alone(file: Path) -> None:
    file.parent.mkdir()
    theirs = sqlite3.connect(file)
    theirs.execute("CREATE TABLE theirs (a)")
    theirs.commit()
    for verb in (["cache", str(file.parent)], ["cache", str(file.parent), "--clear"]):
        assert main(verb) == 1
    with pytest.raises(StoreError, match="is no cache of Treewright"):
        ReplyStore(file)
    assert theirs.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


def test_another_format_is_refused(file: Path) -> None:
    ReplyStore(file).close()
    base = sqlite3.connect(file)
    base.execute(f"PRAGMA user_version = {store.FORMAT + 1}")
    base.close()
    with pytest.raises(StoreDamaged, match=r"is of format 2, this is 1; `treewright .* removes it"):
        ReplyStore(file)


def test_what_anybody_may_write_is_refused(file: Path) -> None:
    ReplyStore(file).close()
    file.chmod(0o602)
    with pytest.raises(StoreError, match="anybody can write to it") as raised:
        ReplyStore(file)
    assert not isinstance(raised.value, StoreDamaged)


def test_a_place_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")
    with pytest.raises(StoreError, match="cannot be made: ") as raised:
        ReplyStore(tmp_path / "a file" / FILE)
    assert not isinstance(raised.value, StoreDamaged)


def test_what_was_not_used_for_longest_is_forgotten_first(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, today = ReplyStore(file, most_bytes=300_000), store.now()
    monkeypatch.setattr(store, "now", lambda: today - 3 * DAY)
    for number in range(100):
        kept.put(f"old {number}".encode(), PART, bytes(1000))
    monkeypatch.setattr(store, "now", lambda: today)
    assert kept.get(b"old 0") is not None, "used today"
    for number in range(600):
        kept.put(f"new {number}".encode(), OTHER, bytes(1000))
    assert kept.size() <= 300_000 + store.LOOK * 2500
    assert kept.get(b"old 0") is not None or kept.get(b"new 0") is None
    assert kept.get(b"old 1") is None
    assert kept.get(b"new 599") is not None


def test_its_bound_holds_where_no_process_puts_much(file: Path) -> None:
    """As runs of a few problems do, each of which opens it anew."""
    for number in range(20):
        kept = ReplyStore(file, most_bytes=100_000)
        kept.put(f"{number}".encode(), PART, bytes(9000))
        assert kept.size() <= 120_000
        kept.close()


def test_all_is_forgotten_whatever_the_clock_said(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, today = ReplyStore(file), store.now()
    monkeypatch.setattr(store, "now", lambda: today + 9 * DAY)
    put(kept, "a")
    monkeypatch.setattr(store, "now", lambda: today)
    assert kept.clear() == 1
    assert kept.holdings() == []


def test_a_part_of_it_can_be_forgotten(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, today = ReplyStore(file), store.now()
    monkeypatch.setattr(store, "now", lambda: today - 40 * DAY)
    put(kept, "old")
    monkeypatch.setattr(store, "now", lambda: today)
    put(kept, "new", part=OTHER)
    assert kept.clear(unused_days=30) == 1
    assert [held.part for held in kept.holdings()] == [OTHER]
    put(kept, "again")  # of a part that was cleared
    assert [held.part for held in kept.holdings()] == [OTHER, PART]
    assert kept.clear() == 2


def test_it_says_how_large_it_is_and_of_which_models(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = ReplyStore(file)
    put(kept, "a", "b")
    put(kept, "c", part=OTHER)
    assert main(["cache", str(file.parent), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["file"] == str(file)
    assert told["bytes"] == kept.size()
    assert [(row["model"], row["replies"]) for row in told["rows"]] == [
        ("models/p", 1),
        ("models/v", 2),
    ]
    assert main(["cache", str(file.parent)]) == 0
    head, first, _ = capsys.readouterr().out.splitlines()
    assert head == f"{file}: 3 replies, {kept.size() / 2**20:.1f} MiB"
    assert first.startswith("  policy qwen models/p (b2): 1 reply, 0.0 MiB, used 20")


def test_a_cache_that_is_not_there_is_empty_and_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TREEWRIGHT_CACHE", str(tmp_path / "none"))
    assert main(["cache"]) == main(["cache", "--clear"]) == 0
    assert "0 replies" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()
    assert main(["cache", "--unused", "3"]) == 2


def test_where_it_lies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("TREEWRIGHT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert shared_folder() == tmp_path / ".cache" / "treewright"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert shared_folder() == tmp_path / ".cache" / "treewright", "relative ones do not count"
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert file_of("shared") == Path("/x/treewright") / FILE
    monkeypatch.setenv("TREEWRIGHT_CACHE", "~/mine")
    assert file_of("shared") == tmp_path / "mine" / FILE
    assert file_of("~/here") == tmp_path / "here" / FILE
    assert file_of("run") is None
    with pytest.raises(StoreError, match="~nobody-here/x: no such home folder"):
        file_of("~nobody-here/x")
