"""What an engine's child processes wrote before it died, without what only says where to look."""

from pathlib import Path

import pytest

from treewright.cluster.engine_output import MOST_CHARACTERS, TAIL, EngineOutput, with_output

FREE = "ValueError: Free memory on device cuda:0 (1.2/79.1 GiB) on startup is less than desired"
VLLM = f"""\
(EngineCore pid=77) ERROR 11-28 12:00:00 [core.py:1510] EngineCore failed to start.
(EngineCore pid=77) ERROR 11-28 12:00:00 [core.py:1510] Traceback (most recent call last):
(EngineCore pid=77) ERROR 11-28 12:00:00 [core.py:1510]   File "core.py", line 1, in run
(EngineCore pid=77) ERROR 11-28 12:00:00 [core.py:1510] {FREE}
(EngineCore pid=77) Process EngineCore:
(EngineCore pid=77) Traceback (most recent call last):
(EngineCore pid=77) {FREE}
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): 1
"""
MEMORY = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB"
FAILED, DIED = "Engine core initialization failed", "EngineCore encountered an issue"
SEGFAULT = "!!!!!!! Segfault encountered !!!!!!!"
CRASH = "Fatal Python error: Segmentation fault"


@pytest.mark.parametrize(
    ("log", "words"),
    [
        (VLLM, FREE),
        (f"loading\n{MEMORY}\n", MEMORY),
        (f"\x1b[31mloading\x1b[0m\n{CRASH}\n\n  File 'x.py' in run\n", CRASH),
        ("loading\nshard 1\nshard 2\nshard 3\n", "shard 1; shard 2; shard 3"),
        (f'loading\n{SEGFAULT}\n  File "call.c", line 299, in PyObject_Vectorcall\n', SEGFAULT),
        ('loading\n  File "call.c", line 299, in PyObject_Vectorcall\n', "loading"),
        ("", ""),
        ("\x1b[1m\n \n", ""),
    ],
    ids=["vllm", "memory", "crash", "no cause", "segfault", "frames", "silence", "blanks"],
)
def test_the_cause_is_found(tmp_path: Path, log: str, words: str) -> None:
    before = "KeyError: of an earlier engine\n"
    file = tmp_path / "worker.err"
    file.write_text(before + log)
    assert EngineOutput(((str(file), len(before)),)).said() == words


def test_only_the_end_of_a_long_log_is_read_and_bytes_do_no_harm(tmp_path: Path) -> None:
    file = tmp_path / "worker.err"
    file.write_bytes(b"ValueError: long ago\n" + b"\xff\n" * TAIL + b"x" * MOST_CHARACTERS * 2)
    said = EngineOutput(((str(file), 0), (str(tmp_path / "gone"), 0))).said()
    assert "long ago" not in said
    assert len(said) == MOST_CHARACTERS


def test_words_that_the_cause_says_already_are_not_said_twice() -> None:
    assert with_output(f"EngineError: {FREE}", FREE, "here") == f"EngineError: {FREE} (here)"
    assert with_output("it died", FREE, "here") == f"it died; it said last: {FREE} (here)"
    assert with_output("it died", "", "here") == "it died (here)"


@pytest.mark.parametrize(
    ("raised", "left"),
    [
        (f"{FAILED}. See root cause above. Failed core proc(s): {{'a': 1}}", FAILED),
        (f"{DIED}. See stack trace (above) for the root cause.", DIED),
    ],
)
def test_nobody_is_sent_to_look_for_what_is_said(raised: str, left: str) -> None:
    assert with_output(raised, FREE, "here") == f"{left}; it said last: {FREE} (here)"
    assert with_output(raised, "", "here") == f"{raised} (here)"
