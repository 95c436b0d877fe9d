"""`imported` is a listed kind: an edit of the importer makes no imported run unreadable."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

from their_rows import Imported, Treewright
from treewright.config.fingerprint import differences
from treewright.config.kinds import SECTIONS
from treewright.config.load import load_config, to_yaml

OLD = {"policy": "ImportedFile", "scorer": "ImportedFile", "strategy": "Imported"}
MODULE = "treewright.exchange.imported"


def digest(value: str) -> str:
    """As an identity has it."""
    return sha256(json.dumps(value).encode()).hexdigest()[:16]


def as_before(run: Path) -> None:
    """The run as it was written when its kinds were import paths, by an importer edited since."""
    config, manifest = run / "config.yaml", run / "manifest.json"
    text = config.read_text()
    for section, name in OLD.items():
        text = text.replace(f"{section}:\n  kind: imported", f"{section}:\n  kind: {MODULE}:{name}")
    assert text.count(MODULE) == 3
    config.write_text(text)
    said = json.loads(manifest.read_text())
    for section, name in OLD.items():
        said["identity"][f"{section}.kind"] = digest(f"{MODULE}:{name}")
        said["identity"][f"{section}.source"] = digest("the importer as it was")
    manifest.write_text(json.dumps(said))


def test_an_imported_run_names_listed_kinds_and_depends_on_no_source(imported: Imported) -> None:
    run = imported()
    config = load_config(run / "config.yaml")
    assert MODULE not in to_yaml(config, resolved=False)
    identity = json.loads((run / "manifest.json").read_text())["identity"]
    assert {section: identity[f"{section}.kind"] for section in SECTIONS} == dict.fromkeys(
        SECTIONS, digest("imported")
    )
    assert not [key for key in identity if key.endswith(".source")]


def test_a_run_that_was_imported_before_is_read_and_resumed_as_it_was(
    imported: Imported, treewright: Treewright
) -> None:
    run = imported()
    fresh = treewright("score", run, "--json")[1]
    other = imported(file="again.jsonl")
    as_before(run)
    code, out, err = treewright("score", run, "--json")
    assert (code, out) == (0, fresh), err
    for command in (("tree", run, "1"), ("export", run), ("resume", run), ("compare", run, other)):
        code, out, err = treewright(*command)
        assert code == 0, err
    assert "differs from A" not in out


def test_only_listed_kinds_are_known_by_their_path() -> None:
    path = {"strategy.kind": digest("mine:Strategy"), "strategy.source": "one"}
    assert differences(path, {**path, "strategy.source": "two"}) == ["strategy.source"]
    assert differences(path, {"strategy.kind": digest("imported")}) == [
        "strategy.kind",
        "strategy.source",
    ]
