#!/bin/sh
# Remakes constraints/cpu.txt: resolves pyproject.toml anew in a scratch environment and records
# every version. Local version labels (+cpu) are dropped, so that a constraint fits either build.
set -eu
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
ENGINE=cpu VENV=$scratch/venv CONSTRAINTS=/dev/null FREEZE=$scratch/freeze.txt sh scripts/setup.sh
{
    echo "# The full resolution for ENGINE=cpu: a real install (Linux x86-64, Python $("$scratch/venv/bin/python" -V | cut -d' ' -f2)), as pip froze it."
    echo "# Remake with: make constraints"
    sed 's/+cpu$//' "$scratch/freeze.txt"
} >constraints/cpu.txt
echo "constraints/cpu.txt: $(grep -vc '^#' constraints/cpu.txt) packages"
