"""What others wrote, made safe to stand in a page: models, data, configs and names.

HTML is escaped by the templates. Here is what escaping does not see: characters that steer or
reorder what is read, and data inside a script element.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any
from zlib import compress, decompress

from treewright.hiding import hide, hide_in
from treewright.terminal import clean

UNSAFE_IN_SCRIPT = {
    character: f"\\u{ord(character):04x}" for character in ("<", ">", "&", "\u2028", "\u2029")
}
"""`</script>` and `<!--` end or open what they should not; the last two end lines in JavaScript."""
FASTEST_GOOD = 6
"""Of zlib: level 9 took twice the time for 1 % less."""


def visible(text: str) -> str:
    r"""Text as a page may show it: what steers or reorders it is spelled out (`\u202e`, `\x1b`)."""
    text = hide(text)
    if all(piece.isprintable() for piece in text.split("\n")):
        return text
    return clean(text)


def script_json(value: object) -> str:
    """JSON that may stand in `<script type="application/json">`: it holds no `<`, `>` or `&`."""
    text = dumped(value)
    for character, escape in UNSAFE_IN_SCRIPT.items():
        text = text.replace(character, escape)
    return text


def packed(value: object) -> str:
    """A value that a page unpacks when it is looked at: JSON, zlib, base64."""
    return b64encode(compress(dumped(value).encode("utf-8"), FASTEST_GOOD)).decode("ascii")


def dumped(value: object) -> str:
    """A value as JSON, without the secrets that are known."""
    return json.dumps(hide_in(value), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def unpacked(text: str) -> Any:
    """The inverse of `packed`."""
    return json.loads(decompress(b64decode(text)))
