"""Engines that are up, and questions searched on them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from weakref import finalize

from benchmarks.grading import Grader, Grades, open_grader
from engines.traits import contest_of, traits_of
from search.aggregation import Aggregator
from search.core import Problem
from search.driver import Searched, drive
from search.memory import DictMemory
from search.ports import Policy, Scorer
from search.questions import Strategy
from treewright.arms.arm import Arm
from treewright.arms.graded import Graded
from treewright.arms.solved import Solved
from treewright.caching.identity import asked
from treewright.caching.opening import cached
from treewright.cluster.cluster import open_cluster
from treewright.config.config import Config
from treewright.config.load import config_from, load_config
from treewright.lab.arguments import checked_strategy, choosing, problem_of
from treewright.lab.found import Found
from treewright.lab.portal import Portal
from treewright.terminal import line

Section = Mapping[str, Any]
"""A section of a config as a mapping: `{"kind": "thinkprm", "model": "launch/ThinkPRM-1.5B"}`."""

NO_SCORER: Section = {"kind": "none"}
ONE_SOLUTION: Section = {"kind": "greedy"}


@dataclass
class _Engines:
    """What is up while a lab is open."""

    stack: AsyncExitStack
    policy: Policy
    scorer: Scorer
    grader: Grader


@dataclass
class AsyncLab:
    """A policy and a verifier, and searches on them. `async with` starts and stops the engines.

    `config` says the models, the cluster, the seed, how answers are read, and the strategy of a
    search that names none. Any number of searches may run at once.
    """

    config: Config
    _engines: _Engines | None = field(default=None, repr=False)
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False, compare=False)
    """Engines are started and stopped by one at a time: the first searches may come at once."""

    @classmethod
    def open(cls, config: str | Path, *overrides: str) -> Self:
        """The lab of a config file, or of a config that ships with Treewright.

        Args:
            config: a YAML file, or a name such as `quickstart`.
            overrides: `key=value` each, as on the command line.

        Raises:
            ConfigError: naming file, line, key, value and what to do.
        """
        return cls(load_config(config, overrides))

    @classmethod
    def of(
        cls,
        policy: Section,
        scorer: Section = NO_SCORER,
        *,
        strategy: Section = ONE_SOLUTION,
        **sections: Section | int | str,
    ) -> Self:
        """The lab of these sections of a config, each as a mapping; `cluster=…`, `seed=…` as well.

        Raises `ConfigError` as `open` does, its place being `Python`.
        """
        said = {"name": "lab", "dataset": {"name": "arithmetic"}, **sections}
        return cls(config_from({**said, "policy": policy, "scorer": scorer, "strategy": strategy}))

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *raised: object) -> None:
        await self.close()

    async def start(self) -> None:
        """Start the engines, unless they are up; a line on stderr tells.

        Raises:
            ClusterError: no Ray, a port that cannot be built, or no policy.
        """
        async with self._turn:
            if self._engines is None:
                await self._start()

    async def _start(self) -> None:
        print(f"starting the engines of {self.config.name}", file=sys.stderr)
        async with AsyncExitStack() as stack:
            opening = open_cluster(self.config.cluster, self.config.policy, self.config.scorer)
            ports = await stack.enter_async_context(opening)
            sections = asked(self.config)
            caching = cached(self.config, sections, ports.policy, ports.scorer, _say)
            policy, scorer = await stack.enter_async_context(caching)
            grader = await stack.enter_async_context(open_grader(self.config.grading))
            self._engines = _Engines(stack.pop_all(), policy, scorer, grader)

    async def close(self) -> None:
        """Stop the engines. Idempotent; the next search starts them again."""
        async with self._turn:
            engines, self._engines = self._engines, None
            if engines is not None:
                await engines.stack.aclose()
        self._turn = asyncio.Lock()  # it would stay with this event loop

    async def search(
        self,
        question: str,
        strategy: Strategy | None = None,
        *,
        aggregate: str | None = None,
        select: str | None = None,
    ) -> Found:
        """Search one question.

        The same question and strategy give the same tree again, up to the engine's batch effects.

        Args:
            question: what the policy is asked.
            strategy: how; the config's own if none is given.
            aggregate: what scores the candidates (`last`, `history.last`); without it, what steers
                the strategy, else `history.last`.
            select: what chooses (`best`, `weighted`, `majority`, `first`); without it `best`, or
                `majority` where nothing is judged.

        Raises:
            ConfigError: what is said is no text, no strategy, or no name that there is.
            SearchFailed: the policy gave no reply.
            StrategyError: the strategy asks or returns what it may not.
            ClusterError: the engines do not start.
        """
        how = self.config.strategy if strategy is None else checked_strategy(strategy)
        aggregator, chooser = choosing(self.config, how, aggregate, select)
        problem = problem_of(question)
        await self.start()
        assert self._engines is not None
        searched = await drive(
            how(problem),
            self._engines.policy,
            self._engines.scorer,
            DictMemory(),
            self.config.seed,
            goes_on=traits_of(self.config.scorer).goes_on,
            contest=contest_of(self.config.scorer, how),
        )
        return await self._chosen(problem, searched, aggregator, chooser)

    async def _chosen(
        self, problem: Problem, searched: Searched, aggregator: Aggregator | None, select: str
    ) -> Found:
        candidates, missing = searched.result.candidates, self.config.missing
        answers = [self.config.grading.answer(candidate.path) for candidate in candidates]
        assert self._engines is not None
        grades = Grades(tuple(await self._engines.grader.group(answers)), ())
        arm = Arm(select, str(aggregator) if aggregator else None)
        graded = Graded.of(Solved(problem.id, searched, grades), [arm.aggregation], missing)
        index = graded.choice(arm).index
        return Found(
            problem,
            searched,
            answer=None if index is None else answers[index],
            score=None
            if index is None or not aggregator
            else graded.scores[str(aggregator)][index],
            chosen=index,
            aggregate=arm.aggregation,
            select=select,
        )


def _say(text: str) -> None:
    """A line on stderr."""
    print(line(text), file=sys.stderr)


class Lab:
    """`AsyncLab` for code that awaits nothing: a script, and a notebook whose loop is running.

        with tw.open("quickstart") as lab:
            found = lab.search("What is (14 / 2 + 17) * 4 + 3 - 8 + 8?", tw.Beam(paths=8))

    Without `with`, the first search starts the engines and `close` stops them, or the lab's end.
    """

    def __init__(
        self,
        policy: Section,
        scorer: Section = NO_SCORER,
        *,
        strategy: Section = ONE_SOLUTION,
        **sections: Section | int | str,
    ) -> None:
        """As `AsyncLab.of`."""
        self._begin(AsyncLab.of(policy, scorer, strategy=strategy, **sections))

    @classmethod
    def open(cls, config: str | Path, *overrides: str) -> Lab:
        """As `AsyncLab.open`."""
        lab = cls.__new__(cls)
        lab._begin(AsyncLab.open(config, *overrides))
        return lab

    def _begin(self, lab: AsyncLab) -> None:
        self._lab = lab
        self._portal = Portal()
        # Else the collector would end the engines here while their loop ends them there.
        forgotten = finalize(self, self._portal.abandon, lab.close)
        forgotten.atexit = False

    @property
    def config(self) -> Config:
        """What the lab was opened with."""
        return self._lab.config

    def __enter__(self) -> Self:
        self._portal.run(self._lab.start())
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the engines. Idempotent; the next search starts them again."""
        self._portal.run(self._lab.close())
        self._portal.close()

    def search(
        self,
        question: str,
        strategy: Strategy | None = None,
        *,
        aggregate: str | None = None,
        select: str | None = None,
    ) -> Found:
        """As `AsyncLab.search`."""
        work = self._lab.search(question, strategy, aggregate=aggregate, select=select)
        return self._portal.run(work)

    def __repr__(self) -> str:
        return f"Lab({self.config.name})"


def open(config: str | Path, *overrides: str) -> Lab:
    """The lab of a config: engines that start with the first search, or by `with`."""
    return Lab.open(config, *overrides)
