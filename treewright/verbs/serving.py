"""The verbs that answer questions: `serve` and `ask`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from treewright.errors import ConfigError
from treewright.verbs.options import (
    ConfigPath,
    Debug,
    Json,
    Overrides,
    checked_config,
    checked_overrides,
    finished,
)


def serve(
    config: ConfigPath,
    overrides: Overrides = None,
    host: Annotated[
        str, typer.Option(metavar="ADDRESS", help="Any but the loopback address needs --api-keys.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="0 takes a free one.")
    ] = 8000,
    api_keys: Annotated[
        Path | None, typer.Option("--api-keys", metavar="FILE", help="Keys, one a line.")
    ] = None,
    queue: Annotated[int, typer.Option(metavar="N", help="How many questions may wait.")] = 64,
    deadline: Annotated[
        float, typer.Option(metavar="S", help="Seconds of a question; a request may ask for less.")
    ] = 300.0,
    largest: Annotated[
        int, typer.Option(metavar="N", help="The largest size that a request may ask for.")
    ] = 256,
    body: Annotated[int, typer.Option(metavar="KIB", help="KiB of the largest request.")] = 256,
    drain: Annotated[
        float,
        typer.Option(metavar="S", help="Seconds that questions may go on when it is stopped."),
    ] = 30.0,
    replicas: Annotated[
        int,
        typer.Option(
            metavar="N", help="Controllers, each with engines of its own; above 1, by Ray Serve."
        ),
    ] = 1,
    keep: Annotated[
        int, typer.Option(metavar="N", help="How many questions' runs are kept, the newest.")
    ] = 1000,
    debug: Debug = False,
) -> int:
    """Put a search behind an OpenAI-compatible endpoint.

    `/v1/chat/completions`, `/v1/models`, `/health` and `/metrics`. Each strategy is a model:
    `treewright/beam`, `treewright/best_of_n@16`. How many questions are searched at once is
    `cluster.problems_in_flight`. SIGTERM lets those in flight end.

    **Examples**

    - `treewright serve quickstart`
    - `treewright serve mine.yaml --host 0.0.0.0 --api-keys keys.txt cluster.problems_in_flight=32`
    """
    from treewright.config.load import load_runnable

    loaded = load_runnable(checked_config(config), checked_overrides(overrides))
    from treewright.serving.settings import Settings

    try:
        settings = Settings(
            host=host,
            port=port,
            api_keys=api_keys,
            queue=queue,
            deadline_s=deadline,
            largest=largest,
            body_kib=body,
            drain_s=drain,
            replicas=replicas,
            keep=keep,
        )
    except ValueError as error:
        raise ConfigError("command line", "serve", None, str(error), "see --help") from None
    if settings.replicas > 1:
        from treewright.serving.several import serve_several

        return finished(serve_several(loaded, settings))
    from treewright.serving.server import serve as start

    return finished(start(loaded, settings))


def ask(
    question: Annotated[str, typer.Argument(metavar="QUESTION", help="What is asked.")],
    overrides: Overrides = None,
    config: Annotated[
        str, typer.Option(metavar="CONFIG", help="A YAML file, or the name of a shipped config.")
    ] = "quickstart",
    deadline: Annotated[
        float | None, typer.Option(metavar="S", min=0.05, help="Seconds; then the best so far.")
    ] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Ask one question, and see the solution and the tree of its search.

    **Examples**

    - `treewright ask "What is (14 / 2 + 17) * 4 + 3 - 8?"`
    - `treewright ask "What is 3 + 4?" --config mine.yaml strategy.n=4 --deadline 20`
    """
    if not question.strip():
        raise ConfigError("command line", "QUESTION", question, "is empty", "ask something")
    from treewright.config.load import load_runnable

    loaded = load_runnable(checked_config(config), checked_overrides(overrides))
    from treewright.serving.asking import ask as start

    return finished(start(loaded, question, deadline, as_json=as_json))
