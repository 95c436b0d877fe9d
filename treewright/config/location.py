"""Where a config means when it names a file: here first, then beside the installed packages.

So `configs/quickstart.yaml` and the stand-in models in `benchmarks/arithmetic` are found from a
checkout, from any other folder, and from a wheel alike. Nothing is relative to the config file but
`extends`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
INSTALLED = PACKAGE.parent
"""The folder that holds the packages: the checkout, or site-packages."""
FILE = re.compile(r"dataset\.(path|exclude)|(policy|scorer)\.(.+\.)?(model|lora)")
"""Keys that name a file or a folder, or something that has a name elsewhere; those of a scorer
within a scorer too."""
RUN = ("manifest.json", "config.resolved.yaml")
"""Files that only a run's folder has; to lack one, or to have a link for it, earns no trust."""


def find(path: str) -> Path | None:
    """The absolute place of an existing file or folder, or None."""
    wanted = Path(path).expanduser()
    if not path.strip():
        return None
    places = [wanted] if wanted.is_absolute() else [Path.cwd() / wanted, INSTALLED / wanted]
    return next((place.resolve() for place in places if exists(place)), None)


def portable(path: str) -> str:
    """The path as a run folder keeps it: absolute, unless it lies beside the installed packages."""
    found = find(path)
    same = found is None or found == (INSTALLED / Path(path).expanduser()).resolve()
    return path if same else str(found)


def names_file(key: str) -> bool:
    """Whether what stands at a key is looked for here and beside the installed packages."""
    return FILE.fullmatch(key) is not None


def kept(text: str, key: str) -> str:
    """What a run's folder keeps of a key's text, which may name a file or a folder."""
    if names_file(key):
        return portable(text)
    return str(Path(text).expanduser().absolute()) if key.startswith("python_path[") else text


def config_folders() -> list[Path]:
    """Where configs are looked for by name: here, in the checkout, in the wheel."""
    folders = [Path.cwd() / "configs", INSTALLED / "configs", PACKAGE / "configs"]
    return list(dict.fromkeys(folder.resolve() for folder in folders if folder.is_dir()))


def configs() -> dict[str, Path]:
    """The configs that can be named without a folder, by name."""
    found = (path for folder in config_folders() for path in sorted(folder.glob("*.yaml")))
    named: dict[str, Path] = {}
    for path in found:
        named.setdefault(path.stem, path)
    return named


def find_config(given: str) -> Path:
    """The file that a command line means: a path, a run, or the name of a shipped config.

    A folder of that name is not meant, as one of runs may have it. A path that does not exist is
    returned as it is: who reads it reports it.
    """
    path = Path(given).expanduser()
    if exists(path) and is_run(path):
        return path / "config.yaml"
    if exists(path) and not path.is_dir():
        return path
    bare = path.parent.as_posix() in (".", "configs") and path.suffix in ("", ".yaml")
    return configs().get(path.stem, path) if bare else path


def is_run(folder: Path) -> bool:
    """Whether a folder looks like that of a run; a link or a pipe in place of a file will do."""
    return any(os.path.lexists(folder / name) for name in RUN)


def exists(path: Path) -> bool:
    """Whether there is such a file or folder; False too for what cannot be a path."""
    try:
        return path.exists()
    except (OSError, ValueError):  # a name too long, or with a NUL: no such file
        return False
