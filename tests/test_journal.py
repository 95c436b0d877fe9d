"""The journal loses nothing that was promised, and never answers with something else."""

import asyncio
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copytree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.core import (
    Judgement,
    Prefix,
    Problem,
    Spent,
    Step,
    StepVerdict,
    StopReason,
)
from search.core import VerdictStatus as Status
from search.keys import policy_digest, policy_key, scorer_digest, scorer_key
from search.ports import PolicyCall, PolicyReply, ReplayError, ScorerCall, ScorerReply
from search.questions import Until
from treewright.journal import records
from treewright.journal.journal import Journal, JournalError

ROOT = Prefix.start(Problem("p/1", "what is 1 + 1?"))
FAILURE = {"failure": "unavailable", "message": "x"}
NASTY = "\u2028\x00\ud83d\ude00\n</script>"


def policy_call(child: int, path: Prefix = ROOT, seed: int = 5) -> PolicyCall:
    return PolicyCall(path, child, Until.STEP, seed)


def policy_reply(call: PolicyCall) -> PolicyReply:
    step = Step(f"{NASTY}{call.child}", (call.child, 7), StopReason.STEP_END, -0.1)
    return PolicyReply(call.path.grow(call.child, [step]), Spent(1, 9, 8, 2))


def judgement(text: str = NASTY) -> ScorerReply:
    verdict = StepVerdict(1 / 3, Status.READ, text)
    return ScorerReply(Judgement((verdict,), 0.1 + 0.2, 1), Spent(1, 3, 0, 4))


def recall(journal: Journal, call: PolicyCall) -> object:
    return journal.recall(policy_key(call), policy_digest(call), call)


async def remember(journal: Journal, call: PolicyCall) -> None:
    assert recall(journal, call) is None
    await journal.record(policy_key(call), policy_digest(call), policy_reply(call))


def write(folder: Path, children: int) -> bytes:
    """A journal with that many policy replies; the bytes of its file."""

    async def fill() -> None:
        with Journal.open(folder) as journal:
            for child in range(children):
                await remember(journal, policy_call(child))

    asyncio.run(fill())
    return (folder / "driver.jsonl").read_bytes()


def known(folder: Path, children: int, *, readonly: bool = True) -> list[bool]:
    """Which of the replies that `write` wrote are there; each one that is must be right."""
    found = []
    with Journal.open(folder, readonly=readonly) as journal:
        for child in range(children):
            call = policy_call(child)
            reply = recall(journal, call)
            assert reply in (None, policy_reply(call))
            found.append(reply is not None)
    return found


def test_a_reply_is_recalled_after_reopening(tmp_path: Path) -> None:
    write(tmp_path, 3)
    assert known(tmp_path, 4) == [True, True, True, False]


def test_a_reply_is_recalled_by_the_journal_that_recorded_it(tmp_path: Path) -> None:
    async def run() -> None:
        with Journal.open(tmp_path) as journal:
            await remember(journal, policy_call(0))
            assert recall(journal, policy_call(0)) == policy_reply(policy_call(0))

    asyncio.run(run())


def test_only_new_steps_are_stored(tmp_path: Path) -> None:
    path = ROOT.grow(0, [Step("long " * 1000, (1,), StopReason.STEP_END)])

    async def run() -> None:
        with Journal.open(tmp_path) as journal:
            await remember(journal, policy_call(3, path))

    asyncio.run(run())
    assert b"long" not in (tmp_path / "driver.jsonl").read_bytes()
    with Journal.open(tmp_path) as journal:
        assert recall(journal, policy_call(3, path)) == policy_reply(policy_call(3, path))


def test_a_reply_whose_call_was_never_recalled_is_stored_whole(tmp_path: Path) -> None:
    path = ROOT.grow(0, [Step("a", (1,), StopReason.STEP_END)])
    call = policy_call(3, path)

    async def run() -> None:
        with Journal.open(tmp_path) as journal:
            await journal.record(policy_key(call), policy_digest(call), policy_reply(call))

    asyncio.run(run())
    with Journal.open(tmp_path) as journal:
        assert recall(journal, call) == policy_reply(call)


def test_a_judgement_is_recalled_bit_by_bit(tmp_path: Path) -> None:
    call = ScorerCall(policy_reply(policy_call(0)).path, 3)

    async def run() -> None:
        with Journal.open(tmp_path) as journal:
            await journal.record(scorer_key(call), scorer_digest(call), judgement())

    asyncio.run(run())
    with Journal.open(tmp_path) as journal:
        assert journal.recall(scorer_key(call), scorer_digest(call), call) == judgement()


