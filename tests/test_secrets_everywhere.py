"""Canaries through every verb: keys, keys inside addresses, keys of a server's clients."""

from __future__ import annotations

import asyncio
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from pathlib import Path

import httpx
import pyarrow.parquet as pq
import pytest

from engines import retrying
from hostile_runs import Bench, bench, contents
from indiscreet_api import CANARY, Api, listening
from policies.scripted import ScriptedPolicy, ScriptedPolicyConfig
from search.ports import Policy
from served_doubles import served, user
from treewright import hiding
from treewright.cluster.cluster import load_ray
from treewright.config.load import load_config
from treewright.exchange.export import FORMATS
from treewright.serving.keys import Keys
from treewright.serving.settings import Settings

OF_THE_SCORER = "canary-77aa01-of-the-scorer"
OF_THE_GATE = "canary-0c3d5b-of-the-gateway"
LITERAL = "sk-canary-9b2e4d-in-an-address"
OF_A_CLIENT = "canary-51d0c7-of-a-client"
CANARIES = (CANARY, OF_THE_SCORER, OF_THE_GATE, LITERAL, OF_A_CLIENT)
CONFIG = """\
name: api
dataset: {path: data.jsonl}
policy:
  kind: qwen
  model: a-model
  engine: {kind: openai, base_url: 'URL/${oc.env:GATE_KEY}', api_key_env: SOME_NAME, retries: 0}
scorer: {kind: http, url: 'URL/sk-canary-9b2e4d-in-an-address', api_key_env: OTHER, retries: 0}
strategy: {kind: best_of_n, n: 2}
cluster: {backend: inline, max_restarts: 0}
grading: {kind: numeric}
"""


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with listening() as made:
        made.keys = (CANARY, OF_THE_SCORER)
        yield made


