"""The ports of a session, with the caches that its config asks for before them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from engines.traits import traits_of
from search.ports import Policy, Scorer
from treewright.caching.faults import StoreError
from treewright.caching.identity import Uncached, asked, identity
from treewright.caching.keeper import Keeper
from treewright.caching.place import file_of
from treewright.caching.ports import CachedPolicy, CachedScorer, RecalledReplies
from treewright.config.config import Config


@asynccontextmanager
async def cached(
    config: Config,
    sections: Iterable[str],
    policy: Policy,
    scorer: Scorer,
    tell: Callable[[str], None],
) -> AsyncIterator[tuple[Policy, Scorer]]:
    """Both ports, those of these sections behind their caches, while the block lasts.

    `tell` hears where replies are kept; and why they are not, where they cannot be.
    """
    async with AsyncExitStack() as stack:
        for section in sections:
            replies = await _opened(config, section, stack, tell)
            if replies is not None and section == "policy":
                greedy = traits_of(config.policy).temperature == 0
                policy = CachedPolicy(policy, replies, greedy=greedy)
            elif replies is not None:
                scorer = CachedScorer(scorer, replies)
        yield policy, scorer


def used(config: Config) -> list[str]:
    """The sections whose caches a search of this config asks; a strategy may need no scorer."""
    return [name for name in asked(config) if name == "policy" or config.strategy.judges]


def uncached(config: Config) -> list[str]:
    """A line for each cache that a config asks for and cannot have: why."""
    found = {section: identity(config, section) for section in used(config)}
    return [_line(section, of.reason) for section, of in found.items() if isinstance(of, Uncached)]


async def _opened(
    config: Config, section: str, stack: AsyncExitStack, tell: Callable[[str], None]
) -> RecalledReplies | None:
    part = identity(config, section)
    if isinstance(part, Uncached):
        tell(_line(section, part.reason))
        return None
    try:
        file = file_of(traits_of(getattr(config, section)).cache)
    except StoreError as error:
        tell(_line(section, str(error)))
        return None
    keeper = Keeper(file, lambda problem: tell(f"{section}.cache: {problem}"))
    stack.push_async_callback(keeper.close)
    if await keeper.open() and file is not None:
        tell(f"{section}.cache: {file}")
    return RecalledReplies(keeper, part)


def _line(section: str, reason: str) -> str:
    return f"{section}.cache: not used: {reason}"
