"""A searched problem as a sample of an inspect_ai log (`EvalSample`), its tree as a transcript.

Messages are the question and the chosen solution; `output.choices` are all candidates; each arm is
a score. Each drawn path is a span in the transcript, within that of the path which it continues.
Source: UKGovernmentBEIS/inspect_ai, src/inspect_ai/log/_log.py, event/ and scorer/, version
0.3.285.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.datasets import Sample
from search.core import Candidate, Spent, StopReason
from search.tree import ROOT, Graph, tree_of
from treewright.arms.solved import Solved
from treewright.exchange.chosen import Chosen, answers, aside, chosen
from treewright.exchange.samples import count, stop_of
from treewright.exchange.translated import OURS
from treewright.running.controller import Failed
from treewright.running.recorded import RecordedRun

EPOCH = 1
STOPS = {StopReason.EOS: "stop", StopReason.LENGTH: "max_tokens"}
"""Why a solution ended, as inspect_ai says it; of all else it has no word."""
RIGHT, WRONG, NO_ANSWER = "C", "I", "N"
"""inspect_ai counts them 1, 0 and 0."""


def sample_of(run: RecordedRun, sample: Sample, solved: Solved, model: str, when: str) -> Any:
    """A problem with its result; `when`: the time that its events are given."""
    picked = chosen(run, solved)
    candidates = solved.search.result.candidates
    shown = shown_of(picked)
    said = [_assistant(each, model) for each in candidates]
    last = [] if shown is None else [said[shown]]
    usage = usage_of(solved)
    return {
        **_asked(sample),
        "messages": [{"role": "user", "content": sample.problem.question}, *last],
        "output": {
            "model": model,
            "choices": [
                {"message": message, "stop_reason": STOPS.get(stop_of(each.path), "unknown")}
                for message, each in zip(said, candidates, strict=True)
            ],
            "completion": "" if shown is None else candidates[shown].path.text,
        },
        "scores": scores_of(run, solved, picked),
        "metadata": {**sample.metadata, OURS: aside(run, solved)},
        "events": list(events(tree_of(sample.problem, solved.search), when)),
        "model_usage": {},
        "role_usage": {} if usage is None else usage,
    }


def shown_of(picked: list[Chosen]) -> int | None:
    """Which candidate is shown as the solution, as in a tree: the best by the first aggregation.

    By majority without one; where these are not reported, or choose none, by the first that does.
    """
    told = [each for each in picked if each.index is not None]
    best = [each for each in told if each.arm.selection == "best"]
    vote = [each for each in told if each.arm.selection == "majority"]
    return next((each.index for each in [*best, *vote, *told]), None)


def failed_sample(sample: Sample, failed: Failed) -> Any:
    """A problem that failed: with its error, without scores."""
    message = failed.failure.message
    error = {"message": message, "traceback": failed.failure.traceback or message}
    return {
        **_asked(sample),
        "messages": [{"role": "user", "content": sample.problem.question}],
        "output": {"model": "", "choices": [], "completion": ""},
        "scores": None,
        "metadata": dict(sample.metadata),
        "events": [],
        "model_usage": {},
        "role_usage": {},
        "error": {**error, "traceback_ansi": error["traceback"]},
    }


def _asked(sample: Sample) -> dict[str, Any]:
    asked = {"id": sample.problem.id, "epoch": EPOCH, "input": sample.problem.question}
    return {**asked, "target": "" if sample.answer is None else sample.answer}


def _assistant(candidate: Candidate, model: str) -> dict[str, Any]:
    return {
        "role": "assistant",
        "content": candidate.path.text,
        "source": "generate",
        "model": model,
    }


def scores_of(run: RecordedRun, solved: Solved, picked: list[Chosen]) -> dict[str, dict[str, Any]]:
    """A score per arm. One that nobody knows is not a number, which inspect_ai leaves out."""
    told = answers(run, solved)
    candidates = solved.search.result.candidates
    found = {}
    for each in picked:
        about: dict[str, Any] = {}
        if each.index is not None:
            about = {"candidate": each.index, "path": candidates[each.index].path.id}
        found[str(each.arm)] = {
            "value": value_of(each),
            "answer": None if each.index is None else told[each.index],
            "explanation": explained(each),
            "metadata": about,
        }
    return found


def value_of(each: Chosen) -> str | float:
    """C, I, N, or not a number."""
    if each.mark is None:
        return math.nan
    if each.share.abstained:
        return NO_ANSWER
    return RIGHT if each.mark else WRONG


def explained(each: Chosen) -> str:
    """What was chosen, or why nothing is known."""
    if each.share.unscored:
        return "no candidate has a score to choose by"
    if each.share.ungraded:
        return f"candidate {each.index}; the grader could not tell"
    return "no answer" if each.index is None else f"candidate {each.index}"


def usage_of(solved: Solved) -> dict[str, dict[str, int]] | None:
    """Tokens of policy and verifier, None where nobody counted those of one of them."""
    costs = solved.search.costs
    sides = {"policy": _usage(costs.policy), "verifier": _usage(costs.verifier)}
    known = {name: usage for name, usage in sides.items() if usage is not None}
    return known if len(known) == len(sides) else None


def _usage(costs: Mapping[str, Spent]) -> dict[str, int] | None:
    spent = list(costs.values())
    prompt, cached, generated = (count(spent, part) for part in ("prompt", "cached", "generated"))
    if prompt is None or cached is None or generated is None or any(e.untold for e in spent):
        return None
    return {
        "input_tokens": prompt - cached,
        "input_tokens_cache_read": cached,
        "output_tokens": generated,
        "total_tokens": prompt + generated,
    }


def events(graph: Graph, when: str) -> Iterator[dict[str, Any]]:
    """The tree: of each path the begin of its span, what it is, what continues it, the end."""
    waiting: list[tuple[str, str | None, bool]] = [(ROOT, None, False)]
    while waiting:
        id, parent, left = waiting.pop()
        span = f"path-{id}"
        moment = {"timestamp": when, "working_start": 0.0}
        if left:
            yield {"event": "span_end", "id": span, "span_id": span, **moment}
            continue
        below = [(child, None if id == ROOT else span, False) for child in graph.successors(id)]
        if id == ROOT:
            waiting += reversed(below)
            continue
        node = graph.nodes[id]
        begun = {"id": span, "parent_id": parent, "type": "path", "name": named(id, node)}
        yield {"event": "span_begin", "span_id": span, **begun, **moment}
        info = {"source": OURS, "data": told_of(node)}
        yield {"event": "info", "span_id": span, **info, **moment}
        waiting += [(id, parent, True), *reversed(below)]


def named(id: str, node: Mapping[str, Any]) -> str:
    """A path in a few words: its place, its probability, what became of it.

    The place is `0.3.1`: of a name with `/` the viewer's outline shows a part.
    """
    probability = node["prefix"]
    judged = "not judged" if probability is None else f"{probability:.3f}"
    return f"{id.replace('/', '.')} · {judged} · {node['fate']}"


def told_of(node: Mapping[str, Any]) -> dict[str, Any]:
    """What a path is: its own steps with their verdicts, and what became of it."""
    about = {"prefix": node["prefix"], "unjudged": node["unjudged"], "stop": node["stop"]}
    fate = {"fate": str(node["fate"]), "candidate": node["rank"], "reason": node["reason"]}
    return {"steps": [dict(step) for step in node["steps"]], **about, **fate}
