#!/bin/sh
# Makes the virtual environment $1, with Recollect (editable) and the development tools at the
# versions that constraints.txt pins. Needs Python 3.11 or newer, and nothing else; uses uv
# where it is at hand, since it takes seconds. An environment that works is kept and completed.
set -eu
venv=$1
cd "$(dirname "$0")/.."

recent='import sys; sys.exit(sys.version_info < (3, 11))'

find_python() {
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11 python; do
        if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c "$recent" >/dev/null 2>&1; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

if ! "$venv/bin/python" -c "$recent" >/dev/null 2>&1; then
    if ! python=$(find_python); then
        echo "Recollect needs Python 3.11 or newer, and none is on PATH. Install one, or name it: make PYTHON=/path/to/python3" >&2
        exit 1
    fi
    echo "Making $venv with $("$python" --version)" >&2
    rm -rf "$venv"
    # Debian's python3 comes without venv's ensurepip; uv does not need it.
    if ! "$python" -m venv "$venv" >/dev/null 2>&1 && ! { rm -rf "$venv"; uv venv --quiet --python "$python" "$venv" 2>/dev/null; }; then
        rm -rf "$venv"
        echo "$python cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv" >&2
        exit 1
    fi
fi

echo "Installing Recollect and its development tools into $venv" >&2
if command -v uv >/dev/null 2>&1 && uv pip install --quiet --python "$venv/bin/python" -c constraints.txt --group dev -e ".[server]"; then
    exit 0
fi
# No uv, or it cannot reach the package index that pip is configured for.
"$venv/bin/python" -m pip --version >/dev/null 2>&1 || "$venv/bin/python" -m ensurepip >/dev/null
# Dependency groups are known to pip since 25.1.
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt --group dev -e ".[server]"