def test_lines_are_ascii_and_hold_one_record_each(tmp_path: Path) -> None:
    data = write(tmp_path, 5)
    assert data.isascii()
    assert len(data.splitlines()) == 5


# --- kills ----------------------------------------------------------------------------------------


def test_a_kill_at_any_byte_keeps_exactly_the_lines_before_it(tmp_path: Path) -> None:
    """Every offset of the file: what is whole is there, the rest can be written again."""
    data = write(tmp_path / "full", 3)
    ends = [offset + 1 for offset, byte in enumerate(data) if byte == ord("\n")]
    for offset in range(len(data) + 1):
        folder = tmp_path / str(offset)
        folder.mkdir()
        (folder / "driver.jsonl").write_bytes(data[:offset])
        whole = sum(end <= offset for end in ends)
        expected = [child < whole for child in range(3)]
        assert known(folder, 3, readonly=False) == expected
        assert (folder / "driver.jsonl").read_bytes() == data[: ([0, *ends][whole])]
    assert len(data) >= 200


def test_a_journal_cut_in_a_line_goes_on_after_it(tmp_path: Path) -> None:
    data = write(tmp_path, 2)
    (tmp_path / "driver.jsonl").write_bytes(data[:-5])

    async def run() -> None:
        with Journal.open(tmp_path) as journal:
            assert journal.counts.torn > 0
            await remember(journal, policy_call(1))

    asyncio.run(run())
    assert (tmp_path / "driver.jsonl").read_bytes() == data


def test_reading_leaves_a_torn_tail_alone(tmp_path: Path) -> None:
    data = write(tmp_path, 2)[:-5]
    (tmp_path / "driver.jsonl").write_bytes(data)
    with Journal.open(tmp_path, readonly=True) as journal:
        assert journal.counts.torn > 0
        told = f"the journal is not whole: {journal.counts.torn} torn bytes left out"
        assert journal.counts.damage() == told
    assert (tmp_path / "driver.jsonl").read_bytes() == data


@given(position=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_costs_its_record_and_no_other(position: float, bit: int) -> None:
    data = b"".join(
        records.seal("grade", f"p{number}", {"text": NASTY, "n": number}) for number in range(3)
    )
    index = int(position * len(data))
    flipped = bytearray(data)
    flipped[index] ^= 1 << bit
    hit = data[:index].count(b"\n")
    lines = bytes(flipped).split(b"\n")
    good = []
    for line in lines:
        try:
            good.append(records.unseal(line).key)
        except records.CorruptRecord:
            continue
    assert good == [f"p{number}" for number in range(3) if number not in lost(data, index, hit)]


def lost(data: bytes, index: int, hit: int) -> tuple[int, ...]:
    """The records that a flip at `index` costs: a line end that is gone joins two lines."""
    return (hit, hit + 1) if data[index : index + 1] == b"\n" else (hit,)


def test_a_corrupt_line_is_set_aside_counted_and_asked_again(tmp_path: Path) -> None:
    data = write(tmp_path, 3)
    first = data.index(b"\n") + 1
    broken = data[:first] + data[first:].replace(b"policy", b"polizy", 1)
    (tmp_path / "driver.jsonl").write_bytes(broken)
    for _ in range(2):  # opening again sets it aside once, not twice
        with Journal.open(tmp_path) as journal:
            assert journal.counts.corrupt == 1
            assert [recall(journal, policy_call(child)) is None for child in range(3)] == [
                False,
                True,
                False,
            ]
    assert (tmp_path / "driver.bad").read_bytes() == broken.splitlines(keepends=True)[1]

    async def again() -> None:
        with Journal.open(tmp_path) as journal:
            await remember(journal, policy_call(1))

    asyncio.run(again())
    assert known(tmp_path, 3) == [True, True, True]


def test_a_hole_of_zeros_is_a_corrupt_line(tmp_path: Path) -> None:
    data = write(tmp_path, 1)
    (tmp_path / "driver.jsonl").write_bytes(b"\x00" * 4096 + b"\n" + data)
    assert known(tmp_path, 1) == [True]


def test_reading_sets_nothing_aside(tmp_path: Path) -> None:
    (tmp_path / "driver.jsonl").write_bytes(b"nonsense\n")
    with Journal.open(tmp_path, readonly=True) as journal:
        assert journal.counts.corrupt == 1
    assert not (tmp_path / "driver.bad").exists()


def test_another_version_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "VERSION", 2)
    write(tmp_path, 1)
    monkeypatch.undo()
    with pytest.raises(JournalError, match=r"driver\.jsonl: holds a record of version 2"):
        Journal.open(tmp_path)


