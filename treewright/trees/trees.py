"""The verb `tree`: the tree of a problem's search, replayed from the journal; no model is asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path

from benchmarks.datasets import Sample
from search.core import Problem
from search.questions import steered_by
from search.tree import Graph, lineage, to_json, tree_of
from treewright.arms.arm import Arm, arms_of
from treewright.arms.graded import Graded
from treewright.arms.solved import Solved
from treewright.config.compose import COMMAND_LINE
from treewright.config.config import Config
from treewright.config.resuming import goes_on
from treewright.errors import ConfigError, suggest
from treewright.files.writing import make_folder
from treewright.running.file_names import file_name
from treewright.running.recorded import RecordedRun
from treewright.running.replay import Known
from treewright.running.run_folder import RunFolderError
from treewright.running.tracebacks import place
from treewright.terminal import clean
from treewright.trees.diagram import to_dot, to_mermaid
from treewright.trees.draw import draw

NEAR = 5
TREES = "trees"


def as_json(graph: Graph) -> None:
    """Print node-link JSON."""
    print(json.dumps(to_json(graph), allow_nan=False))


FORMATS: dict[str, Callable[[Graph], None]] = {
    "text": draw,
    "json": as_json,
    "dot": lambda graph: print(to_dot(graph)),
    "mermaid": lambda graph: print(to_mermaid(graph)),
}


async def show(path: Path, spelled: str, form: str) -> int:
    """Print the tree of one problem: its id, the beginning of it, or its number from 1.

    Raises what `RecordedRun` raises, and `ConfigError` for a problem or a format that is not
    there, or a search that has not ended.
    """
    if form not in FORMATS:
        raise ConfigError(COMMAND_LINE, "--format", form, "no such format", suggest(form, FORMATS))
    run = await RecordedRun.open(path)
    sample = find(run.dataset.samples, spelled)
    found = await run.read([sample])
    run.tell(found.damage)
    if not found.solved:
        raise ConfigError(COMMAND_LINE, sample.problem.id, None, *why_none(run, found))
    FORMATS[form](tree(sample.problem, found.solved[0], run.config))
    return 0


async def write_all(path: Path) -> int:
    """Write trees/<problem>.json for every problem whose search has ended.

    Raises what `RecordedRun` raises.
    """
    run = await RecordedRun.open(path)
    found = await run.read()
    run.tell(found.damage)
    make(path)
    for sample, solved in run.results(found):
        graph = tree(sample.problem, solved, run.config)
        run.folder.write_json(place_of(solved.problem_id), to_json(graph))
    print(clean(f"{len(found.solved)} trees in {path / TREES}"))
    if without := len(found.failed) + len(found.pending):
        reasons = f"{len(found.failed)} failed, {len(found.pending)} have not ended"
        print(f"{without} problems have no tree: {reasons}", file=sys.stderr)
    return 0


def find(samples: Sequence[Sample], spelled: str, where: str = COMMAND_LINE) -> Sample:
    """The problem with this id, this number from 1, or this unique beginning of its id.

    Raises `ConfigError`, its place being `where`.
    """
    by_id = {sample.problem.id: sample for sample in samples}
    if spelled in by_id:
        return by_id[spelled]
    if spelled.isascii() and spelled.isdigit() and 1 <= int(spelled[:9]) <= len(samples):
        return samples[int(spelled[:9]) - 1]
    begun = [id for id in by_id if spelled and id.startswith(spelled)]
    if len(begun) == 1:
        return by_id[begun[0]]
    near = begun[:NEAR] or get_close_matches(spelled, by_id, n=NEAR)
    guess = f"did you mean {', '.join(near)}? " if near else ""
    problem = f"begins {len(begun)} ids" if begun else "no such problem"
    hint = f"{guess}give an id, the beginning of one, or a number from 1 to {len(samples)}"
    raise ConfigError(where, "PROBLEM", spelled, problem, hint)


def tree(problem: Problem, solved: Solved, config: Config) -> Graph:
    """The tree of one search, graded, with the chosen solution marked."""
    graph = tree_of(problem, solved.search)
    mark(graph, solved, config)
    return graph


def why_none(run: RecordedRun, found: Known) -> tuple[str, str]:
    """Why the one problem that was replayed has no tree, and what to do."""
    go_on = goes_on(run.path, run.config)
    if not found.failed:
        return "its search has not ended", go_on
    (failed,) = found.failed
    file = place(run.path, failed)
    told = failed.failure.traceback and file.is_file()
    hint = "`treewright score` tells all that failed" if failed.failure.kind.final else go_on
    return f"its search failed: {failed.failure.message}", f"{file} tells where" if told else hint


def mark(graph: Graph, solved: Solved, config: Config) -> None:
    """Add `outcome` to the candidates and `chosen` to all on the way to the chosen one.

    Chosen is the best under the first aggregation of the config, or by majority without one. The
    graph says by what (`chosen_by`), and what steered the search (`steered_by`, None: nothing).
    """
    candidates = solved.search.result.candidates
    arm = next(iter(arms_of(config.aggregate[:1], ["best"])), Arm("majority"))
    choice = Graded.of(solved, [arm.aggregation], config.missing).choice(arm)
    if choice.index is not None:
        choose_on(graph, candidates[choice.index].path.id)
    for candidate, outcome in zip(candidates, solved.grades.outcomes, strict=True):
        graph.nodes[candidate.path.id]["outcome"] = outcome.value
    graph.graph["chosen_by"] = str(arm).replace("+", " ")
    graph.graph["steered_by"] = steered_by(config.strategy)


def place_of(problem_id: str) -> str:
    """Where a problem's tree is written, within the run's folder."""
    return f"{TREES}/{file_name(problem_id, '.json')}"


def choose_on(graph: Graph, id: str) -> None:
    """Mark all paths on the way to the chosen one."""
    for above in lineage(graph, id):
        graph.nodes[above]["chosen"] = True


def make(folder: Path) -> None:
    """The folder of all trees, there from now on."""
    try:
        make_folder(folder, TREES)
    except OSError as error:
        raise RunFolderError(f"{folder / TREES}: cannot be made: {error.strerror}") from error
