"""The codec is reversible, its messages name the place, writes are all or nothing."""

from __future__ import annotations

import errno
import hashlib
import math
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.config import (
    atomic_write,
    digest,
    from_dict,
    jsonable,
    load_json,
    save_json,
    to_dict,
)


@dataclass(frozen=True, kw_only=True)
class Layer:
    width: int
    kind: Literal["conv", "linear"] = "conv"


@dataclass(frozen=True, kw_only=True)
class Net:
    layers: tuple[Layer, ...]
    head: Layer | None = None
    rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    source: Path = Path("data.h5")
    names: list[str] = field(default_factory=list)
    weights: dict[str, float] = field(default_factory=dict)
    flip: bool = False


NET = Net(
    layers=(Layer(width=3), Layer(width=5, kind="linear")),
    head=Layer(width=1),
    names=["a"],
    weights={"effort": 0.5},
)


def test_round_trip_through_a_file(tmp_path: Path) -> None:
    save_json(tmp_path / "net.json", to_dict(NET))
    assert from_dict(Net, load_json(tmp_path / "net.json")) == NET


@settings(max_examples=50)
@given(
    rate=st.floats(allow_nan=False),
    widths=st.lists(st.integers(), max_size=4),
    weights=st.dictionaries(st.text(max_size=5), st.floats(allow_nan=False)),
)
def test_round_trip_is_exact_for_every_number(rate, widths, weights) -> None:
    net = Net(layers=tuple(Layer(width=w) for w in widths), rate=rate, weights=weights)
    assert from_dict(Net, to_dict(net)) == net


def test_nan_survives_the_codec() -> None:
    stored = to_dict(Net(layers=(), rate=math.nan))
    assert math.isnan(from_dict(Net, stored).rate)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ratee": 1.0}, r"unknown key 'ratee'; did you mean 'rate'\?"),
        ({"head": {"widht": 1}}, r"unknown key 'head.widht'; did you mean 'width'\?"),
        ({"head": {"kind": "conv"}}, r"missing key 'head.width'; Layer has no default"),
        ({"layers": [{"width": 1}, {"width": "x"}]}, r"layers\[1\].width: got 'x'"),
        ({"layers": [{"width": 1.5}]}, r"layers\[0\].width: got 1.5 \(float\)"),
        ({"layers": [{"width": True}]}, r"layers\[0\].width: got True"),
        ({"head": {"width": 1, "kind": "lstm"}}, r"head.kind.*'conv', 'linear'"),
        ({"betas": [0.9]}, r"betas: got \[0.9\] \(list\), expected a list of 2 items"),
        ({"weights": {"effort": None}}, r"weights.effort: got None.*expected float"),
        ({"names": "abc"}, r"names: got 'abc' \(str\), expected a list"),
        ({"flip": 1}, r"flip: got 1 \(int\), expected bool"),
        ({"source": 3}, r"source: got 3 \(int\), expected Path"),
    ],
)
def test_messages_name_the_place_and_the_remedy(change: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_dict(Net, {**to_dict(NET), **change})


def test_absent_keys_take_their_defaults() -> None:
    assert from_dict(Net, {"layers": []}) == Net(layers=())


def test_a_union_of_dataclasses_takes_the_one_that_fits() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Holder:
        part: Layer | Net

    # The annotation above is local, so it is resolved by hand.
    Holder.__annotations__["part"] = Layer | Net
    assert from_dict(Holder, {"part": to_dict(NET)}).part == NET


def test_a_tensor_is_no_configuration() -> None:
    with pytest.raises(TypeError, match="ndarray has no place"):
        to_dict({"x": np.zeros(2)})


def test_digest_is_the_documented_one_and_ignores_key_order() -> None:
    expected = hashlib.sha256(b'{"a":1,"b":[2.5,"x"]}').hexdigest()[:16]
    assert digest({"b": (2.5, "x"), "a": 1}) == expected
    assert digest({"a": 1, "b": [2.5, "x"]}) == expected
    assert digest({"a": 2, "b": [2.5, "x"]}) != expected


def test_results_become_strict_json() -> None:
    result = {
        "array": np.array([1.0, np.nan]),
        "scalar": np.float32(0.5),
        "count": np.int64(3),
        "path": Path("a/b"),
        "layer": Layer(width=2),
        "infinite": math.inf,
    }
    assert jsonable(result) == {
        "array": [1.0, None],
        "scalar": 0.5,
        "count": 3,
        "path": "a/b",
        "layer": {"width": 2, "kind": "conv"},
        "infinite": None,
    }


def test_load_json_refuses_what_is_missing_or_damaged(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no file"):
        load_json(tmp_path / "none.json")
    (tmp_path / "cut.json").write_text('{"a": 1')
    with pytest.raises(ValueError, match="not valid JSON"):
        load_json(tmp_path / "cut.json")
    (tmp_path / "image.json").write_bytes(b"\x89PNG\xff\xfe")
    with pytest.raises(ValueError, match="not valid JSON"):
        load_json(tmp_path / "image.json")


def test_atomic_write_takes_bytes_or_a_writer_that_sees_the_suffix(tmp_path) -> None:
    atomic_write(tmp_path / "deep" / "a.bin", b"123")
    assert (tmp_path / "deep" / "a.bin").read_bytes() == b"123"
    atomic_write(tmp_path / "b.npz", lambda path: np.savez(path, x=np.arange(3)))
    assert np.load(tmp_path / "b.npz")["x"].tolist() == [0, 1, 2]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.npz", "deep"]


def test_a_writer_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a.txt"
    target.write_text("old")

    def half(path: Path) -> None:
        path.write_text("new, but o")
        raise RuntimeError("the writer broke")

    with pytest.raises(RuntimeError, match="the writer broke"):
        atomic_write(target, half)
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("where", ["write", "replace"])
def test_a_full_disk_is_explained_and_loses_nothing(where, tmp_path, monkeypatch):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def full(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if where == "write":
        monkeypatch.setattr(Path, "write_bytes", full)
    else:
        monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match=r"disk is full.*a\.txt.*Free some") as caught:
        atomic_write(target, b"new")
    assert caught.value.errno == errno.ENOSPC
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
