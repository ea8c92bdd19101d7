"""What the computation runs on: device, dtype, threads, seeds, each with its reason.

torch is imported inside functions, so that the command line can start without it.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import importlib.metadata
import os
import platform
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    import torch

    Module = TypeVar("Module", bound=torch.nn.Module)

Dtype = Literal["float32", "bfloat16"]

_PACKAGES = ("torch", "numpy", "gymnasium", "h5py", "safetensors", "av", "mujoco")

_BFLOAT16_PROBE = """
import torch
x = torch.randn(256, 256, dtype=torch.bfloat16, requires_grad=True)
(torch.nn.functional.linear(x, x) @ x).sum().backward()
"""
"""Matrix products large enough for the processor's matrix unit, both directions."""


_MALLOC_OPTIONS = ((-4, 0), (-1, 2**31 - 1), (-2, 64 << 20))
"""glibc's M_MMAP_MAX, M_TRIM_THRESHOLD and M_TOP_PAD, from malloc.h."""


@dataclass(frozen=True, kw_only=True)
class Runtime:
    """The choices made once at start; everything else is told, not asked."""

    device: str
    """A torch device: cpu, cuda:0, mps."""
    dtype: Dtype
    """Dtype of matrix products under `autocast`; parameters are always float32."""
    threads: int
    """Threads of one CPU operation."""
    reasons: tuple[str, ...]
    """Why each choice fell as it did, for people."""

    def autocast(self) -> AbstractContextManager:
        """Context for the forward pass; does nothing in float32."""
        if self.dtype == "float32":
            return contextlib.nullcontext()
        import torch

        return torch.autocast(self.device.partition(":")[0], dtype=torch.bfloat16)


def choose_runtime(
    device: str = "auto", dtype: str = "auto", threads: int | None = None
) -> Runtime:
    """Choose device, dtype and threads, and set torch's number of threads.

    Args:
        device: auto, cpu, mps, cuda or cuda:N.
        dtype: auto, float32 or bfloat16.
        threads: Threads of one CPU operation; None keeps torch's choice.

    Raises:
        ValueError: If the device or dtype is unknown or does not work here.
    """
    import torch

    if threads is not None:
        if threads < 1:
            raise ValueError(f"threads is {threads}, expected at least 1.")
        torch.set_num_threads(threads)
    chosen_device, device_reason = _choose_device(device)
    chosen_dtype, dtype_reason = _choose_dtype(dtype, chosen_device)
    allocator = _keep_freed_memory()
    used = torch.get_num_threads()
    why = "asked for" if threads is not None else "torch's choice for this machine"
    return Runtime(
        device=chosen_device,
        dtype=chosen_dtype,
        threads=used,
        reasons=(
            f"device: {chosen_device} ({device_reason})",
            f"dtype: {chosen_dtype} ({dtype_reason})",
            f"threads: {used} ({why})",
            f"allocator: {allocator}",
        ),
    )


@functools.cache
def _keep_freed_memory() -> str:
    """Tell glibc to keep freed memory instead of returning it to the system.

    By default every large tensor is mapped and unmapped anew, and the page faults cost
    as much as the arithmetic: small conv nets trained twice as fast without them.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return "system default (no mallopt)"
    done = [mallopt(option, value) for option, value in _MALLOC_OPTIONS]
    return "freed memory is kept" if all(done) else "system default (mallopt refused)"


def return_freed_memory() -> None:
    """Return to the system what is freed, after work that others will not repeat.

    Freed memory is kept for what needs as much again. Where one kind of work ends, the
    holes it leaves fit nothing that follows, and the peak would be the sum of both.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return  # no glibc: freed memory is not kept either
    trim(0)


def _choose_device(device: str) -> tuple[str, str]:
    import torch

    if device == "auto":
        if torch.cuda.is_available():
            chosen, _ = _choose_device("cuda")
            return chosen, torch.cuda.get_device_name(chosen)
        built = torch.version.cuda is not None
        return "cpu", "no CUDA device found" if built else "torch has no CUDA build"
    kind, _, index = device.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not index.isdigit()):
        raise ValueError(
            f"unknown device {device!r}; expected auto, cpu, mps, cuda or cuda:N."
        )
    number = int(index) if index else local_rank()
    if kind == "cuda" and number >= torch.cuda.device_count():
        raise ValueError(
            f"device 'cuda:{number}' is not here ({torch.cuda.device_count()} CUDA "
            "devices found). Use --device auto or --device cpu, and no more processes "
            "than there are devices."
        )
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device 'mps' is not here. Use --device auto or --device cpu.")
    return f"cuda:{number}" if kind == "cuda" else kind, "asked for"


def _choose_dtype(dtype: str, device: str) -> tuple[Dtype, str]:
    import torch

    if dtype not in ("auto", "float32", "bfloat16"):
        raise ValueError(
            f"unknown dtype {dtype!r}; expected auto, float32 or bfloat16."
        )
    if dtype == "float32":
        return "float32", "asked for"
    if dtype == "bfloat16":
        if device == "cpu":
            _require_bfloat16_on_cpu()
        return "bfloat16", "asked for"
    if device.startswith("cuda"):
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return "bfloat16", "autocast: fast on this GPU, parameters stay float32"
        return "float32", "this GPU has no bfloat16 units"
    return "float32", f"safe and exact on {device}"


