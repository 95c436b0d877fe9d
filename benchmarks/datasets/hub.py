"""Files of datasets on the Hugging Face Hub, at a pinned revision, through its cache."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from logging import ERROR
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

from benchmarks.datasets.files import DatasetError

PATIENCE = 2.5
"""Seconds."""
NO_ANSWER = "no network, or the Hub does not answer"


@dataclass(frozen=True)
class Repository:
    """A dataset repository and the commit that is read."""

    id: str
    revision: str

    def __str__(self) -> str:
        return f"{self.id}@{self.revision}"


def fetch(name: str, repository: Repository, file: str, revision: str | None = None) -> Path:
    """A file of the repository, out of the cache (HF_HOME) or downloaded into it.

    The file itself is downloaded and read by `benchmarks.datasets.files`, so that it gives the same
    rows, ids and digest as the same file given by `dataset.path`.

    Raises:
        DatasetError: when it is not in the cache and cannot be downloaded.
    """
    found = cached(repository, file, revision)
    if found is not None:
        return found
    commit = revision or repository.revision
    where = f"dataset {name} ({repository.id}@{commit[:7]}/{file})"
    try:
        import huggingface_hub  # noqa: F401  # 0.5 s, and only here is it needed
    except ImportError:
        hint = f"install treewright[datasets], or fetch {file} and give it as dataset.path"
        raise DatasetError(where, "needs huggingface-hub, which is not installed", hint) from None
    return _download(where, repository.id, file, commit)


def can_download() -> bool:
    """Whether the library that downloads is installed."""
    return find_spec("huggingface_hub") is not None


def cached(repository: Repository, file: str, revision: str | None = None) -> Path | None:
    """The file in the cache (HF_HOME), None where it is not there; no network is asked."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    commit = revision or repository.revision
    found = try_to_load_from_cache(repository.id, file, revision=commit, repo_type="dataset")
    return Path(found) if isinstance(found, str) else None


def hub_answers() -> bool:
    """Whether the Hub answers within `PATIENCE`: its library would ask again for half a minute."""
    from huggingface_hub import constants, get_session

    answers: Queue[bool] = Queue()

    def ask() -> None:
        try:
            get_session().head(constants.ENDPOINT, timeout=PATIENCE)
        except Exception:  # noqa: BLE001 - whatever it is, there is no answer
            answers.put(False)
        else:
            answers.put(True)

    Thread(target=ask, daemon=True).start()  # a name server may keep a call waiting for longer
    try:
        return answers.get(timeout=PATIENCE)
    except Empty:
        return False


def _download(where: str, repository: str, file: str, commit: str) -> Path:
    """As `fetch`; `where` begins its errors."""
    from huggingface_hub import constants, hf_hub_download
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RemoteEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    by_hand = f"or fetch {file} where there is one and give it as dataset.path"
    offline = "HF_HUB_OFFLINE is set" if constants.HF_HUB_OFFLINE else NO_ANSWER
    absent = f"is not in the cache, and cannot be downloaded: {offline}"
    if constants.HF_HUB_OFFLINE or not hub_answers():
        raise DatasetError(where, absent, f"connect, {by_hand}")
    try:
        with _quiet():
            found = hf_hub_download(repository, file, repo_type="dataset", revision=commit)
        return Path(found)
    except GatedRepoError:
        what = "is gated, and this account has not been let in"
        hint = "agree to its terms on its page on the Hub, log in with a token (hf auth login)"
        raise DatasetError(where, what, f"{hint}, or give the file as dataset.path") from None
    except RevisionNotFoundError:
        hint = "check dataset.revision, or leave it out"
        raise DatasetError(where, f"has no revision {commit}", hint) from None
    except (RepositoryNotFoundError, RemoteEntryNotFoundError):
        hint = "check dataset.revision, or give a copy of the file as dataset.path"
        raise DatasetError(where, "is not on the Hub", hint) from None
    except LocalEntryNotFoundError:
        raise DatasetError(where, absent, f"connect, {by_hand}") from None
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise DatasetError(where, f"the Hub answered {status}", f"try later, {by_hand}") from None
    except OSError as error:
        what = f"cannot be downloaded: {error.strerror or str(error).splitlines()[0]}"
        raise DatasetError(where, what, f"connect, {by_hand}") from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's lines about every attempt: what comes of them is said once, by us."""
    from huggingface_hub.utils import logging

    before = logging.get_verbosity()
    logging.set_verbosity(ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)
