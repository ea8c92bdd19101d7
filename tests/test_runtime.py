"""Device, dtype and seeds are chosen with a reason and refused with a remedy."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from telos import runtime
from telos.runtime import (
    available_memory_bytes,
    choose_runtime,
    commit,
    generators,
    laid_out,
    machine,
    peak_memory_bytes,
    seed_all,
    versions,
)

WITHOUT_CUDA = pytest.mark.skipif(torch.cuda.is_available(), reason="a GPU is here")


@pytest.fixture(autouse=True)
def _fresh():
    runtime._require_bfloat16_on_cpu.cache_clear()
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    runtime._require_bfloat16_on_cpu.cache_clear()


@WITHOUT_CUDA
def test_without_a_gpu_auto_is_cpu_in_float32_and_says_why() -> None:
    chosen = choose_runtime()
    assert (chosen.device, chosen.dtype) == ("cpu", "float32")
    assert [reason.split(":")[0] for reason in chosen.reasons] == [
        "device",
        "dtype",
        "threads",
        "allocator",
    ]
    assert "CUDA" in chosen.reasons[0]
    assert isinstance(chosen.autocast(), contextlib.nullcontext)


def test_a_gpu_gets_bfloat16_only_if_it_has_it(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "a GPU")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    for has_it, dtype in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(
            torch.cuda, "is_bf16_supported", lambda including_emulation, h=has_it: h
        )
        assert choose_runtime().dtype == dtype
        assert choose_runtime().device == "cuda:0"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"device": "gpu"}, "unknown device 'gpu'; expected auto, cpu"),
        ({"device": "cuda:x"}, "unknown device 'cuda:x'"),
        ({"device": "cuda:99"}, "'cuda:99' is not here.*Use --device auto"),
        ({"dtype": "float16"}, "unknown dtype 'float16'"),
        ({"threads": 0}, "threads is 0, expected at least 1"),
    ],
)
def test_what_does_not_work_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        choose_runtime(**options)


def test_threads_are_set() -> None:
    assert choose_runtime(device="cpu", threads=1).threads == 1
    assert torch.get_num_threads() == 1


@pytest.mark.parametrize(
    ("probe", "message"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGILL)", "killed by SIGILL"),
        ("raise RuntimeError('no such kernel')", "no such kernel"),
    ],
)
def test_a_cpu_that_dies_on_bfloat16_is_found_out_in_time(
    probe, message, monkeypatch
) -> None:
    monkeypatch.setattr(runtime, "_BFLOAT16_PROBE", probe)
    with pytest.raises(ValueError, match=rf"{message}.*Use --dtype float32"):
        choose_runtime(device="cpu", dtype="bfloat16")


def test_a_cpu_with_bfloat16_may_be_asked_for_it(monkeypatch) -> None:
    monkeypatch.setattr(runtime, "_BFLOAT16_PROBE", "pass")
    chosen = choose_runtime(device="cpu", dtype="bfloat16")
    assert chosen.dtype == "bfloat16"
    with chosen.autocast():
        assert torch.get_autocast_dtype("cpu") == torch.bfloat16
        assert torch.is_autocast_enabled("cpu")


def test_a_runtime_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        choose_runtime(device="cpu").device = "cuda"  # type: ignore[misc]


def test_generators_draw_by_their_own_seed_alone() -> None:
    together = [torch.rand(3, generator=g) for g in generators([3, 5, 3])]
    alone = torch.rand(3, generator=torch.Generator().manual_seed(5))
    assert torch.equal(together[1], alone)
    assert torch.equal(together[0], together[2])
    assert not torch.equal(together[0], together[1])


def test_seed_all_repeats_every_global_source() -> None:
    def draws() -> tuple[float, float]:
        return float(torch.rand(())), float(np.random.rand())

    seed_all(7)
    first = draws()
    seed_all(7)
    assert draws() == first
    seed_all(8)
    assert draws() != first


def test_the_machine_is_described() -> None:
    facts = machine()
    assert facts["cores"] >= 1
    assert facts["memory_bytes"] > 2**28
    assert facts["torch"] == torch.__version__
    assert versions()["numpy"] == np.__version__


def test_peak_memory_counts_bytes_of_this_process() -> None:
    before = peak_memory_bytes()
    block = np.ones(64 * 2**20, dtype=np.uint8)
    assert 2**25 < before < 2**40
    assert peak_memory_bytes() >= before
    assert block.any()


def _git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)


def test_the_commit_is_that_of_the_package_only(tmp_path, monkeypatch) -> None:
    file = tmp_path / "site" / "runtime.py"
    file.parent.mkdir()
    file.write_text("x = 1\n")
    monkeypatch.setattr(runtime, "__file__", str(file))
    assert commit() == "unknown"  # no repository at all
    (tmp_path / "mine.txt").write_text("someone else's project")
    _git(tmp_path, "init", "--quiet")
    _git(tmp_path, "add", "mine.txt")
    _git(tmp_path, "commit", "--quiet", "--no-verify", "-m", "theirs")
    assert commit() == "unknown"  # a repository, but not of this file
    _git(tmp_path, "add", "site/runtime.py")
    _git(tmp_path, "commit", "--quiet", "--no-verify", "-m", "ours")
    assert len(commit()) == 12
    file.write_text("x = 2\n")
    assert commit().endswith("+dirty")


def test_a_layout_changes_neither_names_nor_values() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(5, 3), torch.nn.Conv2d(1, 2, 3))
    before = {name: value.clone() for name, value in module.state_dict().items()}
    given = torch.randn(40, 5)
    expected = module[0](given)
    after = laid_out(module)
    assert after is module
    assert all(torch.equal(after.state_dict()[k], v) for k, v in before.items())
    torch.testing.assert_close(after[0](given), expected)
    assert after[0].weight.mT.is_contiguous()


def test_a_process_does_not_inherit_the_peak_of_the_one_that_started_it() -> None:
    held = np.ones(400 * 2**20, np.uint8)
    code = "from telos.runtime import peak_memory_bytes; print(peak_memory_bytes())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert peak_memory_bytes() > len(held)
    assert int(done.stdout) < 200 * 2**20


# --- memory that is left, and places in a team


def fake_system(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("DOT", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


MEMINFO = {"proc__meminfo": "MemTotal: 900 kB\nMemAvailable:   500 kB\n"}
BOX = "sys__fs__cgroup__box__"


def test_what_is_free_is_what_the_machine_says(tmp_path: Path) -> None:
    assert available_memory_bytes(fake_system(tmp_path, **MEMINFO)) == 500 * 1024
    assert available_memory_bytes() > 2**20


@pytest.mark.parametrize(
    ("limit", "left"),
    [("max", 500 * 1024), ("300000", 300000 - 120000 + 20000), ("9000000", 500 * 1024)],
)
def test_a_container_may_leave_less(limit: str, left: int, tmp_path: Path) -> None:
    """Files that were read and can be dropped do not count as used."""
    root = fake_system(
        tmp_path,
        **MEMINFO,
        proc__self__cgroup="0::/box/inner\n",
        **{
            BOX + "memoryDOTmax": limit + "\n",
            BOX + "memoryDOTcurrent": "120000\n",
            BOX + "memoryDOTstat": "anon 90000\ninactive_file 20000\n",
        },
    )
    assert available_memory_bytes(root) == left


def test_where_nothing_is_said_the_whole_machine_counts(tmp_path: Path) -> None:
    assert available_memory_bytes(tmp_path) == machine()["memory_bytes"]


def test_each_process_of_a_team_has_a_gpu_of_its_own(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "a GPU")
    for rank in ("0", "1"):
        monkeypatch.setenv("LOCAL_RANK", rank)
        for asked in ("auto", "cuda"):
            assert choose_runtime(asked, "float32").device == f"cuda:{rank}"
    assert choose_runtime("cuda:0", "float32").device == "cuda:0"
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(ValueError, match="'cuda:2' is not here.*no more processes"):
        choose_runtime("auto", "float32")


FREED = """
import numpy as np
from pathlib import Path
from telos.runtime import _counted, _keep_freed_memory, return_freed_memory

status = Path("/proc/self/status")
_keep_freed_memory()
blocks = [np.ones(2**17) for _ in range(128)]
last = np.ones(2**10)
del blocks
kept = _counted(status, "RssAnon")
return_freed_memory()
print((kept - _counted(status, "RssAnon")) // 2**20)
"""
"""Frees 128 MiB below something that stays."""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux and glibc")
def test_freed_memory_is_kept_until_it_is_returned() -> None:
    done = subprocess.run([sys.executable, "-c", FREED], capture_output=True, text=True)
    assert int(done.stdout) > 100, done.stderr
