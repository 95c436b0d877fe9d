"""The set-up's browser: which way is gone, what is left behind, and what is said without one."""

import importlib.util
import os
import sys
import tarfile
from pathlib import Path
from types import ModuleType

import pytest

from browsers import chromium_program

# Stands in for the start of a real browser: a good one says so in its file.
TRY = (
    "import pathlib, sys; sys.exit('good' not in pathlib.Path(sys.argv[1], 'chromium').read_text())"
)


@pytest.fixture
def browser(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, in an environment of its own, on a machine with nothing on PATH."""
    spec = importlib.util.spec_from_file_location("browser", root / "scripts" / "browser.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("READY", "NEW", "LOG", "FAILED", "PARTS"):
        place = tmp_path / "env" / getattr(module, name).relative_to(sys.prefix)
        monkeypatch.setattr(module, name, place)
    (tmp_path / "env").mkdir()
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv("TREEWRIGHT_CHROMIUM", raising=False)
    monkeypatch.setattr(module, "TRY", put(tmp_path, "try_browser.py", TRY))
    monkeypatch.setattr(module, "LONG_WAYS", {})
    return module


def put(folder: Path, name: str, text: str) -> Path:
    """A program there."""
    program = folder / name
    program.write_text(text)
    program.chmod(0o755)
    return program


def run(module: ModuleType, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The script's exit code with these arguments."""
    monkeypatch.setattr(sys, "argv", ["browser.py", *arguments])
    code = module.main()
    assert isinstance(code, int)
    return code


def test_the_first_browser_on_path_that_shows_text_is_taken(
    browser: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "bin", "chromium", "stub")
    good = put(tmp_path / "bin", "google-chrome", "good")
    assert run(browser, monkeypatch, "--once") == 0
    assert (browser.READY / "chromium").resolve() == good
    assert not browser.NEW.exists()


def test_a_browser_that_was_taken_away_is_looked_for_again(
    browser: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = put(tmp_path / "bin", "chromium", "good")
    run(browser, monkeypatch)
    gone.unlink()
    other = put(tmp_path / "bin", "google-chrome", "good")
    assert run(browser, monkeypatch, "--once") == 0
    assert (browser.READY / "chromium").resolve() == other


def test_a_browser_that_is_named_is_left_to_the_tests(
    browser: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TREEWRIGHT_CHROMIUM", "mine")
    assert run(browser, monkeypatch) == 0
    assert not browser.READY.exists()


def test_without_a_browser_the_tests_go_on_and_no_long_way_is_gone_twice(
    browser: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone: list[str] = []
    monkeypatch.setattr(browser, "LONG_WAYS", {"far": lambda: gone.append("far")})
    assert run(browser, monkeypatch, "--once") == 0
    assert run(browser, monkeypatch, "--once") == 0
    assert gone == ["far"]
    assert capsys.readouterr().err.count("no Chromium could be had") == 2
    assert run(browser, monkeypatch) == 1  # asked for by name: make browser
    assert gone == ["far", "far"]


def test_one_that_is_installed_later_is_found(
    browser: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(browser, monkeypatch, "--once")
    put(tmp_path / "bin", "chromium", "good")
    assert run(browser, monkeypatch, "--once") == 0
    assert (browser.READY / "chromium").exists()
    assert not browser.FAILED.exists()


@pytest.fixture
def registry(browser: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A machine whose npm gives a package laid out like the real one; its node copies."""
    ships = tmp_path / "package" / "bin"
    ships.mkdir(parents=True)
    put(ships, "chromium.br", "the binary")
    for packed, member in (("al2023", "lib/libnss3.so"), ("fonts", "fonts/a.ttf")):
        (tmp_path / "member").write_text("shipped")
        with tarfile.open(ships / f"{packed}.tar.br", "w") as archive:
            archive.add(tmp_path / "member", member)
    with tarfile.open(tmp_path / "chromium.tgz", "w:gz") as archive:
        archive.add(tmp_path / "package", "package")
    copy = f'--pack-d*) cp {tmp_path}/chromium.tgz "${{said#*=}}" ;;'
    put(tmp_path / "bin", "npm", f"#!/bin/sh\nfor said; do case $said in {copy} esac; done\n")
    put(tmp_path / "bin", "node", '#!/bin/sh\ncp "$3" "$4"\n')
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path / "bin"), "/usr/bin", "/bin"]))
    monkeypatch.setattr(browser, "ON_PATH", ())
    monkeypatch.setattr(browser.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(browser, "LONG_WAYS", {"registry": browser.from_registry})
    monkeypatch.setattr(browser, "START", "good")
    return browser


def test_the_package_is_laid_out_with_its_libraries_and_its_font(
    registry: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry.PARTS.mkdir(parents=True)
    (registry.PARTS / "half.tgz").write_text("of a set-up that was interrupted")
    assert run(registry, monkeypatch, "--once") == 0
    laid_out = {str(file.relative_to(registry.READY)) for file in registry.READY.rglob("*.*")}
    assert laid_out == {"fonts.conf", "fonts/a.ttf", "lib/libnss3.so"}
    assert os.access(registry.READY / "headless_shell", os.X_OK)
    assert os.access(registry.READY / "chromium", os.X_OK)


def test_a_registry_out_of_reach_leaves_nothing_but_the_reason(
    registry: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "bin", "npm", "#!/bin/sh\necho no route >&2\nexit 1\n")
    assert run(registry, monkeypatch, "--once") == 0
    assert not registry.READY.exists()
    assert not registry.NEW.exists()
    assert "no route" in registry.LOG.read_text()


def test_debians_package_is_left_alone_by_who_is_not_root(
    browser: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "bin", "apt-get", f"#!/bin/sh\ntouch {tmp_path}/installed\n")
    monkeypatch.setattr(browser.os, "geteuid", lambda: 1000)
    monkeypatch.setattr(browser, "LONG_WAYS", {"debian": browser.from_debian})
    assert run(browser, monkeypatch) == 1
    assert not (tmp_path / "installed").exists()


@pytest.mark.parametrize(("named", "told"), [("", "run `make browser`"), ("no-such", "no-such is")])
def test_a_skip_says_what_to_do(
    named: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TREEWRIGHT_CHROMIUM", named)
    monkeypatch.setattr(sys, "prefix", str(tmp_path))
    with pytest.raises(pytest.skip.Exception, match=told):
        chromium_program()
