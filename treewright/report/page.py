"""The page: one HTML file that asks nobody for anything and runs nothing but its own scripts."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from search import wording
from search.wording import counted, points, points_interval
from treewright.arms.columns import Place, everywhere
from treewright.arms.comparison import Comparison
from treewright.ledger import from_a_cache
from treewright.report.chapter import Chapter
from treewright.report.drawing import drawing
from treewright.report.escaping import script_json, visible
from treewright.report.headline import true_minus
from treewright.report.plot import Plot
from treewright.report.tree_data import fitted
from treewright.report.tree_files import Trees

WRITTEN = ("amount", "ends", "number", "percent", "probability", "whole")
"""Of `search.wording`, what the templates call by its own name."""
MOST_TREES = 12_500_000
"""Characters of packed trees in a page, which leaves it below 15 MB."""
SHOWN_QUESTION = 160
SHOWN_FAILURES = 200
SCRIPTS = ("cytoscape.min.js", "viewer.js", "page.js")
FOLLOWING = "follow.js"
"""Beside the others where a server renews the page."""


@dataclass(frozen=True)
class ReportPage:
    """What the page is about.

    `overview`, `comparisons`: plots over several runs, and each against the first. `live`: a server
    renews it.
    """

    chapters: Sequence[Chapter]
    overview: Sequence[Plot] = ()
    comparisons: Sequence[Comparison] = ()
    warnings: Sequence[str] = ()
    live: str = ""


def render(page: ReportPage) -> str:
    """The whole file as text."""
    trees, every = fitted(Trees.joined(each.reading.trees for each in page.chapters), MOST_TREES)
    left = iter(trees)
    packs = [pack(chapter, left) for chapter in page.chapters]
    names = (*SCRIPTS, FOLLOWING) if page.live else SCRIPTS
    scripts = [static(name) for name in names]
    styles = [static("page.css"), ""]
    return environment().get_template("report.html.jinja").render(
        page=page,
        title=", ".join(chapter.reading.source.config.name for chapter in page.chapters[:3]),
        policy=policy(scripts, styles, live=bool(page.live)),
        scripts=[Markup(script) for script in scripts],
        style=Markup(styles[0]),
        index=Markup(script_json({"runs": [listed(chapter) for chapter in page.chapters]})),
        packs=[Markup(script_json(each)) for each in packs],
        whole=every,
        columns={place.name.lower(): place.columns for place in (Place.PAGE, Place.RUNS)},
        told=everywhere(),
        failures=SHOWN_FAILURES,
    )  # fmt: skip


def environment() -> Environment:
    """Templates that escape whatever they are given, in every file, and know no undefined name."""
    made = Environment(
        loader=PackageLoader("treewright.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "drawn": drawing,
        "visible": visible,
        **{name: getattr(wording, name) for name in WRITTEN},
        "points": lambda share: true_minus(points(share)),
        "points_interval": lambda ends: true_minus(points_interval(ends)),
        "problems": lambda number: counted(number, "problem"),
        "pretty": lambda value: json.dumps(value, indent=2),
    }
    made.globals["from_a_cache"] = from_a_cache
    return made


def policy(scripts: Iterable[str], styles: Iterable[str], *, live: bool) -> str:
    """The content security policy: exactly these scripts and styles, and nothing from anywhere."""
    allowed = {
        "default-src": "'none'",
        "script-src": " ".join(map(hashed, scripts)),
        "style-src": " ".join(map(hashed, styles)),
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    if live:
        allowed["connect-src"] = "'self'"
    return "; ".join(f"{name} {value}" for name, value in allowed.items())


def hashed(text: str) -> str:
    """How the policy names a script or a style that stands in the page."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def static(name: str) -> str:
    """A file that goes into the page as it is."""
    return files("treewright.report").joinpath("static", name).read_text("utf-8")


def listed(chapter: Chapter) -> dict[str, Any]:
    """A run's problems, in the order of the data, as the viewer lists them."""
    known = {case.id: case for case in chapter.reading.cases}
    rows = []
    for sample in chapter.reading.source.dataset.samples:
        case = known.get(sample.problem.id)
        rows.append(
            {
                "id": visible(sample.problem.id),
                "question": visible(sample.problem.question)[:SHOWN_QUESTION],
                "ended": case is not None,
                "chosen": case.chosen.value if case and case.chosen else "",
                "right": sum(case.right) if case else 0,
                "n": len(case.outcomes) if case else 0,
            }
        )
    source = chapter.reading.source
    return {"label": source.label, "name": visible(source.config.name), "problems": rows}


def pack(chapter: Chapter, left: Iterable[str]) -> list[str]:
    """A run's trees, aligned with `listed`, empty where there is none; taken from `left`."""
    trees = iter(left)
    own = {case.id: next(trees) for case in chapter.reading.cases}
    return [own.get(sample.problem.id, "") for sample in chapter.reading.source.dataset.samples]
