"""Where each replica goes: its bundle of GPUs, and who shares one.

Pure: what Ray is asked for is decided here, `treewright.cluster.seats` asks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, TypeAlias

from engines.config import Machine
from engines.traits import Part, traits_of
from treewright.cluster.config import ClusterConfig
from treewright.cluster.room import (
    FIT,
    CannotPlace,
    Group,
    Node,
    Seat,
    check_room,
    has,
    in_order,
    lacking,
)

SHARED = 0.9
"""The share of a GPU's memory that engines take which say nothing, all of them on it together."""
LEAST_SHARE = 0.05
AWAKE = 0.85
"""The share of a GPU's memory that an engine takes which says nothing, while another sleeps there.
That one keeps its process and its CUDA graphs on the GPU."""
SOME = 8.0
"""GPUs of one of the nodes that an autoscaler brings, as far as anybody knows."""
LEAST_CPUS = 0.001
"""Of a process: its placement group must have something."""


@dataclass(frozen=True, slots=True)
class Need:
    """One replica that is to be placed."""

    side: str
    gpus: float
    cpus: float
    machine: Machine | None
    resources: Mapping[str, float]
    labels: Mapping[str, str]

    def may_be_on(self, node: Node) -> bool:
        """Whether a node has what it asks for, GPUs aside."""
        enough = (node.total.get(name, 0.0) + FIT >= n for name, n in self.resources.items())
        return has(node, self.labels) and all(enough)

    def asks_as(self, other: Need) -> bool:
        """Whether another asks for nodes of the same kind."""
        return (self.labels, self.resources) == (other.labels, other.resources)


Contest: TypeAlias = tuple[list[Need], dict[int, Node]]
"""Replicas, and by their numbers the nodes that some of them can be on."""


def place(
    config: ClusterConfig,
    parts: Mapping[str, Part],
    nodes: Sequence[Node],
    *,
    grows: bool = False,
    gpus_to_come: bool = False,
) -> list[Group]:
    """A group for every replica that is a process, in the order in which to ask Ray for them.

    Args:
        config: how many replicas, and what each takes.
        parts: `policy` and `scorer`, without those that need no process.
        nodes: the cluster as it is.
        grows: whether an autoscaler may add nodes, so that nothing is too much.
        gpus_to_come: whether it may add GPUs, where there are none.

    Raises:
        CannotPlace: what can never be placed, or engines that do not fit on the GPU they share.
    """
    needs = [
        need
        for side, part in parts.items()
        for need in needed(config, side, part, nodes, gpus_to_come)
    ]
    if config.elastic:
        return found(paired(needs), nodes, grows)
    groups = grouped(config, rivals(needs, nodes), grows=grows)
    if not grows and lacking(groups, nodes):
        with suppress(CannotPlace):
            apart = grouped(config, kinds_of(needs, nodes), grows=grows)
            groups = groups if lacking(apart, nodes) else apart
    return found(groups, nodes, grows)


def grouped(config: ClusterConfig, contests: Iterable[Contest], *, grows: bool) -> list[Group]:
    """Replicas that share a GPU, because there are too few or as is said, and those that do not."""
    groups: list[Group] = []
    for needs, hosts in contests:
        has_gpus = [node.total.get("GPU", 0.0) for node in hosts.values()]
        gpus, widest = sum(has_gpus), max([SOME if grows else 0.0, *has_gpus])
        said = any(getattr(config, f"{need.side}_gpus") is not None for need in needs)
        too_few = 0 < gpus < sum(need.gpus for need in needs)
        if too_few and not said and not grows and all(need.gpus <= 1 for need in needs):
            takers = [need for need in needs if need.gpus]
            groups += map(shared, deal(takers, int(gpus) or 1))
            needs = [need for need in needs if not need.gpus]
        groups += map(shared, packed([need for need in needs if 0 < need.gpus < 1]))
        groups += (alone(need, widest) for need in needs if not 0 < need.gpus < 1)
    return groups


def rivals(needs: Sequence[Need], nodes: Sequence[Node]) -> list[Contest]:
    """As `kinds_of`, but those that have nodes in common are one contest.

    A policy and a verifier that share a GPU there are worth more than two of a kind.
    """
    kinds = kinds_of(needs, nodes)
    if len(kinds) < 2:
        return kinds
    (ours, our_hosts), (theirs, their_hosts) = kinds
    common = our_hosts.keys() & their_hosts.keys()
    return [([*ours, *theirs], our_hosts | their_hosts)] if common else kinds


