"""Where each replica goes, what fits nowhere, and what a cluster config refuses."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from engines.given import GPU_SHARE, gpu_share
from engines.traits import Traits
from engines.vllm_config import VllmConfig
from engines.vllm_setup import engine_arguments
from treewright.cluster.config import ClusterConfig
from treewright.cluster.placement import place, to_come
from treewright.cluster.room import CannotPlace, Group, Node


@dataclass(frozen=True)
class Served:
    """A port config with an engine."""

    engine: VllmConfig = field(default_factory=VllmConfig)

    @property
    def traits(self) -> Traits:
        return Traits(engine=self.engine)


AUTO, CPU, TWO = (
    Served(),
    Served(VllmConfig(device="cpu")),
    Served(VllmConfig(tensor_parallel_size=2)),
)
CUDA = Served(VllmConfig(device="cuda"))
NO_ENGINE: Any = object()


def node(gpus: float = 0, cpus: float = 64, **labels: str) -> Node:
    return Node(f"10.0.0.{int(gpus)}", {"GPU": gpus, "CPU": cpus}, labels)


def placed(
    config: ClusterConfig, policy: Any, scorer: Any, *nodes: Node, **more: bool
) -> list[Group]:
    return place(config, {"policy": policy, "scorer": scorer}, nodes, **more)


def hands(groups: list[Group]) -> list[str]:
    """`ps` for a policy and a scorer in one group."""
    return ["".join(seat.side[0] for seat in group.seats) for group in groups]


@pytest.mark.parametrize(
    ("policy", "scorer", "gpus", "expected"),
    [
        (AUTO, AUTO, 0, [0, 0]),
        (AUTO, AUTO, 2, [1, 1]),
        (AUTO, CPU, 1, [1, 0]),
        (TWO, AUTO, 8, [2, 1]),
        (NO_ENGINE, AUTO, 4, [0, 1]),
    ],
    ids=["no GPU", "one each", "an engine on the CPU", "tensor parallel", "no engine"],
)
def test_each_replica_has_a_bundle_with_what_its_engine_needs(
    policy: Any, scorer: Any, gpus: float, expected: list[float]
) -> None:
    groups = placed(ClusterConfig(), policy, scorer, node(gpus))
    groups = sorted(groups, key=lambda group: group.seats[0].side)
    assert hands(groups) == ["p", "s"]
    assert [group.bundles[0].get("GPU", 0) for group in groups] == expected
    assert [group.seats[0].gpus for group in groups] == expected


@pytest.mark.parametrize(
    ("policies", "scorers", "gpus", "expected"),
    [
        (1, 1, 1, ["ps"]),
        (4, 8, 8, ["ps"] * 4 + ["s"] * 4),
        (4, 4, 4, ["ps"] * 4),
        (3, 5, 4, ["ps", "ps", "ps", "ss"]),
        (8, 8, 4, ["ppss"] * 4),
    ],
)
def test_replicas_that_share_fill_all_gpus_a_policy_beside_a_verifier(
    policies: int, scorers: int, gpus: int, expected: list[str]
) -> None:
    config = ClusterConfig(policy_replicas=policies, scorer_replicas=scorers)
    groups = placed(config, AUTO, AUTO, node(gpus))
    assert hands(groups) == expected
    for group in groups:
        assert group.bundles == ({"GPU": 1.0, "CPU": float(len(group.seats))},)
        assert sum(seat.gpus for seat in group.seats) == pytest.approx(1, abs=0.001)


def test_said_parts_of_a_gpu_pair_policies_with_verifiers() -> None:
    config = ClusterConfig(policy_replicas=4, scorer_replicas=4, policy_gpus=0.5, scorer_gpus=0.5)
    groups = placed(config, AUTO, AUTO, node(8))
    assert hands(groups) == ["ps"] * 4
    assert all(group.bundles[0]["GPU"] == 1 for group in groups)


def test_what_the_config_says_is_not_changed() -> None:
    config = ClusterConfig(policy_gpus=0.25, scorer_gpus=2)
    groups = placed(config, AUTO, AUTO, node(4))
    assert [group.bundles[0]["GPU"] for group in groups] == [2, 0.25]


def test_a_replica_that_needs_more_gpus_than_a_node_has_is_spread_over_nodes() -> None:
    large = Served(VllmConfig(tensor_parallel_size=4, pipeline_parallel_size=2))
    policy, scorer = placed(ClusterConfig(scorer_gpus=0), large, CPU, *[node(4)] * 2)
    assert policy.bundles == ({"CPU": 1.0}, *[{"GPU": 1.0}] * 8)
    assert policy.seats[0].gpus == 0
    assert len(scorer.bundles) == 1


# Memory of those that share


@pytest.mark.parametrize(
    ("policy", "scorer", "expected"),
    [
        (None, None, [0.45, 0.45]),
        (0.6, None, [0.3, 0.3]),
        (0.3, 0.3, [None, None]),
    ],
    ids=["in halves", "what the other leaves", "both say it"],
)
def test_engines_that_share_a_gpu_divide_its_memory(
    policy: float | None, scorer: float | None, expected: list[float | None]
) -> None:
    parts = [Served(VllmConfig(gpu_memory_utilization=said)) for said in (policy, scorer)]
    (group,) = placed(ClusterConfig(), parts[0], parts[1], node(1))
    assert [seat.share for seat in group.seats] == expected


def test_an_engine_that_says_its_cache_in_bytes_needs_its_share_free_too() -> None:
    (group,) = placed(ClusterConfig(), Served(VllmConfig(memory_gib=1.0)), AUTO, node(1))
    assert [seat.share for seat in group.seats] == [0.45, 0.45]


def test_an_engine_takes_the_share_that_its_place_gives_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert engine_arguments("m", VllmConfig(), "cuda")["gpu_memory_utilization"] == 0.9
    monkeypatch.setenv(GPU_SHARE, "0.45")
    assert gpu_share() == 0.45
    said = VllmConfig(gpu_memory_utilization=0.3)
    assert engine_arguments("m", VllmConfig(), "cuda")["gpu_memory_utilization"] == 0.45
    assert engine_arguments("m", said, "cuda")["gpu_memory_utilization"] == 0.3


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ((0.6, 0.6), "2 engines share a GPU and want 1.2 .* say 0.45 for each"),
        ((0.88, None), "leaves 0.02 for each of the others"),
    ],
)
def test_engines_that_cannot_fit_on_the_gpu_they_share_are_refused_before_they_are_loaded(
    said: tuple[float | None, ...], message: str
) -> None:
    parts = [Served(VllmConfig(gpu_memory_utilization=each)) for each in said]
    with pytest.raises(CannotPlace, match=message):
        placed(ClusterConfig(), parts[0], parts[1], node(1))
    placed(ClusterConfig(), parts[0], parts[1], node(2))  # one each


# What fits nowhere, and what may come


@pytest.mark.parametrize(
    ("config", "policy", "nodes", "message"),
    [
        (ClusterConfig(policy_replicas=3), TWO, [node(4)], "policy_replicas: 1 of 4 can never"),
        (ClusterConfig(policy_gpus=0.5), CUDA, [node(0)], r"need.* 0\.5 GPU, 1 CPU on one node"),
        (ClusterConfig(), CUDA, [node(0)], "policy needs 1 GPU, 1 CPU .* 10.0.0.0 .*64 CPU"),
        (ClusterConfig(policy_resources={"zone": "b"}), AUTO, [node(2, zone="a")], "zone=b .*=a"),
        (ClusterConfig(policy_resources={"fast": 1}), AUTO, [node(2)], "1 fast, 1 GPU, 1 CPU"),
        (ClusterConfig(cpus=65), CPU, [node(1)], "65 CPU on one node"),
    ],
    ids=["too many", "a part of no GPU", "no GPU", "a label", "a custom resource", "cores"],
)
def test_what_can_never_be_placed_is_told_with_nodes_and_needs(
    config: ClusterConfig, policy: Any, nodes: list[Node], message: str
) -> None:
    with pytest.raises(CannotPlace, match=message):
        placed(config, policy, CPU, *nodes)
    assert placed(config, policy, CPU, *nodes, grows=True)  # an autoscaler may bring them


def test_gpus_that_only_others_can_have_are_not_counted() -> None:
    """Six replicas of zone 1 share its four GPUs, whatever there is in zone 2."""
    zone = {"zone": "1"}
    config = ClusterConfig(
        policy_replicas=3, scorer_replicas=3, policy_resources=zone, scorer_resources=zone
    )
    alone = placed(config, CUDA, CUDA, node(4, zone="1"))
    assert sorted(hands(alone)) == ["p", "ps", "ps", "s"]
    assert placed(config, CUDA, CUDA, node(4, zone="1"), node(4, zone="2")) == alone


def test_sides_of_different_nodes_share_the_gpus_of_their_own() -> None:
    config = ClusterConfig(
        policy_replicas=4,
        scorer_replicas=2,
        policy_resources={"zone": "a"},
        scorer_resources={"zone": "b"},
    )
    groups = placed(config, CUDA, CUDA, node(2, zone="a"), node(2, zone="b"))
    assert sorted(hands(groups)) == ["pp", "pp", "s", "s"]


@pytest.mark.parametrize(
    ("config", "nodes", "expected"),
    [
        (
            ClusterConfig(policy_replicas=4, scorer_replicas=2, policy_resources={"zone": "a"}),
            [node(2, zone="a"), node(4, zone="b")],
            ["pp", "pp", "s", "s"],
        ),
        (
            ClusterConfig(policy_replicas=2, scorer_replicas=2, policy_resources={"fast": 1}),
            [Node("10.0.0.8", {"GPU": 1, "CPU": 64, "fast": 4}), node(4)],
            ["pp", "s", "s"],
        ),
        (
            ClusterConfig(
                policy_replicas=4,
                scorer_replicas=4,
                policy_gpus=0.5,
                scorer_gpus=0.5,
                policy_resources={"zone": "a"},
            ),
            [node(2, zone="a"), node(2, zone="b")],
            ["pp", "pp", "ss", "ss"],
        ),
        (
            ClusterConfig(
                scorer_replicas=2,
                policy_gpus=1,
                policy_resources={"zone": "a"},
                scorer_resources={"zone": "b"},
            ),
            [node(1, zone="a"), node(1, zone="b")],
            ["p", "ss"],
        ),
    ],
    ids=["labels", "resources", "said parts", "one side said"],
)
def test_a_side_shares_gpus_with_itself_where_it_cannot_with_the_other(
    config: ClusterConfig, nodes: list[Node], expected: list[str]
) -> None:
    assert sorted(hands(placed(config, CUDA, CUDA, *nodes))) == expected


def test_how_wide_the_nodes_are_is_asked_of_those_that_it_may_be_on() -> None:
    four = Served(VllmConfig(tensor_parallel_size=2, pipeline_parallel_size=2))
    config = ClusterConfig(policy_resources={"zone": "a"})
    nodes = node(2, zone="a"), node(2, zone="a"), node(8, zone="b")
    (policy,) = (g for g in placed(config, four, CPU, *nodes) if g.seats[0].side == "policy")
    assert policy.bundles == ({"CPU": 1.0}, *[{"GPU": 1.0}] * 4)


def test_a_replica_that_takes_nothing_has_a_bundle_that_ray_takes() -> None:
    config = ClusterConfig(cpus=0, policy_resources={"zone": "a"})
    groups = placed(config, CPU, CPU, node(0, zone="a"))
    assert [group.bundles for group in groups] == [({"CPU": 0.001},)] * 2


@pytest.mark.parametrize(
    ("said", "most", "expected"),
    [
        (None, None, (False, False)),
        (None, {"CPU": 8.0}, (True, False)),
        (None, {"GPU": 8.0}, (True, True)),
        (True, None, (True, True)),
        (False, {"GPU": 8.0}, (False, False)),
    ],
)
def test_nodes_to_come_are_as_the_config_says_else_as_ray_does(
    said: bool | None, most: dict[str, float] | None, expected: tuple[bool, bool]
) -> None:
    assert to_come(ClusterConfig(autoscaling=said), most) == expected


@pytest.mark.parametrize("there", [0, 1])
def test_an_autoscaler_is_taken_to_bring_nodes_of_eight(there: int) -> None:
    eight, more = Served(VllmConfig(tensor_parallel_size=8)), VllmConfig(tensor_parallel_size=16)
    groups = placed(ClusterConfig(), eight, CPU, node(there), grows=True, gpus_to_come=True)
    assert ({"GPU": 8, "CPU": 1},) in [group.bundles for group in groups]
    groups = placed(ClusterConfig(), Served(more), CPU, node(there), grows=True, gpus_to_come=True)
    assert ({"CPU": 1.0}, *[{"GPU": 1.0}] * 16) in [group.bundles for group in groups]


def test_labels_and_resources_of_a_node_are_asked_for() -> None:
    resources = {"accelerator_type": "H100", "zone": "a", "fast": 2}
    config = ClusterConfig(policy_resources=resources, policy_gpus=1)
    labels = {"ray.io/accelerator-type": "H100", "zone": "a"}
    there = Node("10.0.0.1", {"GPU": 1, "CPU": 4, "fast": 2}, labels)
    policy, scorer = placed(config, AUTO, CPU, there)
    assert policy.labels == labels
    assert policy.bundles == ({"GPU": 1, "CPU": 1.0, "fast": 2.0},)
    assert scorer.labels == {}


def test_a_pair_that_takes_turns_may_not_ask_for_different_nodes() -> None:
    config = ClusterConfig(
        elastic=True, policy_resources={"zone": "a"}, scorer_resources={"zone": "b"}
    )
    nodes = node(1, zone="a"), node(2, zone="b")
    told = r"different nodes \(zone: a, b\).*say the same in both, or cluster\.elastic=false"
    with pytest.raises(CannotPlace, match=told):
        placed(config, CUDA, CUDA, *nodes)
    same = replace(config, policy_resources={"zone": "b"})
    assert {group.labels["zone"] for group in placed(same, CUDA, CUDA, nodes[1])} == {"b"}


def test_said_parts_on_different_nodes_are_not_paired() -> None:
    config = ClusterConfig(
        policy_gpus=0.5,
        scorer_gpus=0.5,
        policy_resources={"zone": "a"},
        scorer_resources={"zone": "b"},
    )
    groups = placed(config, CUDA, CUDA, node(1, zone="a"), node(1, zone="b"))
    assert sorted(hands(groups)) == ["p", "s"]


@pytest.mark.parametrize("first", ["a", "b"])
def test_what_needs_a_label_has_its_node_in_whatever_order_ray_names_them(first: str) -> None:
    config = ClusterConfig(scorer_replicas=4, scorer_resources={"zone": "b"}, policy_gpus=4)
    nodes = sorted((node(4, zone="a"), node(4, zone="b")), key=lambda n: n.labels["zone"] != first)
    groups = placed(config, CUDA, CUDA, *nodes)
    assert hands(groups) == ["s", "s", "s", "s", "p"], "the policy could get their node otherwise"


def test_what_few_nodes_can_have_is_asked_for_first_then_what_is_large() -> None:
    config = ClusterConfig(policy_replicas=2, scorer_resources={"fast": 1}, policy_gpus=2)
    fast = Node("10.0.0.9", {"GPU": 4, "CPU": 64, "fast": 1})
    assert hands(placed(config, CUDA, CUDA, node(4), fast)) == ["s", "p", "p"]
    assert hands(placed(replace(config, scorer_resources={}), CUDA, CUDA, node(8))) == [
        "p", "p", "s",
    ]  # fmt: skip


def test_a_cluster_that_has_no_gpu_yet_is_asked_for_one() -> None:
    waits = placed(ClusterConfig(), AUTO, CPU, node(0), grows=True, gpus_to_come=True)
    assert waits[0].bundles[0]["GPU"] == 1
    takes_the_cpu = placed(ClusterConfig(), AUTO, CPU, node(0), grows=True)
    assert "GPU" not in takes_the_cpu[0].bundles[0]


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("backend", "rya", "did you mean 'ray'"),
        ("policy_replicas", 0, "must be 1 or more"),
        ("scorer_replicas", -1, "scorer.kind: none"),
        ("problems_in_flight", 0, "must be 1 or more"),
        ("calls_in_flight", 0, "must be 1 or more"),
        ("max_restarts", -1, "must be 0 or more"),
        ("policy_gpus", float("nan"), "finite"),
        ("scorer_gpus", -0.5, "from 0"),
        ("policy_gpus", 1.5, "a whole number, or 1 and less"),
        ("policy_replicas", 10**6, "from 0 to 10000"),
        ("address", "foo", "host:port"),
        ("address", "ray://127.0.0.1", "host:port"),
        ("address", "127.0.0.1:65536", "host:port"),
        ("address", "http://127.0.0.1:6379", "host:port"),
        ("policy_resources", {"GPU": 1}, "use policy_gpus"),
        ("policy_resources", {"": 1}, "the name of a custom resource or a label"),
        ("env", ("A=B",), "the name of an environment variable"),
        ("cpus", float("inf"), "finite"),
        ("call_timeout_s", 0.0, "seconds"),
        ("start_timeout_s", float("nan"), "seconds"),
        ("head_timeout_s", 60.0, "from 6 to 50"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(field: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: .*{message}"):
        ClusterConfig(**{field: value})


@pytest.mark.parametrize(
    "said",
    [{"policy_gpus": 2.0}, {"scorer_gpus": 0.3}, {"address": "ray://[::1]:6379"}]
    + [{"address": address} for address in ("auto", "local", "10.0.0.5:6379")],
)
def test_what_ray_can_give_is_no_fault(said: dict[str, Any]) -> None:
    assert ClusterConfig(**said)


def test_roles_are_not_elastic_where_replicas_have_no_process_of_their_own() -> None:
    with pytest.raises(ValueError, match=r"^elastic: .*its replicas have no GPUs"):
        ClusterConfig(backend="inline", elastic=True)


@pytest.mark.parametrize("value", [True, None, [1], 0])
def test_a_resource_is_an_amount_or_a_label(value: Any) -> None:
    with pytest.raises(ValueError, match=r"^scorer_resources\.fast: "):
        ClusterConfig(scorer_resources={"fast": value})
