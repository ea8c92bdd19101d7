"""Set-up of all tests: one thread, equal examples, subprocesses that find telos."""

from __future__ import annotations

import os
from pathlib import Path

# Before torch is imported: several test processes share the machine's cores.
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import HealthCheck, settings

SOURCE = Path(__file__).parents[1] / "src"

# Tests start `python -m telos` in processes of their own, installed or not.
os.environ["PYTHONPATH"] = os.pathsep.join(
    part for part in (str(SOURCE), os.environ.get("PYTHONPATH")) if part
)

settings.register_profile(
    "telos",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("telos")
