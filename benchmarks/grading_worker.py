"""The process that does algebra. It is started by `benchmarks.grading_pool`, by its path.

It imports Math-Verify once and forks a child, which answers. A child that does not answer in
time, or takes too much memory, is killed, and a fresh one is forked in milliseconds, with the
import already paid. Math-Verify's own time-outs stay off: they rest on SIGALRM, which sympy can
outlast.

One JSON object per line. First comes `{"ready": true}` or `{"error": TEXT}`. Then each request
`{"ask": QUESTION, "seconds"}` is answered by `{"found", "seconds"}`, or by `{"fault", "seconds"}`
where it came to nothing (`timeout`, `failed`); the time is wall time. The questions:

* `["equal", REFERENCE, ANSWER]`: whether Math-Verify takes the answer for right;
* `["read", TEXT]`: the canonical form of a formula (`benchmarks.grading_algebra`), null for none.

The process ends when its input does.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import logging
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, TypeAlias

Questions: TypeAlias = Mapping[str, Callable[..., Any]]
"""By name, the function that finds what is asked; it returns what JSON can say."""

MIB = 1 << 20
POLL_S = 0.02
"""How often the memory of a busy child is looked at."""
ORPHAN_S = 10.0
"""Processor time beyond the time limit after which a child is an orphan."""
RECURSION = 10_000
"""Frames; the parser needs some 20 per nested bracket."""
FAILED = {"fault": "failed"}
WARM_UP = (r"\frac{1}{2}+x^2", r"(x+1)^2", r"\sqrt{3}\pi", r"\{1,2\}")
"""Parsed before the first fork: ANTLR builds its tables as it meets each construct."""


def load_questions() -> Questions:
    """What can be asked. MemoryError and RecursionError are raised, sympy's own errors are not."""
    from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

    logging.disable(logging.CRITICAL)
    how = (LatexExtractionConfig(), ExprExtractionConfig())

    @lru_cache(maxsize=512)
    def parsed(text: str) -> list[Any]:
        # Math-Verify finds no maths in a bare `Evelyn` or `x+1`: it wants delimiters.
        inner = text.replace(r"\$", "").replace("$", "").replace("\n", " ").strip()
        found: list[Any] = parse(f"${inner}$", how, parsing_timeout=None, raise_on_error=True)
        return found

    def equal(gold: str, answer: str) -> bool:
        try:
            return bool(
                verify(parsed(gold), parsed(answer), timeout_seconds=None, raise_on_error=True)
            )
        except (MemoryError, RecursionError):
            raise
        except Exception:  # noqa: BLE001 - sympy raises anything; Math-Verify takes it for "not equal"
            return bool(verify(parsed(gold), parsed(answer), timeout_seconds=None))

    canonical = load_algebra()

    def read(text: str) -> Any:
        try:
            return canonical(text)
        except (MemoryError, RecursionError):
            raise
        except Exception:  # noqa: BLE001 - the parser and sympy raise anything: it is no formula
            return None

    for text in WARM_UP:
        equal(text, "1")
        read(text)
    return {"equal": equal, "read": read}


