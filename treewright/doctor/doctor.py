"""The verb `doctor`: what is amiss on this machine, or with a config's models, and what to do."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from search.findings import Finding, Health
from treewright.config.config import Config
from treewright.config.load import load_config
from treewright.doctor.machine import examine_machine
from treewright.terminal import line

MARKS = {Health.OK: "ok  ", Health.WARN: "warn", Health.FAIL: "FAIL"}


def doctor(path: str | None, overrides: Sequence[str] = (), *, as_json: bool = False) -> int:
    """Print every finding as it is made; with `as_json` one object with `checks` at the end.

    Returns 2 when something failed, else 0. Raises `ConfigError` for a config that cannot be read.
    """
    config = load_config(path, overrides) if path is not None else None
    findings = []
    for finding in examine(config):
        findings.append(finding)
        if not as_json:
            _print(finding)
    failed = sum(finding.health is Health.FAIL for finding in findings)
    if as_json:
        print(json.dumps({"ok": not failed, "checks": [asdict(found) for found in findings]}))
    else:
        warned = sum(finding.health is Health.WARN for finding in findings)
        print(f"{len(findings)} checks, {failed} failed, {warned} warnings")
    return 2 if failed else 0


def examine(config: Config | None) -> Iterator[Finding]:
    """The machine, then what the config needs."""
    yield from examine_machine(config)
    if config is not None:
        from treewright.doctor.config_checks import examine_config

        yield from examine_config(config)


def _print(finding: Finding) -> None:
    print(f"{MARKS[finding.health]}  {finding.check:<18}{line(finding.found)}")
    if finding.advice:
        print(f"{'':<24}→ {line(finding.advice)}")
    sys.stdout.flush()