def kinds_of(needs: Sequence[Need], nodes: Sequence[Node]) -> list[Contest]:
    """Replicas that ask for the same nodes, of which each side has one kind, and those nodes."""
    kinds: list[list[Need]] = []
    for need in needs:
        same = next((kind for kind in kinds if need.asks_as(kind[0])), None)
        if same is None:
            kinds.append([need])
        else:
            same.append(need)
    places = dict(enumerate(nodes))
    return [
        (kind, {at: node for at, node in places.items() if kind[0].may_be_on(node)})
        for kind in kinds
    ]


def found(groups: Sequence[Group], nodes: Sequence[Node], grows: bool) -> list[Group]:
    """The groups in the order to ask for them. Raises `CannotPlace` where they can never fit."""
    if not grows:
        check_room(groups, nodes)
    return in_order(groups, nodes)


def to_come(config: ClusterConfig, most: Mapping[str, float] | None) -> tuple[bool, bool]:
    """Whether an autoscaler may add nodes, and GPUs among them.

    `most`: of each resource, what Ray's own says that it would bring; None where it says nothing.
    """
    if config.autoscaling is not None:
        return config.autoscaling, config.autoscaling
    return most is not None, bool(most and most.get("GPU"))


def needed(
    config: ClusterConfig, side: str, part: Part, nodes: Sequence[Node], gpus_to_come: bool
) -> Iterator[Need]:
    """The replicas of one side."""
    machine = on_gpu(part)
    some = gpus_to_come or any(node.total.get("GPU") for node in nodes)
    gpus: float | None = getattr(config, f"{side}_gpus")
    if gpus is None:
        gpus = 0.0 if machine is None or (machine.optional and not some) else machine.gpus
    resources, labels = asked(getattr(config, f"{side}_resources"))
    need = Need(side, gpus, config.cpus, machine, resources, labels)
    yield from [need] * config.slots(side)


def on_gpu(part: Part) -> Machine | None:
    """What a replica of this port config takes; None where it takes no GPU, or nobody knows."""
    needs = traits_of(part).needs
    return needs if needs and needs.gpus else None


def asked(resources: Mapping[str, Any]) -> tuple[dict[str, float], dict[str, str]]:
    """Amounts of resources, and labels that a node must have: what is text is a label."""
    amounts, labels = {}, {}
    for name, value in resources.items():
        if isinstance(value, str):
            labels[LABELS.get(name, name)] = value
        else:
            amounts[name] = float(value)
    return amounts, labels


LABELS = {"accelerator_type": "ray.io/accelerator-type"}
"""Short names of labels."""


def paired(needs: Sequence[Need]) -> list[Group]:
    """A policy and a verifier in each group, one of which is awake: a GPU is enough for both.

    Raises `CannotPlace`: an engine that takes more of them, or runs on a CPU.
    """
    for need in needs:
        if need.gpus > 1:
            raise CannotPlace(
                f"cluster.elastic: a {need.side} takes {need.gpus:g} GPUs, and only replicas of "
                "one GPU take turns; leave it out"
            )
        if need.machine and not need.gpus:
            raise CannotPlace(
                f"cluster.elastic: there is no GPU, and on a CPU the engine of the {need.side} "
                "cannot sleep; leave it out"
            )
    policies = [need for need in needs if need.side == "policy"]
    scorers = [need for need in needs if need.side == "scorer"]
    return [by_turns(hand) for hand in zip(policies, scorers, strict=True)]


def by_turns(hand: Sequence[Need]) -> Group:
    """Replicas that have one GPU by turns; each is counted as a part of it."""
    sharing = sum(need.gpus > 0 for need in hand)
    parts = [replace(n, gpus=part(sharing) if n.gpus else 0.0, machine=None) for n in hand]
    group = shared(parts)
    share = AWAKE if sharing else None
    seats = tuple(replace(seat, share=share, by_turns=True) for seat in group.seats)
    return replace(group, seats=seats)


