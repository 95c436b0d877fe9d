"""Secrets do not reach a file: what looks like one is replaced before a config is written.

A secret belongs in the environment, `${oc.env:HF_TOKEN}` in the config. config.yaml keeps that
text; wherever a value is written out, this module decides.
"""

from __future__ import annotations

import os
import re
from typing import Any

from engines.http_words import REDACTED, SHORTEST_SECRET
from treewright.hiding import hide, hide_in, keep_secret

IN_A_NAME = "redacted"
"""As `REDACTED`, where a folder is named."""

SECRET_NAME = re.compile(
    r"(^|_)(api_?key|access_?key|secret|(api|auth|access|bearer|hub|hf)_?token|password|passwd"
    r"|credentials?|authorization)($|_(?!env$))|^token$",
    re.IGNORECASE,
)
"""Keys that hold a secret: `hf_token`, `api_key`; not `max_tokens`, `eos_token`, nor `api_key_env`,
which names the variable that holds one."""

SECRET_VARIABLE = re.compile(r"(^|_)(key|token|secret|pass(word|wd)?|credentials?)($|_)", re.I)
"""Environment variables that hold one: `HF_TOKEN`, `OPENAI_API_KEY`."""

SECRET_TEXT = re.compile(
    r"\b(hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|github_pat_\w{20,}|AKIA[A-Z0-9]{16}|xox[abp]-[\w-]{10,})|(?<=://)[^\s/@:]+:[^\s/@]+(?=@)"
)
"""Tokens of well-known services, and user:password in an address."""

FROM_ENVIRONMENT = re.compile(r"\$\{\s*oc\.env\s*:\s*([^,}\s]+)")


def redact(value: Any, written: Any = None, key: str = "") -> Any:
    """Plain data without its secrets.

    Args:
        value: mappings, lists and scalars, interpolations resolved.
        written: the same data as it was written, where a text may name the environment variable
            that its value came from.
        key: the name that `value` stands under.
    """
    if isinstance(value, dict):
        kept = written if isinstance(written, dict) else {}
        return {name: redact(item, kept.get(name), name) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        kept_items = written if isinstance(written, list) and len(written) == len(value) else None
        sources = kept_items or [None] * len(value)
        return [redact(item, source, key) for item, source in zip(value, sources, strict=True)]
    if not isinstance(value, str) or not value:
        return hide_in(value)
    if SECRET_NAME.search(key) and not FROM_ENVIRONMENT.search(value):
        return REDACTED
    hidden = hide(value)
    if _from_secret(written) and (hidden == value or _holds_a_short_secret(written)):
        return REDACTED
    return SECRET_TEXT.sub(REDACTED, hidden)


def scrub(message: str) -> str:
    """An error message without the secrets that a config may have read from the environment."""
    for name, value in os.environ.items():
        if len(value) >= SHORTEST_SECRET and SECRET_VARIABLE.search(name):
            message = message.replace(value, REDACTED)
    return SECRET_TEXT.sub(REDACTED, hide(message))


def keep_secrets(value: Any, key: str = "") -> None:
    """Know as secrets what stands literally under a secret's name, and what looks like one."""
    if isinstance(value, dict):
        for name, item in value.items():
            keep_secrets(item, str(name))
    elif isinstance(value, (list, tuple)):
        for item in value:
            keep_secrets(item, key)
    elif isinstance(value, str) and "${" not in value:
        found = [value] if SECRET_NAME.search(key) else SECRET_TEXT.finditer(value)
        for each in found:
            keep_secret(each if isinstance(each, str) else each.group())


def without_secrets(name: str) -> str:
    """A name of a folder without the secrets that are known."""
    return hide(name).replace(REDACTED, IN_A_NAME)


def _from_secret(written: Any) -> bool:
    return bool(_secret_variables(written))


def _holds_a_short_secret(written: Any) -> bool:
    """Whether a value has a secret within that is too short to be found in it."""
    values = [os.environ.get(name, "") for name in _secret_variables(written)]
    return any(len(value.strip()) < SHORTEST_SECRET for value in values)


def _secret_variables(written: Any) -> list[str]:
    names = FROM_ENVIRONMENT.findall(written) if isinstance(written, str) else []
    return [name for name in names if SECRET_VARIABLE.search(name)]
