#!/usr/bin/env bash
# Makes .venv at the repository root, with the stack of requirements/ and this package.
#
#   PYTHON=python3.11 TORCH=torch==2.13.0 bash tools/setup_env.sh [GOAL]
#
# Does nothing where .venv is complete and made for the same requirements. GOAL is the make goal
# that messages name.
set -Eeuo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

goal=${1:-setup}
venv=.venv
venv_python=$venv/bin/python
owned=$venv/made-by-rsn_mm  # there from the first moment: what may be removed and made anew
stamp=$venv/setup-complete  # there from the last moment: all that .venv was made from
minimum=3.10

fail() { echo "setup: $*" >&2; exit 1; }
say() { echo "setup: $*"; }
ask() { "$1" -c "import sys; print($2)" 2> /dev/null; }

# Two goals started at the same time must not write into one .venv.
if command -v flock > /dev/null; then
    exec 9> .venv.lock
    flock --nonblock 9 || { say 'waiting for another setup'; flock 9; }
fi

# What is not named stays as it was chosen before: `make test` must not undo `make setup TORCH=...`.
made_with=$(ask "$venv_python" 'sys._base_executable if sys.prefix != sys.base_prefix else ""' || true)
python=${PYTHON:-${made_with:-python3}}
torch=${TORCH:-$(sed -n 's/^torch: //p' "$stamp" 2> /dev/null || true)}
torch=${torch:--r requirements/torch.txt}

key() {
    echo "path: $PWD"
    echo "python: $(ask "$1" 'sys.version.replace("\n", " ")')"
    echo "torch: $torch"
    cat requirements/*.txt setup.cfg pyproject.toml tools/setup_env.sh
}

if [[ -f $stamp ]] && key "${PYTHON:-$venv_python}" | cmp -s - "$stamp"; then
    exit 0
fi

# --- What is needed before anything is touched ----------------------------------------------

command -v "$python" > /dev/null ||
    fail "there is no '$python'; install Python $minimum or newer, or name one: PYTHON=python3.11 make $goal"
number=$(ask "$python" '"%d.%d.%d" % sys.version_info[:3]') || number=
number=${number##* }
[[ $number =~ ^[0-9]+\.[0-9]+ ]] ||
    fail "'$python' does not run as a Python; name another: PYTHON=python3.11 make $goal"
IFS=. read -r major minor _ <<< "$number"
if ((major < ${minimum%.*} || (major == ${minimum%.*} && minor < ${minimum#*.}))); then
    fail "'$python' is Python $number, and rsn_mm needs $minimum or newer; name one: PYTHON=python3.11 make $goal"
fi
"$python" -c 'import venv, ensurepip' 2> /dev/null ||
    fail "'$python' has no venv module; install it: apt-get install python$major.$minor-venv"
compiler=${CC:-$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("CC") or "cc")')}
command -v "${compiler%% *}" > /dev/null ||
    fail "there is no C compiler '${compiler%% *}', which xtcocotools is built with; install one: apt-get install gcc python$major.$minor-dev"
[[ -f $("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h ]] ||
    fail "'$python' has no Python.h, which xtcocotools is built with; install it: apt-get install python$major.$minor-dev"
if [[ -e $venv && ! -e $owned && -n $(ls -A "$venv") ]]; then
    fail "$venv is there and was not made by this script; move it away: mv $venv $venv.mine"
fi

# --- From nothing each time: an interrupted installation leaves no half-installed package -----

if [[ -e $stamp ]]; then
    say 'the requirements have changed, making .venv anew'
elif [[ -e $owned ]]; then
    say 'the last setup did not finish, making .venv anew'
else
    say "making .venv with Python $number"
fi
# In this order: whenever this is cut off, .venv is neither taken for complete nor for another's.
rm -f "$stamp"
mkdir -p "$venv"
touch "$owned"
find "$venv" -mindepth 1 -maxdepth 1 ! -path "$owned" -exec rm -rf {} +

step='making the virtual environment'
trap 'fail "$step failed, for the reason above; when that is mended, run again: make $goal"' ERR
"$python" -m venv "$venv"

pip_install() {
    step="installing $1"
    say "$step"
    # pip compiles modules on one core, which takes almost half of the time; all cores do, below.
    "$venv_python" -m pip install -qq --disable-pip-version-check --no-compile "${@:2}"
}

# shellcheck disable=SC2086  # TORCH may hold options beside the requirement
pip_install "torch ($torch) and what MMPose imports" $torch \
    -r requirements/build.txt -r requirements/runtime.txt -r requirements/tests.txt
pip_install 'MMPose' --no-deps -r requirements/openmmlab.txt
# Without this folder in PYTHONPATH, its setup.py fails on Python 3.13.
PYTHONPATH=$PWD/rsn_mm/compat/xtcocotools_build \
    pip_install 'xtcocotools, from source' --no-deps --no-build-isolation -r requirements/xtcocotools.txt
pip_install 'rsn_mm' --no-deps --no-build-isolation -e .

step='compiling the modules'
say "$step"
# It fails for the few that are not modules but templates, or are for another Python.
"$venv_python" -m compileall -qq -j 0 "$venv/lib" > /dev/null 2>&1 || true

step='importing rsn_mm'
say "$step"
"$venv_python" -W ignore -c 'import os; os.chdir("/"); import rsn_mm, mmpose.apis'

# The rename is atomic: the stamp is whole or not there.
key "$venv_python" > "$stamp.part"
mv "$stamp.part" "$stamp"
say 'done'