def deal(needs: Sequence[Need], gpus: int) -> list[list[Need]]:
    """Replicas over GPUs, as many on each as on any other or one more, policies before scorers.

    So each GPU gets policies and scorers in their ratio, as far as there are as many.
    """
    hands = [list(needs[start::gpus]) for start in range(min(gpus, len(needs)))]
    return [[replace(need, gpus=part(len(hand))) for need in hand] for hand in hands]


def part(count: int) -> float:
    """An equal part of a GPU, rounded down as Ray counts."""
    return math.floor(10_000 / count) / 10_000


def packed(needs: Sequence[Need]) -> list[list[Need]]:
    """Replicas with said parts of a GPU: the first GPU that has room, the sides by turns."""
    sides: dict[str, list[Need]] = {}
    for need in needs:
        sides.setdefault(need.side, []).append(need)
    hands: list[list[Need]] = []
    for turn in zip_longest(*sides.values()):
        for need in filter(None, turn):
            for hand in hands:
                if sum(each.gpus for each in hand) + need.gpus <= 1 + FIT:
                    hand.append(need)
                    break
            else:
                hands.append([need])
    return hands


def shared(hand: Sequence[Need]) -> Group:
    """Replicas on one GPU, in one bundle.

    Raises `CannotPlace`: its memory is too small, or they ask for different nodes.
    """
    labels: dict[str, str] = {}
    bundle: dict[str, float] = {}
    for need in hand:
        amounts = {"GPU": need.gpus, "CPU": need.cpus, **need.resources}
        for name, amount in amounts.items():
            bundle[name] = bundle.get(name, 0.0) + amount
        for name, value in need.labels.items():
            if labels.setdefault(name, value) != value:
                raise CannotPlace(
                    f"cluster.policy_resources and cluster.scorer_resources ask for different "
                    f"nodes ({name}: {labels[name]}, {value}), and each pair of cluster.elastic "
                    "has one GPU; say the same in both, or cluster.elastic=false"
                )
    if len(hand) > 1 and bundle["GPU"] > 1 - FIT * 1000:
        bundle["GPU"] = 1.0
    bundle = some(bundle)
    share = memory_share([need.machine for need in hand if need.machine])
    seats = tuple(Seat(need.side, need.gpus, share) for need in hand)
    return Group((bundle,), seats, labels)


def memory_share(engines: Sequence[Machine]) -> float | None:
    """The share of a GPU's memory for each engine on it that says none; None for one alone.

    vLLM does not start unless the share `gpu_memory_utilization` of the GPU is free. What those
    that say theirs leave of 0.9 is divided evenly.

    Raises `CannotPlace`.
    """
    if len(engines) < 2:
        return None
    said = [each.share for each in engines if each.share is not None]
    silent = len(engines) - len(said)
    if sum(said) > 1 + FIT:
        raise CannotPlace(
            f"engine.gpu_memory_utilization: {len(engines)} engines share a GPU and want "
            f"{sum(said):g} of its memory together; at most 1 is there, so say "
            f"{math.floor(90 / len(engines)) / 100:g} for each of policy and scorer, or nothing"
        )
    if not silent:
        return None
    share = math.floor((SHARED - sum(said)) / silent * 100 + FIT) / 100
    if share < LEAST_SHARE:
        raise CannotPlace(
            f"engine.gpu_memory_utilization: {len(engines)} engines share a GPU, some of them say "
            f"{sum(said):g} of its memory together, which leaves {max(0.0, share):g} for each of "
            f"the others; say less, or use fewer replicas"
        )
    return share


def alone(need: Need, widest: float) -> Group:
    """A replica with GPUs of its own, on one node; over nodes where it needs more than any has."""
    of_process = {"CPU": need.cpus, **need.resources}
    if need.gpus > max(widest, 1.0) and need.gpus.is_integer():
        workers = [{"GPU": 1.0}] * int(need.gpus)
        bundles = ({"CPU": max(need.cpus, LEAST_CPUS), **need.resources}, *workers)
        return Group(bundles, (Seat(need.side, 0.0),), need.labels)
    bundle = some({"GPU": need.gpus, **of_process})
    return Group((bundle,), (Seat(need.side, need.gpus),), need.labels)


def some(bundle: Mapping[str, float]) -> dict[str, float]:
    """What is taken of it, and next to nothing where that is nothing: Ray has no empty bundles."""
    return {name: amount for name, amount in bundle.items() if amount} or {"CPU": LEAST_CPUS}
