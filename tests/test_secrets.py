"""A secret is a value, wherever it travels: canaries in every verb that makes text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engines.http_words import REDACTED
from hostile_runs import Bench, Told, bench, contents
from own_parts import forget
from treewright import hiding
from treewright.config.redaction import keep_secrets, redact
from treewright.hiding import hide, hide_in, keep_secret

CANARY = "canary-\"4f/1c'9e&-of-the-account"
SPELLINGS = ("4f/1c", "4f%2F1c")
"""What is in the canary however it is quoted."""
PART = """\
from dataclasses import dataclass
from policies.scripted import ScriptedPolicyConfig, build as build_scripted


@dataclass(frozen=True)
class Remote(ScriptedPolicyConfig):
    api_key: str = ""
    header: str = ""
    address: str = ""


class Refused:
    def __init__(self, config):
        self.config = config

    async def extend(self, batch):
        raise RuntimeError(f"401 for {self.config.header!r} at {self.config.address}")

    async def close(self):
        pass


async def build(config):
    return Refused(config) if config.address.endswith("down") else await build_scripted(config)
"""
OVERRIDES = (
    "policy.kind=remote_part:Remote",
    "policy.api_key=${oc.env:ACCOUNT_KEY}",
    "policy.header=Bearer ${policy.api_key}",
    "policy.address=http://host/?key=${oc.env:ACCOUNT_KEY}&state=${oc.env:STATE_OF_IT,up}",
)


@pytest.fixture(autouse=True)
def no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hiding, "_known", set())
    monkeypatch.setattr(hiding, "_pattern", None)


@pytest.fixture
def at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Bench]:
    monkeypatch.setenv("ACCOUNT_KEY", CANARY)
    made = bench(tmp_path, monkeypatch, capsys)
    (tmp_path / "remote_part.py").write_text(PART)
    yield made
    forget(tmp_path)


def assert_nowhere(at: Bench, told: Told) -> None:
    """No output, no file and no name of a file has the canary."""
    for spelling in SPELLINGS:
        assert spelling not in told.out + told.err, told
        for name, data in contents(at.folder).items():
            assert spelling not in name
            assert spelling.encode() not in (data or b""), name


def test_no_verb_tells_a_secret(at: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    told = at.tell("run", "config.yaml", *OVERRIDES, "--json")
    assert told.code == 0, told.err
    assert_nowhere(at, told)
    run = Path(json.loads(told.out)["run"])
    text = (run / "config.resolved.yaml").read_text()
    assert text.count(REDACTED) == 3
    assert "api_key: ${oc.env:ACCOUNT_KEY}" in (run / "config.yaml").read_text()
    for verb in (["resume"], ["report"], ["tree", "1"]):
        told = at.tell(verb[0], run, *verb[1:], "--trust")
        assert told.code == 0, told
        assert_nowhere(at, told)
    told = at.tell("validate", "config.yaml", *OVERRIDES)
    assert told.code == 0, told
    assert_nowhere(at, told)


def test_what_a_part_raises_with_a_secret_in_it_is_recorded_without(
    at: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_OF_IT", "down")
    told = at.tell("run", "config.yaml", *OVERRIDES)
    assert told.code == 3, told
    assert f"401 for 'Bearer {REDACTED}'" in told.err
    assert_nowhere(at, told)
    (run,) = Path("runs/doubles").iterdir()
    assert f"Bearer {REDACTED}" in (run / "errors" / "p0.txt").read_text()
    told = at.tell("report", run, "--trust")
    assert told.code == 0, told
    assert_nowhere(at, told)


def test_no_folder_is_named_by_a_secret(at: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACCOUNT_KEY", "4f-1c9e-of-the-account")
    told = at.tell("run", "config.yaml", "name=x-${oc.env:ACCOUNT_KEY}")
    assert told.code == 0, told
    assert [path.name for path in Path("runs").iterdir()] == ["x-redacted"]
    told = at.tell("run", "config.yaml", "output_dir=runs-${oc.env:ACCOUNT_KEY}")
    assert (told.code, told.err.count("\n")) == (2, 1)
    assert "output_dir: holds a secret" in told.err
    assert not [path for path in at.folder.rglob("*") if "4f-1c9e" in path.name]


def test_a_sweep_over_accounts_tells_none(at: Bench) -> None:
    text = (
        Path("config.yaml")
        .read_text()
        .replace(
            "policy: {kind: scripted, accuracy: 0.5}",
            "policy: {kind: 'remote_part:Remote', api_key: x}",
        )
    )
    literal = "4f/1c-another-account"
    grid = f"sweep:\n  grid:\n    policy.api_key: ['${{oc.env:ACCOUNT_KEY}}', '{literal}']\n"
    Path("sweep.yaml").write_text(text + grid)
    secret = contents(at.folder).keys()
    for verb in (["--dry-run"], [], ["--json"]):
        told = at.tell("sweep", "sweep.yaml", *verb)
        assert told.code == 0, told
        assert "4f/1c" not in told.out + told.err
    written = {name: data for name, data in contents(at.folder).items() if name not in secret}
    assert len(written) > 10
    assert not [name for name, data in written.items() if b"4f/1c" in (data or b"")]


@pytest.mark.parametrize(
    "text",
    [
        "{}", "'{}'", '"{}"', "Bearer {}!", "line\n{}\nline", "a{}b",
    ],
)  # fmt: skip
def test_a_value_is_found_inside_any_text(text: str) -> None:
    keep_secret("  'canary-1234'\n")
    assert "canary-1234" not in hide(text.format("canary-1234"))
    assert REDACTED in hide(text.format("canary-1234"))


def test_a_value_is_found_as_formats_spell_it() -> None:
    keep_secret(CANARY)
    for spelled in (json.dumps(CANARY), repr(CANARY), "canary-%224f%2F1c%279e%26-of-the-account"):
        assert "4f" not in hide(spelled)
    keep_secret('["first-of-two-keys", "second-of-two-keys"]')
    assert hide("second-of-two-keys") == REDACTED
    keep_secret("1234567890")
    assert hide_in({"a": 1234567890, "b": [5, True]}) == {"a": REDACTED, "b": [5, True]}


def test_a_short_value_is_left_inside_words() -> None:
    keep_secret("four")
    assert hide("four of fourteen") == "four of fourteen"


def test_a_value_of_which_a_secret_is_a_part_keeps_the_rest_where_the_secret_is_found_in_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = "http://host/${oc.env:GATE_KEY}/${oc.env:OTHER_KEY,v1}"
    monkeypatch.setenv("GATE_KEY", "canary-1234")
    keep_secret("canary-1234")
    assert redact("http://host/canary-1234", written[:27]) == f"http://host/{REDACTED}"
    monkeypatch.setenv("OTHER_KEY", "short")
    assert redact("http://host/canary-1234/short", written) == REDACTED


def test_what_looks_like_a_secret_is_one_under_any_name() -> None:
    keep_secrets({"url": ["http://host/sk-abcdefghijklmnopqrstu/v1", "http://me:pass-word@host"]})
    told = "at http://host/sk-abcdefghijklmnopqrstu/v1 for me:pass-word"
    assert hide(told) == f"at http://host/{REDACTED}/v1 for {REDACTED}"


@pytest.mark.parametrize("cut", ["…", "..."])
def test_a_value_that_a_text_was_cut_inside_of_is_found(cut: str) -> None:
    secret = "abab" * 4 + "-" + "xyzw1234" * 40
    keep_secret(secret)
    assert hide(f"key {secret[:30]}{cut} (p1)") == f"key {REDACTED}{cut} (p1)"
    assert hide(f"key {secret[:12]}{cut}") == f"key {REDACTED}{cut}"
    assert hide(f"{cut}{secret[-30:]} end") == f"{cut}{REDACTED} end"
    assert hide(f"a word{cut} more{cut}") == f"a word{cut} more{cut}"


def test_a_long_secret_is_in_no_error_that_shows_a_value_in_part(
    at: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "".join(f"{n:04x}" for n in range(1000, 1100))
    monkeypatch.setenv("LONG_TOKEN", secret)
    for key in ("seed", "dataset.name", "missing", "grading.kind"):
        told = at.tell("validate", "config.yaml", f"{key}=${{oc.env:LONG_TOKEN}}")
        assert told.code == 2
        assert REDACTED in told.err
        assert secret[:12] not in told.err
