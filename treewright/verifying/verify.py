"""The verb `verify`: judge what is missing, measure, print, and write the page."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from benchmarks.datasets.labelled import LabelledData
from search.wording import counted
from treewright.config.config import Config
from treewright.running.experiment import FAILURES, INTERRUPTED, OK, exceeds
from treewright.running.run_folder import VERIFICATIONS, RunFolder, Status
from treewright.terminal import clean
from treewright.verifying.asked import AskedData, labelled, verifications
from treewright.verifying.page import write_page
from treewright.verifying.results import Results, ScorerResult, known_of
from treewright.verifying.table import print_notes, print_results
from treewright.verifying.verification import Verification

SIDE_BY_SIDE = "side-by-side"


async def verify(configs: Sequence[Config], asked: AskedData, *, as_json: bool = False) -> int:
    """Judge the labelled solutions with each scorer, one after the other. Returns the exit code.

    What is judged already is not asked again; where all is, nothing is started.

    Raises:
        ConfigError, DatasetError: what cannot be asked.
        ClusterError: a scorer that cannot be started.
    """
    data = labelled(asked, configs[0])
    scorers, same = verifications(configs, data)
    if same:
        told = counted(same, "config")
        print(f"note: {told} with the scorer of another: judged once", file=sys.stderr)
    done = await judged(scorers, asked, as_json=as_json)
    if done is None:
        print("interrupted; the same command goes on", file=sys.stderr)
        return INTERRUPTED
    results = Results.of(data, asked.fit, done)
    folder = written(results)
    if as_json:
        print(json.dumps({"report": str(folder), **results.to_json()}, allow_nan=False))
    else:
        print_results(results)
        print(clean(f"report {folder}"))
    print_notes(results)
    limit, total = configs[0].fail_on_error, total_of(data) * len(done)
    return FAILURES if exceeds(limit, len(results.failures()), total) else OK


async def judged(
    scorers: Sequence[Verification], asked: AskedData, *, as_json: bool
) -> list[ScorerResult] | None:
    """All judgements of each; None when it was told to stop before the end."""
    done = []
    for each in scorers:
        begun = each.begun()
        told = clean(f"verification {begun.run.path} ({begun.called})")
        print(told, file=sys.stderr if as_json else sys.stdout, flush=True)
        try:
            known = await known_of(begun)
        except (asyncio.CancelledError, KeyboardInterrupt):
            return None
        if known.status is Status.INTERRUPTED:
            return None
        done.append(ScorerResult.of(begun, known, asked.fit))
    return done


def written(results: Results) -> Path:
    """Write the figures of each scorer, and the page; where that is.

    Of one scorer it is in its folder, of several in a folder of their own.
    """
    folders = [each.verification.run for each in results.scorers]
    for each, folder in zip(results.scorers, folders, strict=True):
        folder.write_json("metrics.json", each.to_json())
    if len(folders) == 1:
        return write_page(folders[0], results)
    first = results.scorers[0].verification
    prints = [each.verification.fingerprint for each in results.scorers]
    together = sha256(json.dumps([*prints, results.fit]).encode()).hexdigest()[:8]
    folder = RunFolder(Path(first.config.output_dir) / VERIFICATIONS / SIDE_BY_SIDE / together)
    folder.make()
    folder.write_json("metrics.json", results.to_json())
    return write_page(folder, results)


def total_of(data: LabelledData) -> int:
    """How many rows there are to judge, bad ones too."""
    return len(data.solutions) + len(data.bad_rows)
