"""Folders as the benchmarks are given out, made small, are read and scored."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.evaluation.surprise.clips_on_disk import large, write_pictures, write_video
from tests.evaluation.surprise.stimuli import Remembers, permanence

from telos.evaluation.surprise.controls import FrameDifference
from telos.evaluation.surprise.layouts import (
    READERS,
    read_frames,
    read_layout,
    score_cases,
)


def intphys(root: Path) -> Path:
    """Members in an order of their own in each scene, as in the original."""
    for scene, members in enumerate(permanence(2), start=1):
        order = [2, 0, 3, 1] if scene == 1 else [0, 3, 2, 1]
        for place, member in enumerate(order, start=1):
            folder = root / "dev" / "O1" / f"{scene:02d}" / str(place)
            write_pictures(folder / "scene", members[member])
            header = {"header": {"is_possible": member < 2}, "frames": []}
            (folder / "status.json").write_text(json.dumps(header))
    return root / "dev"


def intphys2(root: Path) -> Path:
    lines = ["SceneIndex,condition,type,filename"]
    names = ["1_Possible", "2_Possible", "1_Impossible", "2_Impossible"]
    for scene, members in enumerate(permanence(2)):
        for name, clip in zip(names, members, strict=True):
            file = f"scene{scene}_{name}"
            write_video(root / "Main" / "Videos" / f"{file}.mp4", large(clip))
            lines.append(f"{scene},Permanence,{name},{file}")
    (root / "Main" / "metadata.csv").write_text("\n".join(lines))
    return root / "Main"


def grasp(root: Path) -> Path:
    for number, members in enumerate(permanence(2)):
        for kind, member in (("P", 0), ("IP", 2)):
            folder = root / "level2" / f"{kind}_ObjectPermanence"
            write_video(folder / f"{number}.mp4", large(members[member]))
    return root


def inflevel(root: Path) -> Path:
    for members in permanence(1):
        for kind, clip in zip(("vv", "ii", "vi", "iv"), members, strict=True):
            name = f"center__continuity__cup__duck__{kind}__LR.mp4"
            write_video(root / "lab" / "continuity" / name, large(clip))
        for kind, member in (("ui", 0), ("uv", 2)):
            name = f"side__gravity__tube__duck__{kind}.mp4"
            # Real videos of a pair are often a few frames apart.
            clip = large(members[member])[: 15 if kind == "uv" else 16]
            write_video(root / "lab" / "gravity" / name, clip)
    return root / "lab"


MAKERS = {
    "intphys": intphys,
    "intphys2": intphys2,
    "grasp": grasp,
    "inflevel": inflevel,
}


@pytest.fixture(scope="module")
def roots(tmp_path_factory) -> dict[str, Path]:
    return {n: make(tmp_path_factory.mktemp(n)) for n, make in MAKERS.items()}


class Bright(Remembers):
    """`Remembers`, for pictures that went through a codec."""

    def trace(self, clips, memory=None):
        exact = np.where(clips[..., 2:] > 160, 200, 0).astype(np.uint8)
        return super().trace(np.repeat(exact, 3, axis=-1), memory)


@pytest.mark.parametrize("name", sorted(READERS))
def test_what_understands_scores_full_marks(name: str, roots) -> None:
    cases = read_layout(name, roots[name])
    for scores in score_cases(Bright(), cases, size=(16, 16), step=1):
        assert scores.pairwise.mean == 1.0
        assert (scores.auroc_mean, scores.auroc_max) == (1.0, 1.0)
        if name in ("intphys", "intphys2") or scores.concept == "continuity":
            assert scores.contrast is not None
            assert scores.contrast.mean == 1.0
        else:
            assert scores.contrast is None


def test_exact_pictures_leave_a_control_at_chance(roots) -> None:
    (scores,) = score_cases(
        FrameDifference(), read_layout("intphys", roots["intphys"]), size=None, step=1
    )
    assert (scores.concept, scores.scenes) == ("permanence", 2)
    assert scores.contrast is not None
    assert scores.contrast.mean == 0.5


def test_intphys_pairs_begin_alike_whatever_their_numbers(roots) -> None:
    from telos.evaluation.surprise.layouts.case import pairs_of

    for case in read_layout("intphys", roots["intphys"]):
        clips = [read_frames(path, None, 1) for path in case.videos]
        for possible, impossible in pairs_of(clips, case):
            first, second = clips[possible], clips[impossible]
            assert (first[:8] == second[:8]).all()
            assert (first != second).any()


def test_what_the_readers_find(roots) -> None:
    found = {n: read_layout(n, roots[n]) for n in READERS}
    assert [case.name for case in found["intphys"]] == ["O1/01", "O1/02"]
    assert read_layout("intphys", roots["intphys"] / "O1") == found["intphys"]
    assert [case.concept for case in found["intphys2"]] == ["permanence"] * 2
    assert [case.name for case in found["grasp"]] == [
        "ObjectPermanence/0.mp4",
        "ObjectPermanence/1.mp4",
    ]
    assert read_layout("grasp", roots["grasp"] / "level2") == found["grasp"]
    sizes = [(c.concept, len(c.videos)) for c in found["inflevel"]]
    assert sizes == [("continuity", 4), ("gravity", 2)]


def test_frames_are_taken_at_a_step_and_resized(roots) -> None:
    video = roots["grasp"] / "level2" / "P_ObjectPermanence" / "0.mp4"
    assert read_frames(video, (8, 12), 5).shape == (4, 8, 12, 3)
    with pytest.raises(ValueError, match="take a smaller step"):
        read_frames(video, None, 16)


def copy(roots, name: str, tmp_path: Path) -> Path:
    shutil.copytree(roots[name], tmp_path / "copy")
    return tmp_path / "copy"


def test_a_test_set_without_answers_is_refused(roots, tmp_path: Path) -> None:
    root = copy(roots, "intphys", tmp_path)
    (root / "O1" / "01" / "2" / "status.json").unlink()
    with pytest.raises(FileNotFoundError, match="scored by its makers"):
        read_layout("intphys", root)
    root.joinpath("O1", "01", "2", "status.json").write_text('{"header": {}}')
    with pytest.raises(ValueError, match="no header.is_possible"):
        read_layout("intphys", root)
    all_possible = '{"header": {"is_possible": true}}'
    for number in "1234":
        root.joinpath("O1", "01", number, "status.json").write_text(all_possible)
    with pytest.raises(ValueError, match="4 possible and 0 impossible"):
        read_layout("intphys", root)


def test_tables_that_lie_are_refused(roots, tmp_path: Path) -> None:
    root = copy(roots, "intphys2", tmp_path)
    table = root / "metadata.csv"
    text = table.read_text()
    table.write_text(text.replace("scene1_2_Impossible", "../../secret"))
    with pytest.raises(ValueError, match="outside of the folder"):
        read_layout("intphys2", root)
    table.write_text(text.replace("scene1_2_Impossible", "gone"))
    with pytest.raises(FileNotFoundError, match="gone.mp4, named in metadata.csv"):
        read_layout("intphys2", root)
    table.write_text(text.replace("2_Impossible,", "3_Impossible,"))
    with pytest.raises(ValueError, match="lacks videos of type"):
        read_layout("intphys2", root)
    table.write_text(text.replace("SceneIndex", "Scene"))
    with pytest.raises(ValueError, match="lacks the columns"):
        read_layout("intphys2", root)


def test_lonely_videos_are_named(roots, tmp_path: Path) -> None:
    root = copy(roots, "grasp", tmp_path)
    (root / "level2" / "IP_ObjectPermanence" / "1.mp4").unlink()
    with pytest.raises(ValueError, match="'1.mp4'. stand only on one side"):
        read_layout("grasp", root)
    shutil.rmtree(root / "level2" / "IP_ObjectPermanence")
    with pytest.raises(FileNotFoundError, match="is missing beside P_Object"):
        read_layout("grasp", root)


def test_a_name_of_another_kind_is_refused(roots, tmp_path: Path) -> None:
    root = copy(roots, "inflevel", tmp_path)
    video = next((root / "gravity").glob("*.mp4"))
    video.rename(video.with_name("side__gravity__tube__duck__vv.mp4"))
    with pytest.raises(ValueError, match="with a type of ui, cv, uv, ci"):
        read_layout("inflevel", root)


@pytest.mark.parametrize("name", sorted(READERS))
def test_another_folder_says_what_was_expected(name: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="give the folder"):
        read_layout(name, tmp_path)
    with pytest.raises(FileNotFoundError, match="is no folder"):
        read_layout(name, tmp_path / "none")


def test_a_damaged_video_is_named(roots, tmp_path: Path) -> None:
    root = copy(roots, "grasp", tmp_path)
    video = root / "level2" / "P_ObjectPermanence" / "0.mp4"
    video.write_bytes(video.read_bytes()[:400])
    with pytest.raises(ValueError, match=r"0\.mp4"):
        score_cases(FrameDifference(), read_layout("grasp", root), size=None, step=1)
    with pytest.raises(ValueError, match="unknown layout 'grap'"):
        read_layout("grap", root)
