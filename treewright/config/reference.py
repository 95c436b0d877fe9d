"""Every key of a config on one page: `python -m treewright.config.reference > docs/configs.md`.

Keys, values and defaults are the fields of the dataclasses that a config is fitted to; what a key
does is the sentence under its field.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping

from engines.vllm_config import VllmConfig
from treewright.config.config import Config
from treewright.config.keys import Key, keys
from treewright.config.kinds import SECTIONS, engines_like, settings_class
from treewright.config.load import KEYS
from treewright.config.schema import join, required
from treewright.config.sentences import paragraphs, summary
from treewright.config.yamldump import dump, to_plain

COMMAND = "python -m treewright.config.reference > docs/configs.md"
LONGEST = 60
"""Characters of a default that a table has room for; a longer one stands below the table."""
FROM_THE_FILE = "name"
"""The key that has no default in the dataclass and may be left out all the same."""
NEEDED = r"\*"
HEAD = """\
<!-- Made by `{command}` from the sentences under the fields: change those. -->

# The keys of a config

A config is a YAML file, and any key can be changed on the command line: `strategy.n=4`.
`treewright validate CONFIG` checks it and says what would run. A key marked {needed} must be given.

* `extends` (in files only) names one config or a list of them: later files win, mappings merge,
  lists are replaced.
* `policy`, `scorer` and `strategy` say their `kind`, and the other keys depend on it. A kind of
  your own is an import path, `my_module:MyClass` ([custom_parts.md](custom_parts.md)). A strategy
  may say a `preset` instead ([presets.md](presets.md)).
* `sweep` makes many configs of one, for `treewright sweep` ([sweeps.md](sweeps.md)).
* `${{oc.env:NAME,default}}` reads the environment, `${{policy.model}}` another key.

What can change a generation or a judgement is part of the run's fingerprint; models and data count
by their content. Not part of it are `name`, `output_dir`, `python_path`, `aggregate`, `missing`,
`select`, `grading`, `fail_on_error`, `cluster`, a `cache`, and of an `engine`
{resources}.
"""


def page() -> str:
    """The whole page, Markdown."""
    resources = ", ".join(f"`{name}`" for name in sorted(VllmConfig.uncounted - {"kind", "extra"}))
    lines = [HEAD.format(command=COMMAND, needed=NEEDED, resources=resources), *_file()]
    for name in SECTIONS:
        lines += _kinds(name)
    lines += _heading(2, "Mappings within sections")
    for part, places in parts().items():
        lines += [*_heading(3, _title(part, places)), *_mapping(part)]
    return "\n".join(lines).rstrip() + "\n"


def top() -> dict[str, Key]:
    """The keys of the file itself."""
    return {name: key for name, key in keys(Config).items() if name in KEYS}


def parts() -> dict[type, list[str]]:
    """The dataclasses of mappings within sections, each with the dotted keys where it stands."""
    found: dict[type, list[str]] = {}
    for name, key in top().items():
        if key.part is not None:
            _collect(key.part, name, found)
    for section, kinds in SECTIONS.items():
        for kind in kinds:
            _collect(settings_class(section, kind), section, found)
    return found


def _collect(kind: type, section: str, found: dict[type, list[str]]) -> None:
    for key in keys(kind).values():
        if key.part is None:
            continue
        for part in engines_like(key.part) or (key.part,):
            place, places = join(section, key.name), found.setdefault(part, [])
            if place not in places:
                places.append(place)
            _collect(part, place, found)


def _file() -> Iterator[str]:
    """The keys of the file, then its sections without a kind."""
    own = top()
    yield from _heading(2, "The file")
    yield from _table(own.values())
    for name, key in own.items():
        if key.part is not None:
            yield from (*_heading(2, f"`{name}`"), *_mapping(key.part))


def _kinds(section: str) -> Iterator[str]:
    """A section that is chosen by its kind; a kind that derives from another tells what differs."""
    classes = {kind: settings_class(section, kind) for kind in SECTIONS[section]}
    yield from _heading(2, f"`{section}`")
    for kind, settings in classes.items():
        yield f"* {_kind_link(section, kind)}: {summary(settings.__doc__)}."
    yield ""
    for kind, settings in classes.items():
        yield from _heading(3, f"`{section}`: `{kind}`")
        base = next((name for name, of in classes.items() if of in settings.__mro__[1:]), None)
        if base is None:
            yield from _mapping(settings)
        else:
            note = f"It has the keys of {_kind_link(section, base)}. New, or with another default:"
            yield from _mapping(settings, keys(classes[base]), note)


def _mapping(kind: type, known: Mapping[str, Key] | None = None, note: str = "") -> Iterator[str]:
    """What a dataclass says of itself, and a table of its keys but those that are `known`."""
    for paragraph in (*paragraphs(kind.__doc__), *([note] if note else [])):
        yield from (paragraph, "")
    known = known or {}
    yield from _table([key for name, key in keys(kind).items() if not key.same_as(known.get(name))])


def _table(listed: Iterable[Key]) -> Iterator[str]:
    """A row per key; defaults that are too long for it below."""
    rows, below = [], []
    for key in listed:
        default = f"`{key.default_text}`" if key.default_text else ""
        if len(default) > LONGEST or "\n" in default:
            below.append(key)
            default = "see below"
        cells = (_name(key), _values(key), default, key.meaning)
        rows.append(" | ".join(cell.replace("|", r"\|") for cell in cells))
    if rows:
        yield from ("| key | value | default | meaning |", "|---|---|---|---|")
        yield from (f"| {row} |" for row in rows)
        yield ""
    for key in below:
        text = dump({key.name: to_plain(key.default)}).rstrip()
        yield from (f"The default of `{key.name}`:", "", "```yaml", text, "```", "")


def _name(key: Key) -> str:
    needed = key.name in required(key.owner) and key.name != FROM_THE_FILE
    return f"`{key.name}`{NEEDED if needed else ''}"


def _values(key: Key) -> str:
    """What may be said; of a mapping where its keys are."""
    if key.owner is Config and (key.name in SECTIONS or key.part is not None):
        return f"[mapping]({_anchor(key.name)})"
    if key.part is None:
        return key.values
    anchor = _anchor(_title(key.part, parts()[key.part]))
    return key.values.replace("mapping", f"[mapping]({anchor})", 1)


def _title(part: type, places: Iterable[str]) -> str:
    kind = engines_like(part).get(part)
    return ", ".join(f"`{place}`" for place in places) + (f": `{kind}`" if kind else "")


def _kind_link(section: str, kind: str) -> str:
    return f"[`{kind}`]({_anchor(f'`{section}`: `{kind}`')})"


def _anchor(title: str) -> str:
    """Where GitHub puts a heading."""
    return "#" + re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


def _heading(level: int, text: str) -> tuple[str, str]:
    return f"{'#' * level} {text}", ""


if __name__ == "__main__":
    sys.stdout.write(page())
