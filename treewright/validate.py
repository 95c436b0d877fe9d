"""The verb `validate`: is the config right, and what would it run?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from search.wording import counted, size, whole
from treewright.caching.opening import uncached
from treewright.config.config import Config
from treewright.config.load import load_runnable
from treewright.config.notes import notes
from treewright.pilot import Pilot, run_pilot
from treewright.pilot_told import pilot_json, pilot_lines
from treewright.plan import PlanSide, RunPlan, make_plan, total
from treewright.terminal import line


def validate(path: str, overrides: Sequence[str] = (), *, as_json: bool = False) -> int:
    """Print the plan. Raises `ConfigError` or `DatasetError` when there can be none."""
    _tell(load_runnable(path, overrides), None, as_json=as_json)
    return 0


async def validate_with_pilot(
    path: str, overrides: Sequence[str], size: int, *, as_json: bool = False
) -> int:
    """The same, after so many problems were run; see `treewright.pilot`.

    Raises what `validate` and `run_pilot` raise.
    """
    config = load_runnable(path, overrides)
    _tell(config, await run_pilot(config, size), as_json=as_json)
    return 0


def _tell(config: Config, pilot: Pilot | None, *, as_json: bool) -> None:
    plan = make_plan(config)
    remarks = [*plan.notes, *notes(config), *uncached(config)]
    if as_json:
        more = {} if pilot is None else {"pilot": pilot_json(pilot)}
        print(json.dumps({"valid": True, **asdict(plan), "notes": remarks, **more}))
        return
    for name, text in [*_lines(plan), *(pilot_lines(pilot) if pilot else ())]:
        print(f"{name:<12}{line(text)}")
    for remark in remarks:
        print(f"{'note':<12}{line(remark)}")


def _lines(plan: RunPlan) -> Iterator[tuple[str, str]]:
    known = "is known once its data are here"
    told = f"fingerprint {plan.fingerprint[:8]}" if plan.fingerprint else f"its fingerprint {known}"
    yield "config", f"{plan.name} is valid; {told}"
    yield "problems", _problems(plan)
    steers = f" steered by {plan.steered_by}" if plan.steered_by else ""
    yield "strategy", f"{plan.strategy}{steers}: at most {whole(plan.candidates)} candidates"
    yield "policy", _side(plan.policy, "draws")
    yield "scorer", _side(plan.scorer, "judgements")
    yield "report", f"{plan.arms} arms (aggregation × selection), each over n = 1, 2, 4, …"
    yield "generates", _total(plan)


def _problems(plan: RunPlan) -> str:
    if not plan.data_here:
        return f"{whole(plan.problems)}; the data are not on this machine, a run downloads them"
    left_out = f", {whole(plan.excluded)} left out by dataset.exclude" if plan.excluded else ""
    bad = f", and {plan.bad_rows} bad rows become error records" if plan.bad_rows else ""
    at_once = f", {whole(min(plan.in_flight, plan.problems))} at once"
    return f"{whole(plan.problems)}{at_once}{left_out}{bad}"


def _side(side: PlanSide, noun: str) -> str:
    parts = [side.kind if side.model is None else f"{side.kind} {side.model}"]
    parts.append(f"at most {whole(side.calls)} {noun}")
    if side.tokens is None:
        parts.append("tokens unknown")
    elif side.tokens:
        parts.append(f"at most {whole(side.tokens)} tokens generated")
    parts.append(counted(side.replicas, "replica"))
    if side.remote:
        parts.append("remote")
    elif side.engine:
        parts += [_gpus(side.gpus), _memory(side)]
    elif side.cache_gib is None and side.calls:
        parts.append("memory unknown")
    return ", ".join(parts)


def _gpus(gpus: float | None) -> str:
    if gpus is None:
        return "a GPU each if there is one"
    return f"{gpus:g} GPU{'' if gpus == 1 else 's'} each" if gpus else "on the CPU"


def _memory(side: PlanSide) -> str:
    weights = "of unknown size" if side.weights_gib is None else size(side.weights_gib)
    by_name = " by its name" if side.weights_by_name else ""
    cache = "" if side.cache_gib is None else f" and {size(side.cache_gib)} of KV cache"
    return f"weights {weights}{by_name}{cache} each"


def _total(plan: RunPlan) -> str:
    sides = (plan.policy, plan.scorer)
    most = total(side.tokens for side in sides)
    if most is not None:
        return f"at most {whole(most)} tokens in all" if most else "nothing: doubles only"
    silent = " and ".join(dict.fromkeys(side.kind for side in sides if side.tokens is None))
    known = sum(side.tokens for side in sides if side.tokens)
    beside = f", and at most {whole(known)} tokens beside it" if known else ""
    return f"unknown: {silent} says nothing of its tokens{beside}"
