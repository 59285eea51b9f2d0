"""How the threads of torch wait for one another on the CPU.

Between two parallel loops, a thread of GNU OpenMP spins for milliseconds before it sleeps. On a
machine with other work, the thread that it waits for may not even run, and spinning takes the
processor away from it. `docs/performance.md` has the figures. OpenMP reads its settings when torch
is imported, so they must be in the environment before that.
"""

import os
import sys
from collections.abc import MutableMapping

POLICY = 'OMP_WAIT_POLICY'
#: Settings with which the user has decided how threads wait.
CHOICES = (POLICY, 'GOMP_SPINCOUNT', 'KMP_BLOCKTIME')


def wait_without_spinning(environment: MutableMapping[str, str] = os.environ) -> bool:
    """Let waiting threads sleep at once, unless the user chose otherwise or torch is imported.

    Args:
        environment: Where the setting goes; processes that are started later inherit it.

    Returns:
        Whether the setting was made.
    """
    if 'torch' in sys.modules or any(name in environment for name in CHOICES):
        return False
    environment[POLICY] = 'PASSIVE'
    return True
