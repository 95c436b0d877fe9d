"""What the grid of a sweep says, and which ones are refused."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swept_doubles import Write, error
from treewright.config.load import config_of, load_config
from treewright.config.sweep import combinations
from treewright.config.yamlfile import parse_yaml
from treewright.sweeping.cell import load_cells

pytestmark = pytest.mark.usefixtures("write")


# --- What a grid says -----------------------------------------------------------------------------


def overrides(sweep: str) -> list[tuple[str, ...]]:
    """Of each combination of a `sweep:` in flow style."""
    return [one.overrides for one in combinations(parse_yaml(sweep, "test"))]


def test_each_value_of_a_grid_meets_each_of_the_others() -> None:
    assert overrides("grid: {seed: [0, 1], strategy.n: [4, 8]}") == [
        ("seed=0", "strategy.n=4"),
        ("seed=0", "strategy.n=8"),
        ("seed=1", "strategy.n=4"),
        ("seed=1", "strategy.n=8"),
    ]


def test_lists_that_are_zipped_go_together() -> None:
    assert overrides("zip: {seed: [0, 1], strategy.n: [4, 8]}") == [
        ("seed=0", "strategy.n=4"),
        ("seed=1", "strategy.n=8"),
    ]


def test_a_grid_and_several_zips_multiply() -> None:
    said = "{grid: {missing: [skip]}, zip: [{seed: [0, 1]}, {strategy.n: [4, 8], a: [x, y]}]}"
    assert overrides(said)[1:3] == [
        ("missing=skip", "seed=0", "strategy.n=8", "a=y"),
        ("missing=skip", "seed=1", "strategy.n=4", "a=x"),
    ]


def test_a_mapping_says_several_keys_and_sections_may_be_nested() -> None:
    said = "grid: {strategy: [{kind: beam, paths: 8}], policy: {sampling: {top_p: [0.9]}}}"
    assert overrides(said) == [
        ("strategy.kind=beam", "strategy.paths=8", "policy.sampling.top_p=0.9")
    ]


def test_excluded_are_the_cells_that_have_all_values_of_a_rule() -> None:
    rules = "[{seed: 1, strategy.kind: [beam, dvts]}, {seed: 2}]"
    swept = "{seed: [0, 1, 2], strategy: [{kind: greedy}, {kind: beam}, {kind: dvts}]}"
    assert overrides(f"{{grid: {swept}, exclude: {rules}}}") == [
        ("seed=0", "strategy.kind=greedy"),
        ("seed=0", "strategy.kind=beam"),
        ("seed=0", "strategy.kind=dvts"),
        ("seed=1", "strategy.kind=greedy"),
    ]


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4), st.data())
def test_a_grid_is_what_is_excluded_and_what_is_left(sizes: list[int], data: st.DataObject) -> None:
    axes = {f"a{at}": list(range(size)) for at, size in enumerate(sizes)}
    cells = list(product(*axes.values()))
    rule = data.draw(st.sampled_from(cells))
    names = data.draw(st.sets(st.sampled_from(list(axes)), min_size=1))
    excluded = {name: value for name, value in zip(axes, rule, strict=True) if name in names}
    kept = [
        tuple(f"{name}={value}" for name, value in zip(axes, cell, strict=True))
        for cell in cells
        if any(cell[list(axes).index(name)] != value for name, value in excluded.items())
    ]
    if kept:
        assert overrides(json.dumps({"grid": axes, "exclude": [excluded]})) == kept


def test_a_section_whose_kind_changes_starts_anew_in_a_cell(write: Write) -> None:
    write("{grid: {strategy.depth: [7], strategy.kind: [beam]}}")
    (cell,) = load_cells("sweep.yaml")
    strategy: Any = cell.config.strategy
    assert (type(strategy).__name__, strategy.depth) == ("Beam", 7)


def test_a_cell_is_what_its_overrides_make_of_the_config() -> None:
    for cell in load_cells("sweep.yaml")[::7]:
        assert cell.config == load_config("config.yaml", ["name=swept", *cell.overrides])


def test_a_command_line_overrides_the_config_and_the_grid() -> None:
    cells = load_cells("sweep.yaml", ["dataset.limit=2", "sweep.grid.aggregate=[mean]"])
    assert len(cells) == 12
    assert {cell.config.dataset.limit for cell in cells} == {2}


# --- Bad input ------------------------------------------------------------------------------------

MANY = f"{{seed: {list(range(101))}, strategy.n: {list(range(100))}}}"
BAD = {
    "": "3: sweep: '': must be a mapping",
    "{}": "3: sweep: sweeps nothing",
    "\n  grid: {}": "4: sweep.grid: is empty",
    "\n  grid:\n    seed: []": "5: sweep.grid.seed: []: lists no value",
    "\n  grid:\n    seed: 3": "5: sweep.grid.seed: 3: must be a list of values",
    "\n  grids: {seed: [1]}": "4: sweep.grids: no such key; did you mean grid?",
    "\n  grid:\n    sede: [1]": "5: sede: no such key; did you mean seed?",
    "\n  grid:\n    strategy.m: [1]": "5: strategy.m: no such key",
    "\n  grid: {seed: [1,\n  x]}": "5: seed: x: must be a whole number; in the cell seed=x",
    "\n  grid: {seed: [1,\n  1]}": "5: seed: 1: is listed twice",
    "\n  grid: {name: [a]}": "4: sweep.grid.name: cannot be swept",
    "\n  grid: {seed: [1]}\n  zip:\n    seed: [2]": "6: seed: is swept twice",
    "\n  grid: {strategy: [{n: 3}],\n   strategy.n: [4]}": "5: strategy.n: is swept twice",
    "\n  zip:\n    seed: [1, 2]\n    strategy.n: [1]": "6: sweep.zip.strategy.n: lists of unequal "
    "length: 1 values, and seed has 2",
    "\n  grid: {seed: [1]}\n  exclude: [{seed: 2}]": "5: sweep.exclude[0]: {seed: 2}: matches no "
    "cell",
    "\n  grid: {seed: [1]}\n  exclude: [{strategy.n: 2}]": "5: sweep.exclude[0]: strategy.n: is "
    "not swept",
    "\n  grid: {seed: [1]}\n  exclude: {seed: 1}": "5: sweep.exclude: leaves no cell",
    "\n  grid: {strategy.kind: [best_of_n,\n   majority], select: [best]}": "5: select: needs a "
    "verifier",
    f"\n  grid: {MANY}": "3: sweep: makes 10,100 cells; at most 10,000",
}
"""By what stands after `sweep:`, the line and the words that it gets."""


@pytest.mark.parametrize("sweep", BAD)
def test_a_sweep_that_cannot_be_is_told_in_one_line_with_its_place(
    sweep: str, write: Write, capsys: pytest.CaptureFixture[str]
) -> None:
    write(sweep)
    assert error(capsys, "sweep", "sweep.yaml").startswith(f"error: sweep.yaml:{BAD[sweep]}")
    assert not Path("runs").exists()


def test_a_config_without_a_sweep_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    told = error(capsys, "sweep", "config.yaml")
    assert told.startswith("error: config.yaml: sweep: missing")
    assert "`treewright run`" in told


@pytest.mark.parametrize("verb", ["run", "validate"])
def test_a_verb_for_one_run_refuses_a_sweep(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = error(capsys, verb, "sweep.yaml")
    assert told.startswith("error: sweep.yaml:3: sweep: ")
    assert "use `treewright sweep CONFIG`" in told


def test_a_command_line_may_not_say_one_value_for_what_is_swept(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = error(capsys, "sweep", "sweep.yaml", "aggregate=min")
    assert told.startswith("error: command line: aggregate: is swept")


def test_cells_that_differ_in_what_they_report_make_one_config_in_full(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("\n  grid: {missing: [skip, worst], aggregate: [min, [max, last]], seed: [0, 1]}\n")
    made: list[int] = []

    def counted(*given: Any) -> Any:
        made.append(1)
        return config_of(*given)

    monkeypatch.setattr("treewright.sweeping.cell.config_of", counted)
    cells = load_cells("sweep.yaml")
    assert (len(cells), len(made)) == (8, 2)
    alone = [config_of(cell.tree, "mine") for cell in cells]
    assert [cell.config for cell in cells] == alone
    assert [cell.config.written for cell in cells] == [config.written for config in alone]
