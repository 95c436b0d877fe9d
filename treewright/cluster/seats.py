"""Seats for replicas in a running Ray: placement groups, and who sits where."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import ray
from ray._private.state import available_resources_per_node
from ray.util.placement_group import (
    PlacementGroup,
    placement_group,
    placement_group_table,
    remove_placement_group,
)
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from engines.given import BY_TURNS, GPU_SHARE, OVER_NODES
from treewright.cluster.room import Group, Seat

PENDING = ("PENDING", "RESCHEDULING", "PREPARED")
"""States of a group that waits: for a node to come, or for what others have."""


@dataclass(frozen=True, eq=False, slots=True)
class Reserved:
    """A seat: what Ray is told of the actor in it, and what that finds in its environment."""

    options: Mapping[str, Any]
    environment: Mapping[str, str]
    needs: str
    shares: bool
    """Whether its GPU is shared."""
    gpus: float
    """How many it has, of one too a part; all that it has by turns."""
    group: PlacementGroup | None = None

    def waits(self) -> bool:
        """Whether there is no room for it yet. It asks Ray, and blocks for as long."""
        if self.group is None:
            return not self._fits()
        return placement_group_table(self.group).get("state") in PENDING

    def _fits(self) -> bool:
        cpus = float(self.options["num_cpus"])
        if ray.util.client.ray.is_connected():  # by which nobody is told of each node
            return float(ray.available_resources().get("CPU", 0.0)) >= cpus
        return any(each.get("CPU", 0.0) >= cpus for each in available_resources_per_node().values())


class Seats:
    """The seats of one side. A replica takes one and gives it back when it has ended."""

    def __init__(self, reserved: Sequence[Reserved]) -> None:
        self._free = deque(reserved)

    def take(self) -> Reserved:
        """The one that has been free longest."""
        return self._free.popleft()

    def apart(self) -> list[Seats]:
        """Each by itself, for replicas that have one of their own."""
        return [Seats([seat]) for seat in self._free]

    def give(self, seat: Reserved) -> None:
        """It is free again."""
        self._free.append(seat)


@contextmanager
def reserved(
    groups: Sequence[Group], cpus: float, lost: Callable[[], bool] = lambda: False
) -> Iterator[Mapping[str, Seats]]:
    """By its side: seats in these groups, which are asked for at once; given back at the end.

    `lost`: whether the cluster has no head any more, so that none can be given back. Only what
    takes more than CPUs has a placement group: those need none.
    """
    made: list[PlacementGroup] = []
    found: dict[str, list[Reserved]] = {"policy": [], "scorer": []}
    try:
        for group in groups:
            asked = make(group)
            made += [asked] if asked else []
            for seat in group.seats:
                found[seat.side].append(sit(group, seat, asked, cpus))
        yield {side: Seats(each) for side, each in found.items()}
    finally:
        for each in [] if lost() else made:
            with suppress(Exception):  # a cluster that is gone has none
                remove_placement_group(each)


def make(group: Group) -> PlacementGroup | None:
    """The placement group, not awaited; None for a process that needs CPUs alone."""
    if set(group.bundles[0]) <= {"CPU"} and len(group.bundles) == 1 and not group.labels:
        return None
    labels = [dict(group.labels)] * len(group.bundles) if group.labels else None
    return placement_group(
        [dict(bundle) for bundle in group.bundles], "PACK", bundle_label_selector=labels
    )


def sit(group: Group, seat: Seat, asked: PlacementGroup | None, cpus: float) -> Reserved:
    """One seat of a group."""
    options: dict[str, Any] = {"num_cpus": cpus, "num_gpus": seat.gpus}
    if asked is not None:
        options["scheduling_strategy"] = PlacementGroupSchedulingStrategy(
            asked, placement_group_bundle_index=0, placement_group_capture_child_tasks=True
        )
    environment = {} if seat.share is None else {GPU_SHARE: f"{seat.share:g}"}
    if len(group.bundles) > 1:
        environment[OVER_NODES] = "1"
    if seat.by_turns:
        environment[BY_TURNS] = "1"
    shares = 0 < seat.gpus < 1
    over_nodes = len(group.bundles) > 1
    whole = over_nodes or (seat.by_turns and seat.gpus)
    gpus = sum(each.get("GPU", 0.0) for each in group.bundles) if whole else seat.gpus
    return Reserved(options, environment, group.told, shares, gpus, asked)
