"""What the commands of all studies have in common: options, runs, and how a fault is told."""

from __future__ import annotations

import argparse
import asyncio
import json
import shlex
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from benchmarks.datasets import DatasetConfig
from engines.traits import traits_of
from search.fault import Fault
from search.wording import counted, whole
from treewright.config.config import Config
from treewright.config.redaction import scrub
from treewright.errors import ConfigError
from treewright.hiding import hiding_streams
from treewright.running.job import Job
from treewright.running.progress import clock
from treewright.running.series import planned, work_off
from treewright.studies.page import write
from treewright.terminal import line

UNFINISHED = 130
RATE = 5000
"""Tokens that two quiet cores compute in a second with the embedded models, both at work: prompt
tokens that are not cached, and generated ones (4,700 to 9,500, the more the fuller the batches
are)."""
Dear: TypeAlias = Callable[[Job], float]
"""About how many tokens a problem of a run takes at most."""


class Unfinished(Exception):
    """Some runs are not at their end; the same command goes on. One line."""


def parser(module: str, about: str | None, base: Path | str) -> argparse.ArgumentParser:
    """The options that every study has; `about` is its docstring, `base` its config."""
    made = argparse.ArgumentParser(
        prog=f"python -m {module}",
        description=(about or "").partition("\n")[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    made.add_argument("--config", default=base, metavar="CONFIG", help="what all runs extend")
    made.add_argument("--limit", type=int, metavar="N", help="only the first N problems")
    made.add_argument("--split", help="of the data: test, or validation to try things out")
    made.add_argument("--output", type=page_file, metavar="FILE", help="write the page there")
    made.add_argument("--json", action="store_true", help="print one JSON object with rows")
    made.add_argument("--at-once", type=positive, default=4, metavar="N", help="runs side by side")
    made.add_argument("--rate", type=positive, default=RATE, metavar="TOKENS",
                      help="that are computed in a second, for the estimate alone")  # fmt: skip
    return made


def page_file(given: str) -> Path:
    """The page to write. Raises ArgumentTypeError before anything runs, which argparse tells."""
    path = Path(given)
    if path.is_dir() or not path.parent.is_dir():
        problem = "is a folder" if path.is_dir() else "its folder is not there"
        raise argparse.ArgumentTypeError(f"{line(given)}: {problem}; name a file in a folder")
    return path


def positive(given: str) -> int:
    """From 1 up. Raises ArgumentTypeError, as those below."""
    return _from(1, given)


def natural(given: str) -> int:
    """From 0 up."""
    return _from(0, given)


def _from(least: int, given: str) -> int:
    if not given.isascii() or not given.isdigit() or int(given) < least:
        raise argparse.ArgumentTypeError(f"{line(given)}: must be a whole number from {least} up")
    return int(given)


def names(listed: str) -> list[str]:
    """`beam,mcts`."""
    found = [name.strip() for name in listed.split(",") if name.strip()]
    if not found:
        raise argparse.ArgumentTypeError(f"{line(listed)}: names nothing; beam,mcts names two")
    return list(dict.fromkeys(found))


def numbers(listed: str) -> list[int]:
    """`600,1200`."""
    return [positive(name) for name in names(listed)]


def strategies(made: argparse.ArgumentParser, known: Iterable[str]) -> None:
    """The option that picks some of them."""
    made.add_argument("--strategies", type=names, default=list(known), metavar="A,B", help="some")


def run(
    made: argparse.ArgumentParser,
    arguments: Sequence[str] | None,
    study: Callable[[argparse.Namespace], Coroutine[object, object, None]],
) -> int:
    """Do what the command line says; `command` is how it was written. Returns the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = made.parse_args(given)
    options.command = " ".join([made.prog, shlex.join(given)])
    return guarded(lambda: study(options))


def reading(module: str, about: str | None) -> argparse.ArgumentParser:
    """The options of a command that only reads finished runs; `about` is its docstring."""
    made = argparse.ArgumentParser(
        prog=f"python -m {module}", description=(about or "").partition("\n")[0]
    )
    made.add_argument("--json", action="store_true", help="print one JSON object")
    return made


def refuse_test(data: DatasetConfig, where: str, key: str, hint: str) -> None:
    """Nothing is chosen on what is measured. Raises `ConfigError` for a test split."""
    if data.name is not None and data.split == "test":
        raise ConfigError(where, key, "test", "is what is measured", hint)


def common(options: argparse.Namespace) -> list[str]:
    """What the options say to every config."""
    said = {"dataset.limit": options.limit, "dataset.split": options.split}
    return [f"{key}={value}" for key, value in said.items() if value is not None]


def guarded(work: Callable[[], Coroutine[object, object, None]]) -> int:
    """Do the work; what a person can mend, or has to go on with, is one line. The exit code."""
    try:
        with hiding_streams():
            asyncio.run(work())
    except (asyncio.CancelledError, KeyboardInterrupt):
        return _unfinished("aborted")
    except Unfinished as error:
        return _unfinished(str(error))
    except Fault as error:
        print(line(scrub(f"error: {error}")), file=sys.stderr)
        return error.exit_code
    return 0


def _unfinished(why: str) -> int:
    print(f"{why}; the same command goes on", file=sys.stderr)
    return UNFINISHED


async def worked_off(
    configs: Sequence[Config], options: argparse.Namespace, dear: Dear, *, shared: bool = True
) -> list[Job]:
    """The jobs of these configs, with what was missing of them done; told is what that takes.

    `shared`: one set of engines must serve them all; without it those that can share one are done
    together.

    Raises:
        Unfinished: some are not at their end.
        SeriesError, DatasetError, ClusterError: they cannot be run.
    """
    jobs = planned(configs, shared=shared)
    missing = [job for job in jobs if not job.complete]
    work = [(len(job.dataset.samples), dear(job)) for job in missing]
    told = f"{len(jobs)} runs, {len(missing)} not complete\n{estimate(work, options.rate)}"
    print(told, file=sys.stderr, flush=True)
    jobs = await work_off(jobs, options.at_once)
    left = [job for job in jobs if not job.ended]
    if left:
        raise Unfinished(f"{len(left)} of {len(jobs)} runs are not finished")
    return jobs


def estimate(work: Sequence[tuple[int, float]], rate: float = RATE) -> str:
    """The line before the start; `work` is problems and tokens of each, by run."""
    if not work:
        return "estimate: nothing is left to run"
    total = sum(problems * tokens for problems, tokens in work)
    return (
        f"estimate: {counted(sum(problems for problems, _ in work), 'search', 'es')}, up to about "
        f"{whole(total)} tokens, {clock(total / rate)} at {whole(rate)} tokens a second (two quiet "
        "cores; --rate says another); what is finished is kept, and the same command goes on"
    )


def described(job: Job) -> str:
    """The data, the models and the seed, in words."""
    config, data = job.config, job.config.dataset
    models = [traits_of(side).model or "a double" for side in (config.policy, config.scorer)]
    return (
        f"{counted(len(job.dataset.samples), 'problem')} of {data.name or data.path}, "
        f"split {data.split}; "
        f"policy {_shown(models[0])}, verifier {_shown(models[1])}, seed {config.seed}"
    )


def _shown(model: str) -> str:
    """The model without the folder that Treewright is installed in."""
    installed = Path(__file__).resolve().parents[2]
    path = Path(model)
    return str(path.relative_to(installed)) if path.is_relative_to(installed) else model


def deliver(options: argparse.Namespace, text: str, figures: Mapping[str, object]) -> None:
    """Write the page, or print it or the figures, as the options say.

    Raises `StudyError` where the page cannot be written.
    """
    if options.json:
        print(json.dumps(figures, allow_nan=False))
    if options.output:
        write(options.output, text)
        print(f"written: {options.output}", file=sys.stderr)
    elif not options.json:
        print(text, end="")