@pytest.fixture
def at(
    api: Api,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Bench:
    made = bench(tmp_path, monkeypatch, capsys)
    monkeypatch.setattr(retrying, "FIRST_S", 0.001)
    monkeypatch.setattr(hiding, "_known", set())
    monkeypatch.setattr(hiding, "_pattern", None)
    monkeypatch.setenv("SOME_NAME", CANARY)
    monkeypatch.setenv("OTHER", OF_THE_SCORER)
    monkeypatch.setenv("GATE_KEY", OF_THE_GATE)
    text = CONFIG.replace("URL", api.url)
    Path("config.yaml").write_text(text)
    Path("sweep.yaml").write_text(f"{text}sweep: {{grid: {{seed: [0, 1]}}}}\n")
    api.failing = False
    return made


def told_in(text: str) -> list[str]:
    return [each for each in CANARIES if each in text]


def unpacked(data: bytes) -> str:
    """What is in a file, were it packed."""
    if data.startswith(b"PK"):
        with zipfile.ZipFile(BytesIO(data)) as packed:
            return "\n".join(unpacked(packed.read(name)) for name in packed.namelist())
    if data.startswith(b"PAR1"):
        table = pq.read_table(BytesIO(data))
        return f"{table.schema.metadata} {table.to_pylist()}"
    return data.decode("utf-8", "replace")


def assert_nowhere(at: Bench) -> None:
    """No file has a canary, but for those that the user wrote."""
    for name, data in contents(at.folder).items():
        if Path(name).parent != at.folder:
            assert not told_in(name + unpacked(data or b"")), name


def told_by(at: Bench, code: int, *verb: str) -> str:
    """What a verb prints that ends with this exit code; no canary is in it."""
    told = at.tell(*verb)
    assert told.code == code, told
    printed = " ".join((told.out + told.err).split())
    assert not told_in(printed)
    return printed


def test_no_verb_and_no_export_tells_a_key_or_a_key_in_an_address(at: Bench, api: Api) -> None:
    api.failing = True
    for options in ([], ["--json"]):
        told_by(at, 0, "validate", "config.yaml", *options)
    told_by(at, 2, "doctor", "config.yaml")  # the scorer answers 500
    told = told_by(at, 3, "run", "config.yaml", "--debug")
    assert "500 Internal Server Error: internal: Bearer <redacted> at /v1/<redacted>" in told
    (run,) = map(str, Path("runs/api").iterdir())
    told_by(at, 0, "export", run, "--format", "inspect")
    assert "Bearer <redacted>" in unpacked(Path(run, "inspect.eval").read_bytes())
    assert_nowhere(at)
    api.failing = False
    told_by(at, 0, "run", "config.yaml", "--json")
    for verb in (["score"], ["compare"], ["report"], *(["export", "--format", f] for f in FORMATS)):
        told_by(at, 0, verb[0], run, *verb[1:])
    told_by(at, 0, "tree", run, "--all")
    told_by(at, 0, "ls", "runs")
    told_by(at, 0, "ask", "What is 3 + 4?", "--config", "config.yaml")
    told_by(at, 0, "sweep", "sweep.yaml")
    at.view(Path(run))
    assert_nowhere(at)
    assert "You are Bearer <redacted>" in unpacked(Path(run, "samples.parquet").read_bytes())


@pytest.mark.parametrize(
    "address",
    ["http://me:{}@host/v1", "http://host/v1?key={}", "http://host/v1#{}", "{}", "http://h st/{}"],
)
@pytest.mark.parametrize("key", ["policy.engine.base_url", "scorer.url"])
def test_an_address_that_is_refused_is_not_told(at: Bench, address: str, key: str) -> None:
    told = told_by(at, 2, "run", "config.yaml", f"{key}={address.format(LITERAL)}", "--debug")
    assert key.rpartition(".")[2] in told
    assert not Path("runs").exists()


def test_a_run_at_an_address_that_is_a_secret_as_a_whole_is_read_by_others(
    at: Bench, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("URL_KEY", f"{api.url}/{OF_THE_GATE}")
    told_by(at, 0, "run", "config.yaml", "policy.engine.base_url=${oc.env:URL_KEY}")
    monkeypatch.delenv("URL_KEY")
    (run,) = map(str, Path("runs/api").iterdir())
    told_by(at, 0, "score", run)
    assert_nowhere(at)


@dataclass(frozen=True)
class Loud:
    """The config of a policy that logs an address when it starts."""


async def build(config: Loud) -> Policy:
    print(f"at http://host/{OF_THE_GATE}", file=sys.stderr)
    sys.stdout.writelines(["of ", OF_THE_GATE])
    return ScriptedPolicy(ScriptedPolicyConfig())


def test_an_actor_that_is_told_secrets_logs_none(
    at: Bench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    actor = load_ray(None).PortActor({})
    streams = sys.stdout, sys.stderr
    info = asyncio.run(actor.start(Loud(), [OF_THE_GATE]))
    sys.stdout, sys.stderr = streams
    assert info["pid"]
    assert capsys.readouterr() == ("of <redacted>", "at http://host/<redacted>\n")


def test_a_server_tells_no_key_in_answers_streams_errors_figures_or_files(
    at: Bench, api: Api
) -> None:
    keys = Path("keys")
    keys.write_text(f"# mine\n{OF_A_CLIENT}\n")
    policy = load_config("config.yaml").written["policy"]
    heads = {"authorization": f"Bearer {OF_A_CLIENT}"}
    asked = {"model": "treewright/config", "messages": [user(f"What is 3 + 4? {OF_A_CLIENT}")]}
    wrong = {"authorization": f"Bearer {LITERAL}"}
    settings = Settings(port=0, api_keys=keys)
    with (
        served(at.folder / "runs", settings, policy, Keys.read(keys)) as found,
        httpx.Client(headers=heads, base_url=found.url.removesuffix("/v1"), timeout=30) as client,
    ):
        chat = partial(client.post, "/v1/chat/completions")
        replies = [chat(json=asked), chat(json={**asked, "stream": True})]
        tree = client.get(f"/v1/trees/{replies[0].json()['treewright']['tree']}")
        api.failing = True
        failed = [chat(json=asked), chat(json={**asked, "stream": True})]
        refused = [chat(json={**asked, "model": OF_A_CLIENT}), chat(json={OF_A_CLIENT: 1})]
        refused += [chat(json=asked, headers=wrong), client.get(f"/{OF_A_CLIENT}")]
        metrics = client.get("/metrics")
        health = httpx.get(found.url.replace("/v1", "/health"))  # needs no key
        open_to_all = [metrics, client.get("/v1/models"), health]
    assert [each.status_code for each in (*replies, tree)] == [200] * 3
    assert "You are Bearer <redacted>" in replies[0].text
    assert "You are Bearer <redacted>" in replies[1].text
    assert "<redacted>" in failed[0].json()["error"]["message"]
    assert '"error"' in failed[1].text
    assert [each.status_code for each in refused] == [404, 400, 401, 404]
    assert [each.status_code for each in open_to_all] == [200] * 3
    assert 'treewright_requests_total{outcome="200"} 2.0' in metrics.text
    for reply in (*replies, tree, *failed, *refused, *open_to_all):
        assert not told_in(f"{reply.text} {reply.headers}")
    assert not told_in("".join(at.capsys.readouterr()))
    assert_nowhere(at)
