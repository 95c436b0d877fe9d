"""What is wrong with a config is one line with its place, the key and a hint."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from treewright.config.load import load_config, load_runnable, to_yaml
from treewright.config.notes import notes
from treewright.errors import ConfigError
from written_configs import BASE, QWEN, Load, refused


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("strategy.n=0", ["strategy.n", "0", "1 or more"]),
        ("strategy.n=-4", ["strategy.n", "-4"]),
        ("strategy.n=8.5", ["strategy.n", "8.5", "whole number"]),
        ("strategy.n=true", ["strategy.n", "true", "whole number"]),
        ("strategy.n=", ["strategy.n", "whole number"]),
        ("strategy.n=" + "9" * 5000, ["strategy.n", "whole number"]),
        ("strategy.m=3", ["strategy.m", "no such key", "choose from n"]),
        ("strategy=best_of_n", ["strategy", "must be a mapping"]),
        ("strategy={kind: best_of_n, n: 0}", ["strategy.n", "1 or more"]),
        ("strategy={kind: best_of_n", ["strategy", "not YAML"]),
        ("strategy.n=999999999999", ["strategy", "999,999,999,999 candidates", "100,000"]),
        ("strategy.kind=bestofn", ["bestofn", "did you mean best_of_n?"]),
        ("policy.kind=scriptd", ["scriptd", "did you mean scripted?"]),
        ("policy.accuracy=nan", ["policy.accuracy", "nan"]),
        ("policy.accuracy=.inf", ["policy.accuracy", "inf"]),
        ("policy.accuracy=1.5", ["policy.accuracy", "1.5"]),
        ("policy.faults.fail=2", ["policy.faults.fail", "2.0"]),
        ("policy.steps=four", ["policy.steps", "four", "whole number"]),
        ("scorer.skil=1", ["scorer.skil", "did you mean skill?"]),
        ("n=8", ["n:", "did you mean strategy.n?"]),
        ("--limt=8", ["limt:", "did you mean dataset.limit?"]),
        ("fail=1", ["did you mean policy.faults.fail?"]),
        ("aggregator=[min]", ["aggregator", "did you mean aggregate?"]),
        ("aggregate=min,mni", ["mni", "no such aggregation", "did you mean min?"]),
        ("aggregate=min,steps.min", ["steps.min", "listed twice"]),
        ("aggregate=[min", ["aggregate", "not YAML"]),
        ("aggregate={a: min}", ["{a: min}", "no such aggregation"]),
        ("select=bst", ["bst", "did you mean best?"]),
        ("select=[]", ["select", "nothing to report"]),
        ("select=[best,best]", ["best", "listed twice"]),
        ("missing=wrost", ["wrost", "did you mean worst?"]),
        ("aggregate=[]", ["aggregate", "score is needed for best, weighted", "first,majority"]),
        ("seed=-1", ["seed", "-1"]),
        ("seed=9223372036854775808", ["seed", "2^63"]),
        ("name=../up", ["name", "../up", "folder"]),
        ("name=", ["name", "folder"]),
        ("name=a\ud800", ["name", "UTF-8"]),
        ("output_dir=", ["output_dir", "folder", "TREEWRIGHT_RUNS"]),
        ("dataset={path: }", ["dataset.name", "either"]),
        ("dataset.limit=0", ["dataset.limit", "0"]),
        ("dataset.name=arithmetik", ["dataset.name", "arithmetik", "arithmetic"]),
        ("fail_on_error=-1", ["fail_on_error", "-1"]),
        ("fail_on_error=1.5", ["fail_on_error", "1.5", "share"]),
        ("fail_on_error=some", ["fail_on_error", "a whole number or a number"]),
        ("cluster.policy_replicas=0", ["cluster.policy_replicas", "0"]),
        ("cluster.scorer_replicas=0", ["cluster.scorer_replicas", "scorer.kind: none"]),
        ("name=${nam}", ["name", "'nam' not found", r"\${"]),
        ("name=${", ["name", r"\${"]),
        ("name=${name}", ["name"]),
        ("name=???", ["name", "must be given"]),
        ("output_dir=${oc.env:NO_SUCH_VARIABLE}", ["output_dir", "NO_SUCH_VARIABLE"]),
        ("seed", ["seed", "not an override", "key=value"]),
        ("=3", ["empty key"]),
        ("strategy..n=3", ["empty key"]),
        ("extends=other.yaml", ["extends", "files only"]),
    ],
)
def test_a_bad_override_is_one_line_with_key_and_hint(
    load: Load, change: str, words: list[str]
) -> None:
    error = refused(load, BASE, change)
    assert error.where == "command line"
    assert [word for word in words if word not in str(error)] == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["empty"]),
        ("# only a comment\n", ["empty"]),
        ("- a\n- b\n", ["a list, not a mapping"]),
        ("just words\n", ["a single value, not a mapping"]),
        (BASE + "seed: 1\nseed: 2\n", [":7", "seed", "duplicate", "line 6"]),
        (BASE + "policy: {steps: 1}\n", [":6", "policy", "duplicate", "line 3"]),
        (BASE + "sede: 1\n", [":6", "sede", "did you mean seed?"]),
        (BASE + "seed: !!int 1\n", [":6", "tag"]),
        (BASE + "seed: !!python/object/apply:os.system [ls]\n", [":6", "tags are not allowed"]),
        (BASE + "\tseed: 1\n", [":6", "tabs"]),
        (BASE + "seed: {a\n", ["not YAML"]),
        (BASE + "---\nseed: 1\n", [":6", "second document"]),
        (BASE + "seed: *nobody\n", ["*nobody", "alias"]),
        (BASE + "? [a, b]\n: 1\n", [":6", "key must be plain text"]),
        (BASE + "seed: [1]\n", [":6", "seed", "is a list"]),
        (BASE + "select: best\n", [":6", "select", "must be a list"]),
        (BASE + "grading: math\n", [":6", "grading", "must be a mapping"]),
        (BASE + "name:\n", ["duplicate"]),
        (BASE.replace("name: base", "name:"), [":1", "name", "is empty"]),
        (BASE.replace("{kind: scripted}", "{steps: 4}", 1), [":3", "policy.kind", "missing"]),
        (BASE.replace("kind: best_of_n, ", ""), [":5", "strategy.kind", "best_of_n, majority"]),
        (BASE.replace("dataset: {name: arithmetic, limit: 4}", ""), ["dataset", "missing"]),
        (QWEN.replace("  model: Qwen/Qwen2.5-3B-Instruct\n", ""), ["policy.model", "missing"]),
        (QWEN.replace("0.7", ".nan"), [":5", "policy.sampling.temperature", "nan"]),
        (QWEN.replace("0.7", "0"), [":5", "policy.sampling.temperature", "greedy"]),
        (QWEN.replace("temperature", "temprature"), [":5", "did you mean temperature?"]),
        (BASE.replace("limit: 4", "path: x"), [":2", "dataset.name", "not both"]),
        ("extends: [1\n", ["not YAML"]),
        ("extends: {a: b}\n", [":1", "extends", "must name files"]),
        ("extends: nowhere.yaml\n", [":1", "extends", "no such file"]),
        ("a: " + "[" * 500 + "]" * 500, [":1", "nested deeper than 50"]),
        ("a: &a [" + "x, " * 100 + "]\nb: &b [" + "*a, " * 100 + "]\nc: [*b, *b]", ["10000"]),
        ("a: &a [*a]\n", ["*a", "alias"]),
    ],
)
def test_a_bad_file_is_one_line_with_its_position(load: Load, text: str, words: list[str]) -> None:
    error = refused(load, text)
    assert "test.yaml" in str(error)
    assert [word for word in words if word not in str(error)] == []


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x7fELF\x00\x00", "binary"),
        ("name: x\n".encode("utf-16"), "UTF-16"),
        (b"name: caf\xe9\n", "not UTF-8 text (byte 9)"),
        (b"a: 1\n" * 100_000, "larger than 256 KiB"),
        (b"name: \x01\n", "not YAML"),
        (b'name: "\\ud800"\n', ""),
    ],
)
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(data)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_suggests_its_neighbour(tmp_path: Path) -> None:
    (tmp_path / "experiment.yaml").write_text(BASE)
    with pytest.raises(ConfigError, match=r"no such file; did you mean .*experiment\.yaml\?"):
        load_config(tmp_path / "experimnt.yaml")
    with pytest.raises(ConfigError, match=r"did you mean quickstart\?"):
        load_config("quikstart")


def test_a_directory_is_no_config(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a directory"):
        load_config(tmp_path)


def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(ConfigError, match="is not a regular file"):
        load_config(tmp_path / "pipe.yaml")


def test_only_files_are_suggested(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "foldr.yaml")
    assert "folder.yaml" not in str(caught.value)


@pytest.mark.parametrize("path", ["", " "])
def test_no_name_is_no_config(path: str) -> None:
    with pytest.raises(ConfigError, match=r"command line: CONFIG: '.?': names no file"):
        load_config(path)


def test_an_empty_dataset_path_is_not_the_current_folder(load: Load) -> None:
    error = refused(load, BASE.replace("name: arithmetic", 'path: ""'))
    assert "dataset.path: '' must be the path of a file" in str(error)


@pytest.mark.parametrize(
    ("name", "words"),
    [("nowhere.yaml", "no such file"), (".", "is a directory"), ("x" * 5000, "no such file")],
)
def test_a_bad_extends_names_the_file_that_says_it(load: Load, name: str, words: str) -> None:
    error = refused(load, f"extends: {name}\n{BASE}")
    assert error.where.endswith("test.yaml:1")
    assert error.key == "extends"
    assert words in error.problem


def test_a_section_can_be_said_whole_on_the_command_line(load: Load) -> None:
    config = load(BASE, "strategy={kind: best_of_n, n: 2}", "policy={kind: scripted, steps: 3}")
    assert (config.strategy.n, config.policy.steps) == (2, 3)


@pytest.mark.parametrize("lacking", ["config.json", "tokenizer.json"])
def test_a_model_folder_without_its_files_is_refused_before_an_engine_starts(
    tmp_path: Path, lacking: str
) -> None:
    path = tmp_path / "test.yaml"
    path.write_text(QWEN)
    for name in {"config.json", "tokenizer.json"} - {lacking}:
        (tmp_path / name).write_text("{}")
    with pytest.raises(ConfigError, match=rf"policy\.model: .*has no {lacking};"):
        load_runnable(path, [f"policy.model={tmp_path}"])


@pytest.mark.parametrize("change", ["select=[best]", "aggregate=[min]"])
@pytest.mark.parametrize("unjudged", ["scorer.kind=none", "strategy.kind=majority"])
def test_scores_cannot_be_reported_where_nobody_judges(
    load: Load, unjudged: str, change: str
) -> None:
    error = refused(load, BASE, unjudged, change)
    assert "needs a verifier" in str(error)
    assert "select=[first,majority]" in str(error)


@pytest.mark.parametrize("model", ["./nowhere", "~/nowhere", "a/b/c", "nowhere"])
def test_a_run_needs_its_model_folders_and_scoring_does_not(tmp_path: Path, model: str) -> None:
    path = tmp_path / "test.yaml"
    path.write_text(QWEN)
    loaded: Any = load_config(path, [f"policy.model={model}"])
    assert loaded.policy.model == model
    with pytest.raises(ConfigError, match=r"command line: policy\.model: .*no such folder"):
        load_runnable(path, [f"policy.model={model}"])


@settings(max_examples=50)
@given(st.text(max_size=200))
def test_any_text_is_a_config_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert len(str(caught.value).splitlines()) == 1
    assert str(caught.value).isprintable()


@settings(max_examples=50)
@given(st.text(max_size=60))
def test_any_override_is_understood_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / "base.yaml"
    path.write_text(BASE)
    try:
        config: Any = load_config(path, [f"policy.faults.die_on={text}"])
    except ConfigError as error:
        told = str(error)
    else:
        told = ""
        assert config.policy.faults.die_on in (text, None)
        path.write_text(to_yaml(config, resolved=False))
        assert load_config(path) == config
    assert told.isprintable()


def test_an_endless_key_or_value_is_shown_by_its_beginning(load: Load) -> None:
    assert len(str(refused(load, BASE + "x" * 100_000 + ": 1\n"))) < 1000
    assert len(str(refused(load, BASE, "seed=" + "x" * 100_000))) < 1000


def test_an_engine_is_refused_where_only_doubles_run(load: Load) -> None:
    error = refused(load, QWEN, "cluster.backend=inline")
    assert "cluster.backend: inline: runs doubles only, and policy has an engine" in str(error)


def test_a_scorer_of_none_is_not_advised_to_score(load: Load) -> None:
    config = load(BASE, "scorer.kind=none", "aggregate=[]", "select=[first,majority]")
    assert notes(config) == []


def test_an_error_crosses_processes() -> None:
    error = ConfigError("f.yaml:3", "a.b", 7, "is wrong", "do this")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    assert str(error) == "f.yaml:3: a.b: 7: is wrong; do this"


def test_a_folder_whose_name_is_no_text_is_refused_before_anything_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / os.fsdecode(b"bad\xff")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("file names are text here")
    (folder / "data.jsonl").write_text('{"problem": "1 + 1?", "answer": "2"}\n')
    monkeypatch.chdir(folder)
    said = ["dataset.name=null", "dataset.path=data.jsonl", "dataset.limit=null"]
    with pytest.raises(ConfigError, match=r"dataset\.path: .* is not UTF-8"):
        load_config("quickstart", said)
