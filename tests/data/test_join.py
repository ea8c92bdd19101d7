"""Parts become one file: the same one, with images compressed once where possible."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.worlds import drift_spec, make_episode

from telos.data import EpisodeFile, EpisodeWriter, Recording
from telos.data import join as join_module
from telos.data import schema as schema_module
from telos.data import writer as writer_module


def write(path: Path, seeds: range) -> Path:
    with EpisodeWriter(path, drift_spec()) as writer:
        for seed in seeds:
            writer.append(make_episode(seed))
    return path


def same_everywhere(left: Path, right: Path) -> None:
    """Equal datasets, whatever was done to get there."""
    with h5py.File(left) as one, h5py.File(right) as other:
        names: list[str] = []
        one.visit(names.append)
        for name in names:
            if isinstance(one[name], h5py.Dataset):
                np.testing.assert_array_equal(one[name][:], other[name][:])
                assert one[name].chunks == other[name].chunks


@given(
    lengths=st.lists(st.integers(1, 13), min_size=1, max_size=8),
    part_bytes=st.sampled_from([1, 15_000, 40_000]),
)
@settings(max_examples=25, deadline=None)
def test_a_file_in_parts_is_the_file_in_one_piece(
    lengths: list[int], part_bytes: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whether chunks could be copied, and whether parts could end with one."""
    folder = tmp_path_factory.mktemp("parts")
    for name, limit in (("whole.h5", 10**9), ("parts.h5", part_bytes)):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(writer_module, "PART_BYTES", limit)
            with EpisodeWriter(folder / name, drift_spec()) as writer:
                for seed, steps in enumerate(lengths):
                    writer.append(make_episode(seed, steps))
    same_everywhere(folder / "parts.h5", folder / "whole.h5")


@pytest.mark.parametrize(("steps", "unpacked"), [(7, set()), (6, {"pixels"})])
def test_images_are_compressed_once_where_parts_hold_whole_chunks(
    steps: int, unpacked: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of two episodes of 8 frames; and of one of 7, which end within a chunk."""
    streams: set[str] = set()
    write_slab = join_module._write_slab

    def spy(file: h5py.File, slab: Recording, **where: int) -> None:
        streams.update(slab.observations)
        write_slab(file, slab, **where)

    monkeypatch.setattr(writer_module, "PART_BYTES", 20_000 if steps == 7 else 1)
    writer = EpisodeWriter(tmp_path / "a.h5", drift_spec())
    for seed in range(4):
        writer.append(make_episode(seed, steps))
    writer.flush()
    monkeypatch.setattr(join_module, "_write_slab", spy)
    writer.close()
    assert streams == {"state"} | unpacked
    for seed in range(4):
        stored = EpisodeFile(tmp_path / "a.h5").episode(seed).observations["pixels"]
        expected = make_episode(seed, steps).observations["pixels"]
        np.testing.assert_array_equal(stored, expected)


def test_parts_end_with_whole_chunks_where_lengths_allow_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "PART_BYTES", 70_000)
    writer = EpisodeWriter(tmp_path / "a.h5", drift_spec())
    for seed in range(30):
        writer.append(make_episode(seed, 5 + seed % 3))
    parts = sorted((tmp_path / "a.h5.parts").glob("*.h5"))
    frames = [EpisodeFile(part).num_frames for part in parts]
    assert len(frames) >= 3
    assert {count % 4 for count in frames} == {0}
    writer.close()
    assert EpisodeFile(tmp_path / "a.h5").seeds.tolist() == list(range(30))


def test_files_of_longer_chunks_are_joined_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(schema_module, "CHUNK_FRAMES", 16)
        write(tmp_path / "a.h5", range(4))
    with EpisodeWriter(tmp_path / "a.h5", drift_spec(), append=True) as writer:
        for seed in range(4, 6):
            writer.append(make_episode(seed))
    write(tmp_path / "b.h5", range(6))
    same_everywhere(tmp_path / "a.h5", tmp_path / "b.h5")


def test_a_single_part_becomes_the_file(tmp_path: Path) -> None:
    writer = EpisodeWriter(tmp_path / "a.h5", drift_spec())
    writer.append(make_episode(0))
    writer.flush()
    [part] = (tmp_path / "a.h5.parts").glob("*.h5")
    number = part.stat().st_ino
    writer.close()
    assert (tmp_path / "a.h5").stat().st_ino == number
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5"]


def test_a_damaged_part_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_module, "PART_BYTES", 1)
    writer = EpisodeWriter(tmp_path / "a.h5", drift_spec())
    for seed in range(2):
        writer.append(make_episode(seed, 7))
    part = tmp_path / "a.h5.parts" / "000001.h5"
    sources = [EpisodeFile(path) for path in sorted(part.parent.glob("*.h5"))]
    content = part.read_bytes()
    monkeypatch.setattr(writer, "_sources", lambda: sources)
    part.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"000001\.h5 is truncated or damaged"):
        writer.close()
    part.write_bytes(content)
    writer.close()
    assert EpisodeFile(tmp_path / "a.h5").num_episodes == 2