@functools.cache
def _require_bfloat16_on_cpu() -> None:
    """Try bfloat16 products in a process that may die.

    Some virtual CPUs advertise a matrix unit (AMX) that they do not have: the first
    product then ends the process with SIGILL, which no `except` can catch.
    """
    probe = subprocess.run(
        [sys.executable, "-c", _BFLOAT16_PROBE], capture_output=True, text=True
    )
    if probe.returncode == 0:
        return
    last = (probe.stderr.strip().splitlines() or ["no message"])[-1]
    if probe.returncode < 0:
        last = f"killed by {signal.Signals(-probe.returncode).name}"
    raise ValueError(
        f"bfloat16 matrix products do not work on this CPU ({last}). Use --dtype "
        "float32, the default on CPUs."
    )


def laid_out(module: Module) -> Module:
    """The same module with its matrices in memory as a product reads them.

    A linear layer multiplies with the transpose of its matrix. Stored that way, a few
    dozen rows are multiplied a third faster; results are the same up to rounding.
    """
    import torch

    for layer in module.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.weight.data = layer.weight.data.mT.contiguous().mT
    return module


def generators(seeds: Sequence[int], device: str = "cpu") -> list[torch.Generator]:
    """One generator per seed, so that an environment's draws depend on it alone."""
    import torch

    return [torch.Generator(device).manual_seed(int(seed)) for seed in seeds]


def seed_all(seed: int) -> None:
    """Seed the global generators of Python, numpy and torch (weights draw from it)."""
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)


def machine() -> dict[str, Any]:
    """The machine that a result was measured on."""
    import torch

    gpu = torch.cuda.get_device_name(0) if torch.cuda.is_available() else None
    return {
        "cpu": _cpu_model(),
        "cores": usable_cores(),
        "memory_bytes": _memory_bytes(),
        "gpu": gpu,
        "os": platform.platform(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def versions() -> dict[str, str | None]:
    """Installed versions of the packages that decide a result; None if absent."""
    found: dict[str, str | None] = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def usable_cores() -> int:
    """Cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def commit() -> str:
    """Commit of the source that runs: 12 hex digits, with +dirty when it was edited.

    "unknown" when the package was not imported from its own git checkout; a virtual
    environment inside someone else's repository does not count.
    """
    here = Path(__file__).resolve()
    if _git(here.parent, "ls-files", "--error-unmatch", here.name) is None:
        return "unknown"
    head = _git(here.parent, "rev-parse", "--short=12", "HEAD")
    if not head:
        return "unknown"
    edited = _git(
        here.parent, "status", "--porcelain", "--untracked-files=no", "--", "."
    )
    return f"{head}+dirty" if edited else head


def peak_memory_bytes() -> int:
    """Largest resident memory of this process so far."""
    # What `getrusage` says includes the process that started this one.
    counted = _counted(Path("/proc/self/status"), "VmHWM")
    if counted is not None:
        return counted
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def available_memory_bytes(root: Path = Path("/")) -> int:
    """Memory that this process may still take: of the machine and of its container.

    Where the system does not say what is free, it is all that the machine has.

    Args:
        root: Where the system's files lie.
    """
    limits = [free for folder in _control_groups(root) for free in _left_in(folder)]
    free = _counted(root / "proc/meminfo", "MemAvailable")
    if free is not None:
        limits.append(free)
    return min(limits, default=_memory_bytes())


def _counted(path: Path, name: str) -> int | None:
    """Bytes under a name in a file of Linux's /proc; None where it is not there."""
    lines = path.read_text().splitlines() if path.is_file() else []
    values = {key: value for key, _, value in (line.partition(":") for line in lines)}
    return 1024 * int(values[name].split()[0]) if name in values else None


def _control_groups(root: Path) -> list[Path]:
    """Folders of this process's control group (version 2) and of those around it."""
    own = root / "proc/self/cgroup"
    lines = own.read_text().splitlines() if own.is_file() else []
    paths = [line[3:].strip("/") for line in lines if line.startswith("0::")]
    top = root / "sys/fs/cgroup"
    folders = [top / path for path in paths if path]
    around = [p for f in folders for p in f.parents if p.is_relative_to(top)]
    return list(dict.fromkeys([*folders, *around, top]))


def _left_in(group: Path) -> Iterator[int]:
    """What a control group's limit leaves, where there is one.

    Files that were read and can be dropped again do not count as used.
    """
    limit, used = group / "memory.max", group / "memory.current"
    if not (limit.is_file() and used.is_file()):
        return
    if limit.read_text().strip() == "max":
        return
    lines = (group / "memory.stat").read_text().splitlines()
    stat = dict(line.split() for line in lines)
    yield int(limit.read_text()) - int(used.read_text()) + int(stat["inactive_file"])


def local_rank() -> int:
    """Number of this process among those that `torchrun` started on this machine."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def local_processes() -> int:
    """Processes that `torchrun` started on this machine; 1 without it."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10
        )
    except (FileNotFoundError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
