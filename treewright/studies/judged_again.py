"""Paths of a finished run, judged whole again: what was judged is kept in a file, and goes on."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

from search.core import Judgement, Origin, Prefix
from search.gather import gather
from search.keys import content
from search.ports import Failure, ScorerCall
from search.seeds import call_seed
from treewright.arms.solved import Solved
from treewright.cluster.cluster import Ports, open_cluster
from treewright.config.config import Config
from treewright.config.fingerprint import part_identity
from treewright.files.reading import read_json
from treewright.files.writing import write_text
from treewright.studies.agreement import Calls, calls_of
from treewright.studies.page import StudyError

AT_ONCE = 256
"""Paths that are judged between two writings of the file."""
LARGEST = 256 * 1024 * 1024


@dataclass(frozen=True)
class Sampled:
    """A path that a run judged, and what it said of it."""

    path: Prefix
    judgement: Judgement

    @property
    def key(self) -> str:
        """What it says, whatever its place."""
        return content(self.path)


def sampled(solved: Sequence[Solved], most: int) -> list[Sampled]:
    """So many of the judgements that were not made whole, drawn by a hash of what the paths say."""
    found: dict[str, Sampled] = {}
    for item in solved:
        for id, judgement in item.search.judgements.items():
            if judgement.origin is not Origin.WHOLE and judgement.verdicts:
                one = Sampled(item.search.paths[id], judgement)
                found.setdefault(one.key, one)
    return [found[key] for key in sorted(found)][:most]


async def judged_again(
    config: Config, paths: Sequence[Prefix], again: int, folder: Path
) -> dict[str, Calls]:
    """By content of the path what the config's scorer says of it, judged whole.

    `again`: 0 for the seed that a search would give it, others for others. Raises `ClusterError`,
    and `StudyError` for a file that is none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = f"judged-{identity(config, again)}.json"
    kept = recorded(folder, name)
    by_content = {content(path): path for path in paths}
    left = [path for key, path in by_content.items() if key not in kept]
    if left:
        print(f"judging {len(left)} paths again", file=sys.stderr, flush=True)
        async with open_cluster(config.cluster, config.policy, config.scorer) as ports:
            for start in range(0, len(left), AT_ONCE):
                some = left[start : start + AT_ONCE]
                told = await gather(_judge(ports, path, config.seed, again) for path in some)
                kept.update((content(path), each) for path, each in zip(some, told, strict=True))
                write_text(folder, name, json.dumps(kept))
    return {key: kept[key] for key in by_content}


def identity(config: Config, again: int) -> str:
    """What tells these judgements from others: the scorer, its model by content, and the seed."""
    facts = part_identity(config, "scorer"), config.seed, again
    return blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=6).hexdigest()


def recorded(folder: Path, name: str) -> dict[str, Calls]:
    """What was judged before; nothing where there is no such file.

    What failed says nothing of a path, and is not among it: it is asked again.
    """
    try:
        known = read_json(folder, name, LARGEST).items()
        return {key: (tuple(steps), prefix, own) for key, (steps, prefix, own) in known if steps}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        raise StudyError(f"{folder / name}: is damaged; remove it, it is made anew") from error


async def _judge(ports: Ports, path: Prefix, seed: int, again: int) -> Calls:
    """One path; what failed says nothing."""
    said = ("judge",) if not again else ("judge", f"again {again}")
    call = ScorerCall(path, call_seed(seed, path.problem.id, content(path), *said))
    (reply,) = await ports.scorer.judge([call])
    return ((), None, 0) if isinstance(reply, Failure) else calls_of(reply.judgement)
