"""The tree of an answer by its id, for whoever cannot reach the server's folders."""

from __future__ import annotations

from typing import Any

from search.fault import Fault
from search.tree import to_json
from treewright.hiding import hide_in
from treewright.running.recorded import RecordedRun
from treewright.running.run_folder import RunFolder
from treewright.serving.faults import ApiFault
from treewright.serving.store import Store
from treewright.trees.trees import tree


async def tree_of_run(store: Store, id: str) -> dict[str, Any]:
    """Node-link JSON, as `treewright tree ID 1 --json` prints it. Raises `ApiFault`.

    404 where there is no such run, not yet or not any more; 409 where its search did not end.
    """
    path = store.find(id)
    if path is None or not RunFolder(path).has_manifest:
        hint = f"the newest {store.keep} are kept"
        raise ApiFault(404, "tree_not_found", f"tree {id[:80]!r}: there is none; {hint}")
    try:
        run = await RecordedRun.open(path)
        found = await run.read()
    except Fault as fault:
        raise ApiFault(500, "tree_unreadable", str(fault)) from None
    if not found.solved:
        raise ApiFault(409, "search_not_ended", f"tree {id[:80]!r}: its search has no result")
    hidden: dict[str, Any] = hide_in(
        to_json(tree(run.dataset.samples[0].problem, found.solved[0], run.config))
    )
    return hidden