# --- replay ---------------------------------------------------------------------------------------


def test_another_question_at_the_same_place_is_an_error(tmp_path: Path) -> None:
    write(tmp_path, 1)
    with Journal.open(tmp_path) as journal, pytest.raises(ReplayError):
        recall(journal, policy_call(0, seed=6))


def test_after_a_failure_of_the_problem_stale_replies_are_asked_again(tmp_path: Path) -> None:
    write(tmp_path, 1)
    asked_anew = policy_call(0, seed=6)

    async def run() -> None:
        with Journal.open(tmp_path) as journal:
            await journal.append("failure", "scorer/x", {**FAILURE, "problem": "p/1"})
            await remember(journal, asked_anew)

    asyncio.run(run())
    with Journal.open(tmp_path) as journal:
        assert recall(journal, asked_anew) == policy_reply(asked_anew)
        assert recall(journal, policy_call(0)) == policy_reply(policy_call(0))


def test_what_followed_a_corrupt_line_is_asked_again_where_it_no_longer_fits(
    tmp_path: Path,
) -> None:
    """A real engine draws another child at the place of the one that was lost."""
    first, *others = write(tmp_path, 2).splitlines(keepends=True)
    (tmp_path / "driver.jsonl").write_bytes(
        b"".join([first.replace(b"policy", b"POLICY"), *others])
    )
    with Journal.open(tmp_path) as journal:
        assert journal.counts.corrupt == 1
        assert recall(journal, policy_call(1, seed=6)) is None
        assert recall(journal, policy_call(1)) == policy_reply(policy_call(1))


def test_a_failure_of_another_problem_excuses_nothing(tmp_path: Path) -> None:
    write(tmp_path, 1)

    async def run() -> None:
        with Journal.open(tmp_path) as journal:
            await journal.append("failure", "scorer/x", {**FAILURE, "problem": "other"})
            with pytest.raises(ReplayError):
                recall(journal, policy_call(0, seed=6))

    asyncio.run(run())


def test_of_two_records_of_one_call_the_first_counts(tmp_path: Path) -> None:
    call = ScorerCall(policy_reply(policy_call(0)).path, 3)
    key, digest = scorer_key(call), scorer_digest(call)

    async def run(writer: str, text: str) -> None:
        with Journal.open(tmp_path / writer, writer) as journal:
            await journal.record(key, digest, judgement(text))
            await journal.record(key, digest, judgement("ignored"))
            assert journal.counts.duplicates == 1

    asyncio.run(run("a", "first"))
    asyncio.run(run("b", "second"))
    (tmp_path / "b" / "b.jsonl").rename(tmp_path / "a" / "b.jsonl")
    with Journal.open(tmp_path / "a") as journal:
        assert journal.recall(key, digest, call) == judgement("first")
        assert journal.counts.duplicates == 1


def test_a_transient_failure_is_never_taken_for_a_reply(tmp_path: Path) -> None:
    call = ScorerCall(policy_reply(policy_call(0)).path, 3)
    down = ScorerReply(Judgement.missing("the verifier is down", transient=True), Spent())

    async def run() -> None:
        with Journal.open(tmp_path) as journal, pytest.raises(ValueError, match="transient"):
            await journal.record(scorer_key(call), scorer_digest(call), down)

    asyncio.run(run())
    assert (tmp_path / "driver.jsonl").read_bytes() == b""


def test_of_free_records_the_latest_of_each_key_comes_back(tmp_path: Path) -> None:
    async def run() -> None:
        with Journal.open(tmp_path) as journal:
            for number, key in enumerate(["p1", "p2", "p1"]):
                await journal.append("note", key, {"number": number})

    asyncio.run(run())
    with Journal.open(tmp_path, readonly=True) as journal:
        assert journal.latest("note") == {"p2": {"number": 1}, "p1": {"number": 2}}
        assert journal.latest("problem") == {}


def test_a_reading_journal_refuses_to_write(tmp_path: Path) -> None:
    write(tmp_path, 1)
    with Journal.open(tmp_path, readonly=True) as journal, pytest.raises(JournalError):
        asyncio.run(journal.append("grade", "p", {}))


