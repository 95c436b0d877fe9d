"""Whether groups of replicas fit on the nodes of a cluster, and in which order to ask for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

FIT = 1e-6
"""Fractions are rounded."""


class CannotPlace(Exception):
    """The replicas do not fit on this cluster, or not on the GPU they share. One line."""


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of the cluster: its address, all that it has (free or not), and its labels."""

    host: str
    total: Mapping[str, float]
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Seat:
    """What one replica gets of its group.

    `gpus` of its process; `share` of a GPU's memory, None where its engine says it itself, or has
    the GPU alone.
    """

    side: str
    gpus: float
    share: float | None = None
    by_turns: bool = False
    """Whether it has its GPU by turns with the other of its group (`cluster.elastic`)."""


@dataclass(frozen=True, slots=True)
class Group:
    """Replicas that are placed together, in the first of these bundles.

    Several bundles: one for the process, and one for each GPU of an engine that is spread over
    nodes. `labels` of the node, as `cluster.policy_resources` says.
    """

    bundles: tuple[Mapping[str, float], ...]
    seats: tuple[Seat, ...]
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def told(self) -> str:
        """What it needs, in words."""
        total: dict[str, float] = {}
        for name, count in (item for bundle in self.bundles for item in bundle.items()):
            total[name] = total.get(name, 0.0) + count
        said = [f"{count:g} {name}" for name, count in sorted(total.items(), reverse=True)]
        return ", ".join([*said, *(f"{name}={value}" for name, value in self.labels.items())])


def has(node: Node, labels: Mapping[str, str]) -> bool:
    """Whether a node has all these labels."""
    return all(node.labels.get(name) == value for name, value in labels.items())


def in_order(groups: Sequence[Group], nodes: Sequence[Node]) -> list[Group]:
    """As they are to be asked for: first those that the fewest nodes can have, then the largest.

    Ray takes any node that has room. Were a replica that can be anywhere asked for first, it could
    get the only node that another one can be on.
    """
    known: dict[str, int] = {}  # most ask for the same

    def hosts(group: Group) -> int:
        asked = repr((group.bundles, group.labels))
        if asked not in known:
            known[asked] = sum(put(group, [(node, dict(node.total))]) for node in nodes)
        return known[asked]

    largest = sorted(groups, key=size, reverse=True)
    return sorted(largest, key=hosts)


def check_room(groups: Sequence[Group], nodes: Sequence[Node]) -> None:
    """Put each bundle on the first node that has room. Raises `CannotPlace`."""
    without = lacking(groups, nodes)
    if not without:
        return
    first = without[0]
    sides = sorted({seat.side for seat in first.seats})
    machines = "; ".join(f"{node.host} ({', '.join(shown(node))})" for node in nodes[:8]) + (
        f"; and {len(nodes) - 8} more" if len(nodes) > 8 else ""
    )
    keys = " or ".join(f"cluster.{side}_replicas" for side in sides)
    raise CannotPlace(
        f"{keys}: {len(without)} of {len(groups)} can never be placed: {' and '.join(sides)} "
        f"need{'s' if len(sides) == 1 else ''} {first.told} on one node; this cluster has "
        f"{machines}; where an autoscaler brings more, say cluster.autoscaling=true"
    )


def lacking(groups: Sequence[Group], nodes: Sequence[Node]) -> list[Group]:
    """Those that find no room, in the better of two orders: as asked for, and the largest first."""
    largest = sorted(groups, key=size, reverse=True)
    return min(unplaced(in_order(groups, nodes), nodes), unplaced(largest, nodes), key=len)


def unplaced(groups: Sequence[Group], nodes: Sequence[Node]) -> list[Group]:
    """Those that find no room, placed in this order."""
    rooms = [(node, dict(node.total)) for node in nodes]
    return [each for each in groups if not put(each, rooms)]


def size(group: Group) -> tuple[float, float]:
    """How hard it is to place."""
    return max(b.get("GPU", 0.0) for b in group.bundles), sum(group.bundles[0].values())


def put(group: Group, rooms: Sequence[tuple[Node, dict[str, float]]]) -> bool:
    """Take the room of all its bundles; whether there was as much."""
    for bundle in group.bundles:
        for node, room in rooms:
            fits = all(room.get(name, 0.0) + FIT >= amount for name, amount in bundle.items())
            if fits and has(node, group.labels):
                for name, amount in bundle.items():
                    room[name] -= amount
                break
        else:
            return False
    return True


def shown(node: Node) -> Iterator[str]:
    """What it has, but for Ray's own and the bytes of memory, and labels that were given to it."""
    for name, amount in sorted(node.total.items(), reverse=True):
        if not name.startswith(("node:", "accelerator_type:", "object_store_", "memory")):
            yield f"{amount:g} {name}"
    yield from (f"{k}={v}" for k, v in node.labels.items() if k != "ray.io/node-id")
