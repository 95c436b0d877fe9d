"""What the commands of all studies have in common: options, runs, and how a fault is told."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path

from engines.traits import traits_of
from search.fault import Fault
from treewright.config.config import Config
from treewright.config.redaction import scrub
from treewright.hiding import hiding_streams
from treewright.running.job import Job
from treewright.running.series import planned, work_off
from treewright.studies.page import write
from treewright.terminal import line

UNFINISHED = 130


class Unfinished(Exception):
    """Some runs are not at their end; the same command goes on. One line."""


def parser(module: str, about: str | None) -> argparse.ArgumentParser:
    """The options that every study has; `about` is its docstring."""
    made = argparse.ArgumentParser(
        prog=f"python -m {module}", description=(about or "").partition("\n")[0]
    )
    made.add_argument("--limit", type=int, metavar="N", help="only the first N problems")
    made.add_argument("--split", help="of the data: test, or validation to try things out")
    made.add_argument("--output", type=page_file, metavar="FILE", help="write the page there")
    made.add_argument("--json", action="store_true", help="print one JSON object with rows")
    return made


def page_file(given: str) -> Path:
    """The page to write. Raises ArgumentTypeError before anything runs, which argparse tells."""
    path = Path(given)
    if path.is_dir() or not path.parent.is_dir():
        problem = "is a folder" if path.is_dir() else "its folder is not there"
        raise argparse.ArgumentTypeError(f"{line(given)}: {problem}; name a file in a folder")
    return path


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
    configs: Sequence[Config],
    at_once: int = 1,
    ahead: Callable[[Sequence[Job]], str] | None = None,
    *,
    shared: bool = True,
) -> list[Job]:
    """The jobs of these configs, with what was missing of them done.

    `ahead`: what to say of the jobs before they start. `shared`: one set of engines must serve them
    all; without it those that can share one are done together.

    Raises:
        Unfinished: some are not at their end.
        SeriesError, DatasetError, ClusterError: they cannot be run.
    """
    jobs = planned(configs, shared=shared)
    missing = sum(not job.complete for job in jobs)
    print(f"{len(jobs)} runs, {missing} not complete", file=sys.stderr, flush=True)
    if ahead is not None:
        print(ahead(jobs), file=sys.stderr, flush=True)
    jobs = await work_off(jobs, at_once)
    left = [job for job in jobs if not job.ended]
    if left:
        raise Unfinished(f"{len(left)} of {len(jobs)} runs are not finished")
    return jobs


def described(job: Job) -> str:
    """The data, the models and the seed, in words."""
    config, data = job.config, job.config.dataset
    models = [traits_of(side).model or "a double" for side in (config.policy, config.scorer)]
    return (
        f"{len(job.dataset.samples)} problems of {data.name or data.path}, split {data.split}; "
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