def test_reading_where_nothing_is_says_so(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="there is no journal"):
        Journal.open(tmp_path / "nowhere", readonly=True)


# --- durability -----------------------------------------------------------------------------------


@contextmanager
def counted_syncs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The file descriptors that are synced, in order."""
    synced: list[int] = []

    def fsync(fd: int) -> None:
        synced.append(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        yield synced


def test_records_of_one_tick_share_one_sync(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> int:
        with Journal.open(tmp_path) as journal, counted_syncs(monkeypatch) as synced:
            await asyncio.gather(*(remember(journal, policy_call(child)) for child in range(64)))
            return len(synced)

    assert asyncio.run(run()) == 1
    assert known(tmp_path, 64) == [True] * 64


def test_a_reply_is_returned_only_when_it_was_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda fd: sizes.append(os.fstat(fd).st_size))

    async def run() -> None:
        with Journal.open(tmp_path) as journal:
            for child in range(3):
                await remember(journal, policy_call(child))
                assert sizes[-1] == (tmp_path / "driver.jsonl").stat().st_size
                assert len(sizes) == child + 2  # one more for the new folder entry

    asyncio.run(run())


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: whole(fd, data[:7]))
    write(tmp_path, 3)
    assert known(tmp_path, 3) == [True] * 3


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """No file of this process grows beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_stops_the_run_names_the_path_and_loses_nothing(tmp_path: Path) -> None:
    used = len(write(tmp_path, 3))

    async def run() -> None:
        with Journal.open(tmp_path) as journal:
            with full_disk(used + 50), pytest.raises(JournalError, match=r"driver\.jsonl: cannot"):
                await asyncio.gather(*(remember(journal, policy_call(c)) for c in range(3, 9)))
            with pytest.raises(JournalError):  # there is room again, but the end is unknown
                await remember(journal, policy_call(9))
            assert recall(journal, policy_call(0)) == policy_reply(policy_call(0))

    asyncio.run(run())
    assert (tmp_path / "driver.jsonl").stat().st_size == used + 50
    assert known(tmp_path, 4, readonly=False) == [True, True, True, False]


def test_a_disk_error_while_syncing_fails_every_reply_of_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(fd: int) -> None:
        raise OSError(5, "Input/output error")

    async def run() -> list[object]:
        with Journal.open(tmp_path) as journal:
            monkeypatch.setattr(os, "fsync", broken)
            work = (remember(journal, policy_call(child)) for child in range(4))
            return await asyncio.gather(*work, return_exceptions=True)

    errors = asyncio.run(run())
    assert [type(error) for error in errors] == [JournalError] * 4
    assert "Input/output error" in str(errors[0])


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(JournalError, match="cannot be opened"):
        Journal.open(tmp_path / "file" / "journal")


def test_a_cancelled_waiter_does_not_disturb_its_group(tmp_path: Path) -> None:
    async def run() -> None:
        with Journal.open(tmp_path) as journal:
            tasks = [asyncio.create_task(remember(journal, policy_call(c))) for c in range(3)]
            await asyncio.sleep(0)
            tasks[1].cancel()
            await asyncio.gather(tasks[0], tasks[2])

    asyncio.run(run())
    assert known(tmp_path, 3)[::2] == [True, True]


def test_a_journal_outlives_the_event_loop_it_was_used_in(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        for child in range(2):
            asyncio.run(remember(journal, policy_call(child)))
    assert known(tmp_path, 2) == [True, True]


@pytest.mark.parametrize("close", [Journal.close, lambda journal: journal.close()])
def test_closing_twice_is_harmless(tmp_path: Path, close: Callable[[Journal], None]) -> None:
    with Journal.open(tmp_path) as journal:
        close(journal)


def test_a_closed_journal_refuses_instead_of_waiting(tmp_path: Path) -> None:
    with Journal.open(tmp_path) as journal:
        pass
    with pytest.raises(JournalError, match="is closed"):
        asyncio.run(journal.append("grade", "p", {}))


def test_a_copy_of_a_running_journal_can_be_read(tmp_path: Path) -> None:
    """`score` reads while a run writes."""

    async def run() -> None:
        with Journal.open(tmp_path / "run") as journal:
            await remember(journal, policy_call(0))
            assert known(tmp_path / "run", 1) == [True]
            copytree(tmp_path / "run", tmp_path / "copy")

    asyncio.run(run())
    assert known(tmp_path / "copy", 1) == [True]
