"""The verb `ask`: one question in the terminal, answered as a server would."""

from __future__ import annotations

import asyncio
import json
import sys

from treewright.config.compose import COMMAND_LINE
from treewright.config.config import Config
from treewright.errors import ConfigError
from treewright.hiding import hide
from treewright.serving.catalogue import OWNER, Catalogue
from treewright.serving.chat import Chat, Message, check
from treewright.serving.completion import completion
from treewright.serving.desk import Desk
from treewright.serving.faults import ApiFault
from treewright.serving.searching import open_engines
from treewright.serving.settings import Settings
from treewright.serving.store import Store
from treewright.terminal import clean, line


async def ask(config: Config, question: str, deadline_s: float | None, *, as_json: bool) -> int:
    """Print the answer, its solution and the tree, or the object that a server would send.

    Exit code 3 where the search failed. Raises `ConfigError` for what is no question,
    `ClusterError` where the engines do not start.
    """
    most = deadline_s or 86_400.0
    settings = Settings(deadline_s=most, largest=10**9)
    said = Message(role="user", content=question)
    chat = Chat(model=f"{OWNER}/config", messages=[said], deadline_s=deadline_s)
    try:
        check(chat)
    except ApiFault as fault:
        raise ConfigError(COMMAND_LINE, "QUESTION", None, fault.message) from fault
    _say(f"starting the engines of {config.name}")
    try:
        async with open_engines(config, _say) as engines:
            catalogue = Catalogue(config, settings.largest)
            desk = Desk(engines, catalogue, Store.of(config, settings.keep), settings, _say)
            began = asyncio.get_running_loop().time()
            answer = await desk.answer(desk.read(chat), began)
    except ApiFault as fault:
        _say(f"error: {hide(str(fault))}")
        return 3
    except asyncio.CancelledError:
        _say("interrupted")
        return 130
    if as_json:
        print(json.dumps(completion(chat, answer), allow_nan=False))
        return 0
    print(clean(hide((answer.found.solution or "no solution").strip())), end="\n\n")
    print(hide(answer.found.told(f"treewright tree {answer.kept.folder.path} 1")))
    _say(f"kept as {answer.kept.id}: `treewright view {answer.kept.folder.path}`")
    return 0


def _say(text: str) -> None:
    print(line(text), file=sys.stderr, flush=True)
