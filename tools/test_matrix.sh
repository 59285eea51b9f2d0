#!/usr/bin/env bash
# Runs the tests on several versions of Python and torch, each in a clone of HEAD with a .venv.
#
#   bash tools/test_matrix.sh FOLDER [ROW...]
#
# A row is PYTHON=REQUIREMENTS, such as 'python3.10=torch==2.6.0 numpy==1.26.4'; without
# requirements the torch is that of requirements/torch.txt. Without rows, all of them are run.
# Tests of videos are left out with NumPy 1, because the package trackers needs NumPy 2, and tests of
# exports with torch 2.6, whose exporter refuses some networks.
# PYTEST_ARGS selects tests. A .venv takes 1 to 6 GB; each is removed after its row.
set -euo pipefail

folder=${1:?the folder for the clones is missing}
shift
mkdir -p "$folder"
repository=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
folder=$(cd "$folder" && pwd)
rows=("$@")
if ((${#rows[@]} == 0)); then
    # The pins of opencv-python and ml_dtypes spare pip a long search.
    rows=('python3.10=torch==2.6.0 numpy==1.26.4 opencv-python==4.11.0.86 ml_dtypes==0.5.4'
        python3.10= python3.11= python3.12= python3.13= 'python3.13=torch torchvision')
fi

versions='
import platform
from importlib.metadata import version
print("Python", platform.python_version(), *(f"{n} {version(n)}" for n in ("torch", "numpy")))'
failed=0
for i in "${!rows[@]}"; do
    row=${rows[i]}
    [[ $row == *=* ]] || { echo "test_matrix: row '$row', expected PYTHON=REQUIREMENTS" >&2; exit 2; }
    clone=$folder/$i
    log=$folder/$i.log
    rm -rf "$clone"
    git clone -q "$repository" "$clone"
    what=$row
    left_out=
    if [[ $row == *numpy==1.* ]]; then
        sed -i '/^trackers/d' "$clone/requirements/tests.txt"
        left_out=' or video'
    fi
    [[ $row != *torch==2.6.* ]] || left_out+=' or export or deployment'
    selection=(${PYTEST_ARGS:-})  # several arguments
    [[ -z $left_out ]] || selection+=(-k "not (${left_out# or })")
    if ! make -C "$clone" setup PYTHON="${row%%=*}" TORCH="${row#*=}" > "$log" 2>&1; then
        result='setup failed'
    else
        what=$("$clone/.venv/bin/python" -c "$versions")
        (cd "$clone" && OMP_NUM_THREADS=1 .venv/bin/python -m pytest -q "${selection[@]}") \
            >> "$log" 2>&1 && passed=1 || passed=0
        result=$(grep -E '(passed|failed|error).* in [0-9.]+s' "$log" | tail -n 1 | tr -d '=' || true)
        ((passed)) || result="FAILED: ${result:-ended before its summary}"
    fi
    echo "$what: $result ($log)"
    [[ $result != 'setup failed' && $result != FAILED* ]] || failed=1
    rm -rf "$clone"
done
exit "$failed"
