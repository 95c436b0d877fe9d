"""How long a few searches take, alternately by two configs, each time made anew."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory

from treewright.config.config import Config
from treewright.config.fingerprint import part_identity
from treewright.files.reading import read_json
from treewright.files.writing import write_text
from treewright.running.job import Job
from treewright.running.series import planned, work_off
from treewright.studies.page import StudyError


async def timed(configs: Mapping[str, Config], times: int, folder: Path) -> dict[str, list[float]]:
    """Seconds of each run from its first question to its end, engines already up.

    What was measured before, of the same configs, is kept in `folder` and counts. Raises
    `SeriesError`, `DatasetError`, and `StudyError` for a file that is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    kept = recorded(folder, configs)
    for at in range(times):
        for name, config in configs.items():
            if len(kept[name]) <= at:
                kept[name].append(await _once(config))
                write_text(folder, "seconds.json", json.dumps({identity(configs): kept}))
    return {name: each[:times] for name, each in kept.items()}


def identity(configs: Mapping[str, Config]) -> str:
    """What tells these measurements from others: all but a config's name and place counts."""
    return blake2b(
        repr(sorted((name, _facts(config)) for name, config in configs.items())).encode(),
        digest_size=16,
    ).hexdigest()


def _facts(config: Config) -> tuple[str, ...]:
    parts = config.dataset, config.policy, config.scorer, config.strategy, config.cluster
    models = [part_identity(config, section) for section in ("policy", "scorer")]
    return tuple(map(repr, (config.seed, *parts, *models)))


def recorded(folder: Path, configs: Mapping[str, Config]) -> dict[str, list[float]]:
    """What was measured before."""
    try:
        known = read_json(folder, "seconds.json").get(identity(configs), {})
        return {name: [float(each) for each in known.get(name, [])] for name in configs}
    except FileNotFoundError:
        return {name: [] for name in configs}
    except (ValueError, TypeError, AttributeError) as error:
        raise StudyError(f"{folder / 'seconds.json'}: is damaged; remove it") from error


async def _once(config: Config) -> float:
    """A run in a folder that is gone afterwards."""
    marks: list[float] = []

    async def hears(job: Job, fault: Exception | None) -> None:
        if fault is not None:
            raise fault
        marks.append(time.monotonic())

    with TemporaryDirectory() as place:
        (job,) = await work_off(planned([replace(config, output_dir=place)]), 1, hears)
        if not job.complete:
            raise StudyError(f"{config.name}: some problems failed, so its time says nothing")
    return marks[-1] - marks[0]