def load_algebra() -> Callable[[str], Any]:
    """The reader of formulas, from the file beside this one, wherever Python looks for modules."""
    path = Path(__file__).with_name("grading_algebra.py")
    spec = importlib.util.spec_from_file_location("grading_algebra", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[[str], Any] = module.load_reader()
    return found


class ForkedWorker:
    """A fork that answers. `used` says whether it has answered before."""

    def __init__(self, questions: Questions, memory_mib: int, inherited: list[int]) -> None:
        reads_requests, self._requests = os.pipe()
        self._replies, writes_replies = os.pipe()
        self.used = False
        self.pid = os.fork()
        if self.pid == 0:
            # Its copies of our pipes would keep them open after we are gone.
            for descriptor in (*inherited, self._requests, self._replies):
                os.close(descriptor)
            serve(questions, memory_mib, reads_requests, writes_replies)
        os.close(reads_requests)
        os.close(writes_replies)

    def ask(self, request: dict[str, Any], memory_mib: int) -> dict[str, Any]:
        """What it found; after a `fault` (`timeout`, `failed`) it must be killed."""
        deadline = time.monotonic() + request["seconds"]
        with contextlib.suppress(BrokenPipeError):  # it died while idle; the read below says so
            os.write(self._requests, json.dumps(request).encode() + b"\n")
        told = b""
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self._replies], [], [], min(left, POLL_S))[0]:
                piece = os.read(self._replies, 1 << 16)
                told += piece
                if told.endswith(b"\n"):
                    reply: dict[str, Any] = json.loads(told)
                    return reply
                if not piece:
                    return FAILED
            elif resident_mib(self.pid) > memory_mib:
                return FAILED
        return {"fault": "timeout"}

    def kill(self) -> None:
        """End it and free its pipes."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self._requests)
        os.close(self._replies)


def serve(questions: Questions, memory_mib: int, requests: int, replies: int) -> NoReturn:
    """The child's life: answer until the requests end. It never returns into its parent's code."""
    # Above the limit its parent watches, so that growth is seen there; this stops a sudden leap.
    resource.setrlimit(resource.RLIMIT_AS, (2 * memory_mib * MIB, 2 * memory_mib * MIB))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.setrecursionlimit(RECURSION)
    with os.fdopen(requests, "rb") as lines:
        for line in lines:
            request = json.loads(line)
            limit_cpu(request["seconds"] + ORPHAN_S)
            try:
                name, *about = request["ask"]
                reply = {"found": questions[name](*about)}
            except Exception:  # noqa: BLE001 - whatever it is, this question has no answer
                reply = FAILED
            told = json.dumps(reply).encode() + b"\n"
            while told:
                told = told[os.write(replies, told) :]
    os._exit(0)


def limit_cpu(seconds: float) -> None:
    """Let the system kill this process when it computes longer: its parent may be gone."""
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + seconds) + 1, hard))


def resident_mib(pid: int) -> float:
    """The memory that a process holds; 0 where the system does not tell (no /proc)."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * resource.getpagesize() / MIB


class Supervisor:
    """Keeps one child alive and asks it."""

    def __init__(self, questions: Questions, memory_mib: int, inherited: list[int]) -> None:
        self._questions = questions
        self._memory_mib = memory_mib
        self._inherited = inherited
        self._child: ForkedWorker | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply to one request.

        A child that fails a request may have been near its limit from earlier ones, so a fresh one
        is asked once more, in the time that is left.
        """
        started = time.monotonic()
        reply, used = self._try(request)
        left = request["seconds"] - (time.monotonic() - started)
        if reply == FAILED and used and left > 0:
            reply, _ = self._try({**request, "seconds": left})
        return {**reply, "seconds": time.monotonic() - started}

    def close(self) -> None:
        """End the child."""
        if self._child:
            self._child.kill()
            self._child = None

    def _try(self, request: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        if self._child is None:
            self._child = ForkedWorker(self._questions, self._memory_mib, self._inherited)
        used, self._child.used = self._child.used, True
        reply = self._child.ask(request, self._memory_mib)
        if "fault" in reply:
            self.close()
        return reply, used


def main() -> None:
    """Serve standard input until it ends. The only argument is the memory limit in MiB."""
    memory_mib = int(sys.argv[1])
    # What sympy or ANTLR print must not get between the replies.
    with os.fdopen(os.dup(1), "wb", buffering=0) as replies:
        os.dup2(2, 1)
        try:
            questions = load_questions()
        except ImportError as error:
            write(replies, {"error": f"{type(error).__name__}: {error}"})
            return
        write(replies, {"ready": True})
        supervisor = Supervisor(questions, memory_mib, [0, replies.fileno()])
        try:
            for line in sys.stdin.buffer:
                write(replies, supervisor.answer(json.loads(line)))
        finally:
            supervisor.close()


def write(replies: BinaryIO, message: dict[str, Any]) -> None:
    """Send one line."""
    replies.write(json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    main()
