"""Datasets from the Hub: pinned, out of the cache where they are there, and offline in one line."""

from __future__ import annotations

import json
import socket
import sys
import time
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import huggingface_hub
import pytest
from huggingface_hub import constants
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from benchmarks.datasets import DATASETS, DatasetConfig, DatasetError, hub, load_dataset
from published_rows import ROWS, write
from treewright.cli import main

ROW = {"problem": "1 + 1?", "answer": "2", "unique_id": "one", "subject": "Algebra"}
OTHER = "0123456789abcdef" * 2 + "01234567"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and no network."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


@pytest.mark.parametrize("name", ROWS)
def test_a_file_from_the_hub_and_the_same_file_here_are_the_same_dataset(
    cache: Path, tmp_path: Path, name: str
) -> None:
    dataset = DATASETS[name]
    split, file = next(iter(dataset.files.items()))
    assert dataset.repository is not None
    folder = snapshot(cache, name, dataset.repository.revision)
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    here = write(tmp_path, name)
    (folder / file).write_bytes(here.read_bytes())
    there = load_dataset(DatasetConfig(name=name, split=split))
    assert load_dataset(DatasetConfig(name=name, path=str(here))) == there


def put(cache: Path, name: str, revision: str, file: str, row: dict[str, Any]) -> None:
    """A file as the Hub's cache keeps it."""
    folder = snapshot(cache, name, revision)
    folder.mkdir(parents=True)
    (folder / file).write_text(json.dumps(row) + "\n")


def snapshot(cache: Path, name: str, revision: str) -> Path:
    """Where the Hub's cache keeps the files of one commit."""
    repository = DATASETS[name].repository
    assert repository is not None
    return cache / f"datasets--{repository.id.replace('/', '--')}" / "snapshots" / revision


def test_what_is_in_the_cache_is_read_without_network(cache: Path, tmp_path: Path) -> None:
    repository = DATASETS["math500"].repository
    assert repository is not None
    put(cache, "math500", repository.revision, "test.jsonl", ROW)
    data = load_dataset(DatasetConfig(name="math500"))
    assert [sample.problem.id for sample in data.samples] == ["one"]
    copy = tmp_path / "copy.jsonl"
    copy.write_text(json.dumps(ROW) + "\n")
    assert load_dataset(DatasetConfig(name="math500", path=str(copy))) == data


def test_another_revision_is_another_file(cache: Path) -> None:
    put(cache, "math500", OTHER, "test.jsonl", {**ROW, "unique_id": "two"})
    data = load_dataset(DatasetConfig(name="math500", revision=OTHER))
    assert [sample.problem.id for sample in data.samples] == ["two"]
    with pytest.raises(DatasetError, match="not in the cache"):
        load_dataset(DatasetConfig(name="math500"))


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("name", ROWS)
def test_offline_every_dataset_says_in_one_line_what_is_missing(name: str) -> None:
    split = next(iter(DATASETS[name].files))
    with pytest.raises(DatasetError) as caught:
        load_dataset(DatasetConfig(name=name, split=split))
    told = str(caught.value)
    assert told.startswith(f"dataset {name} (")
    assert "HF_HUB_OFFLINE is set" in told
    assert f"fetch {DATASETS[name].files[split]} " in told
    assert "dataset.path" in told
    assert "\n" not in told


@pytest.mark.usefixtures("cache")
def test_the_command_ends_with_that_line_and_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "quickstart", "dataset.name=aime25"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: dataset aime25 ")


@pytest.mark.parametrize("name", ["math500", "mmlu"])
def test_without_the_extra_the_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)  # as if it were not installed
    assert main(["run", "quickstart", f"dataset.name={name}"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "needs huggingface-hub, which is not installed; install treewright[datasets], or" in line
    assert "dataset.path" in line


def response(status: int) -> httpx2.Response:
    return httpx2.Response(status, request=httpx2.Request("GET", "https://example.org"))


@pytest.mark.parametrize(
    ("raised", "told"),
    [
        (GatedRepoError("no\nno", response=response(403)), "is gated, .*agree to its terms"),
        (RepositoryNotFoundError("no", response=response(404)), "is not on the Hub"),
        (RemoteEntryNotFoundError("no", response=response(404)), "is not on the Hub"),
        (RevisionNotFoundError("no", response=response(404)), "has no revision"),
        (HfHubHTTPError("no\nno", response=response(503)), "the Hub answered 503"),
        (LocalEntryNotFoundError("no\nno"), "cannot be downloaded: no network"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("no\nno"), "cannot be downloaded: no;"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_fails_there_is_one_line_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, raised: Exception, told: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise raised

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    monkeypatch.setattr(hub, "hub_answers", lambda: True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(DatasetError, match=told) as caught:
        load_dataset(DatasetConfig(name="math500"))
    assert "\n" not in str(caught.value)
    assert "; " in str(caught.value)


@pytest.mark.parametrize(
    ("answers", "known"), [(b"HTTP/1.1 404 no\r\ncontent-length: 0\r\n\r\n", True), (b"", False)]
)
def test_a_hub_that_does_not_answer_is_found_out_at_once(
    monkeypatch: pytest.MonkeyPatch, answers: bytes, known: bool
) -> None:
    """A server that says anything is there; one that takes the call and is silent is not."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(hub, "PATIENCE", 5.0 if known else 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answers)
                time.sleep(0 if answers else 1)

        Thread(target=serve, daemon=True).start()
        began = time.monotonic()
        assert hub.hub_answers() is known
    assert time.monotonic() - began < 4


def test_a_split_that_is_not_there_is_told_before_anything_is_downloaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", None)  # to call it is a TypeError
    with pytest.raises(DatasetError, match="no split 'test'; it has gsm8k, math, "):
        load_dataset(DatasetConfig(name="processbench"))


def test_ls_shows_size_licence_and_source_of_every_dataset(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["ls", "datasets", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows.keys() == DATASETS.keys()
    assert rows["gpqa_diamond"]["licence"] == "CC-BY-4.0, gated"
    assert rows["mmlu"]["rows"] == "test=14042 validation=1531 dev=285"
    assert rows["gsm8k"]["source"].startswith("openai/gsm8k@740312a")
    assert all(all(row.values()) for row in rows.values())
