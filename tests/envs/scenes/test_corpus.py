"""Training material: possible, varied, the seed's alone, and never the test's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from telos.collect import collect
from telos.data import EpisodeFile, WindowSampler
from telos.envs import NotOfferedError, make_world
from telos.envs.scenes import CONCEPTS, Conditions, quadruplets, track
from telos.envs.scenes.conditions import SPEEDS
from telos.envs.scenes.corpus import training_scene
from telos.envs.scenes.laws import may_be_filmed, paths_of
from telos.envs.scenes.scene import THICKNESS, Scene
from telos.envs.scenes.states import states_of

CONDITIONS = Conditions(objects=3)
SCENES = 150


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [training_scene(seed, CONDITIONS, 0.5) for seed in range(SCENES)]


def test_who_knows_the_laws_is_surprised_by_nothing(scenes: list[Scene]) -> None:
    paths = [paths_of(scene, CONDITIONS.frames) for scene in scenes]
    pairs = zip(scenes, paths, strict=True)
    states = np.stack([states_of(scene, path) for scene, path in pairs])
    assert (track(states) == 0).all()


def test_bodies_keep_out_of_each_other_walls_and_the_ground(
    scenes: list[Scene],
) -> None:
    for scene in scenes:
        path, radius = paths_of(scene, CONDITIONS.frames), scene.radius
        for index, body in enumerate(scene.bodies):
            assert (path[:, index, 1] >= body.lane + radius - 1e-6).all()
            if scene.wall:
                apart = np.abs(path[:, index, 0] - scene.wall.x)
                assert (apart >= radius + THICKNESS / 2 - 1e-9).all()
            for other in range(index):
                if scene.bodies[other].lane == body.lane:
                    apart = np.abs(path[:, index, 0] - path[:, other, 0])
                    assert (apart >= 2 * radius - 1e-9).all()


def test_speeds_never_come_from_nowhere(scenes: list[Scene]) -> None:
    """Elastic meetings hand speeds on: those of a lane stay the same ones."""
    for scene in scenes:
        path = paths_of(scene, CONDITIONS.frames)
        for lane in {body.lane for body in scene.bodies}:
            there = [i for i, b in enumerate(scene.bodies) if b.lane == lane]
            speeds = np.sort(np.abs(path[:, there, 2]), axis=1)
            np.testing.assert_allclose(speeds, speeds[:1].repeat(len(speeds), 0))
            allowed = [
                (low <= speeds) & (speeds <= high) for low, high in SPEEDS["train"]
            ]
            assert (allowed[0] | allowed[1] | (speeds == 0)).all()


def test_there_is_enough_of_everything() -> None:
    conditions = Conditions(objects=2)
    scenes = [training_scene(seed, conditions, 0.5) for seed in range(400)]
    shares = {
        "empty": np.mean([not s.bodies for s in scenes]),
        "wall": np.mean([s.wall is not None for s in scenes]),
        "shelf": np.mean([s.shelf is not None for s in scenes]),
        "screen": np.mean([bool(s.screens) for s in scenes]),
        "falls": np.mean([_changes(s, 3) for s in scenes]),
        "hits": np.mean([_changes(s, 2) for s in scenes]),
    }
    assert 0.18 < shares["empty"] < 0.32
    assert 0.3 < shares["wall"] < 0.45
    assert 0.15 < shares["shelf"] < 0.4
    assert 0.75 < shares["screen"] < 0.9
    assert shares["falls"] > 0.1
    assert shares["hits"] > 0.08


def _changes(scene: Scene, component: int) -> bool:
    """Whether a velocity changes: sideways (2) or up and down (3)."""
    return bool(np.diff(paths_of(scene, 20)[..., component], axis=0).any())


def test_the_batch_does_not_change_a_clip() -> None:
    options = {"objects": 3, "textured": True, "noise": 0.05, "camera": 0.02}
    many, one = (make_world("intuitive-physics", n, **options) for n in (5, 1))
    seeds = [4, 0, 9, 2, 7]
    together = many.reset(seeds)
    for _ in range(3):
        together = many.step(np.zeros((5, 0)))
    for row, seed in enumerate(seeds):
        one.reset([seed])
        for _ in range(3):
            alone = one.step(np.zeros((1, 0)))
        np.testing.assert_array_equal(
            alone.observations["pixels"][0], together.observations["pixels"][row]
        )
        for name, label in alone.labels.items():
            np.testing.assert_array_equal(label[0], together.labels[name][row])


def test_material_never_holds_a_clip_of_the_test() -> None:
    """The same numbers as seeds, the same conditions, all clips staged."""
    world = make_world("intuitive-physics", 64, objects=1, staged=1.0)
    world.reset(range(64))
    film = world._reel[0].pixels  # pyright: ignore[reportAttributeAccessIssue]
    trained = {clip.tobytes() for clip in film}
    tested = {
        clip.tobytes()
        for concept in CONCEPTS
        for split in ("validation", "test")
        for four in quadruplets(concept, "easy", 2, seed=0, split=split).clips
        for clip in four
    }
    assert len(trained) == 64
    assert not trained & tested


def test_a_recording_has_whole_clips_and_labels(tmp_path: Path) -> None:
    world = make_world("intuitive-physics", 4, frames=24, objects=2)
    policy = world.behaviour("mixed")
    summary = collect(world, policy, tmp_path / "a.h5", episodes=6, steps=23)
    assert (summary.episodes, summary.terminated) == (6, 0)
    file = EpisodeFile(tmp_path / "a.h5")
    assert (file.lengths == 24).all()
    assert file.spec.action_dim == 0
    episode = file.episode(2)
    assert episode.actions.shape == (23, 0)
    scene = training_scene(2, Conditions(frames=24, objects=2), 0.5)
    path = paths_of(scene, 24)
    for body in range(len(scene.bodies)):
        place = episode.labels["position"][:, 2 * body : 2 * body + 2]
        np.testing.assert_allclose(place, path[:, body, :2], atol=1e-6)
    assert episode.labels["present"].sum(1)[0] == len(scene.bodies)
    rebuilt = make_world(file.spec.id, 1, **file.spec.options)
    shown = rebuilt.reset([2]).observations["pixels"][0]
    np.testing.assert_array_equal(shown, episode.observations["pixels"][0])


def test_windows_of_a_recording_without_actions(tmp_path: Path) -> None:
    world = make_world("intuitive-physics", 4)
    policy = world.behaviour("mixed")
    collect(world, policy, tmp_path / "a.h5", episodes=4, steps=19)
    recording = EpisodeFile(tmp_path / "a.h5").load()
    window = WindowSampler(recording, length=15, batch=6).batch(0)
    assert window.observations["pixels"].shape == (6, 16, 32, 32, 3)
    assert window.actions.shape == (6, 15, 0)


def test_a_clip_ends_with_its_last_frame(tmp_path: Path) -> None:
    world = make_world("intuitive-physics", 3)
    summary = collect(
        world, world.behaviour("random"), tmp_path / "a.h5", episodes=3, steps=50
    )
    assert summary.terminated == 3
    assert (EpisodeFile(tmp_path / "a.h5").lengths == 20).all()
    last = world.step(np.zeros((3, 0))).observations["pixels"]
    np.testing.assert_array_equal(
        last, world.step(np.zeros((3, 0))).observations["pixels"]
    )


def test_there_is_nothing_to_want() -> None:
    world = make_world("intuitive-physics")
    world.reset([0])
    with pytest.raises(NotOfferedError, match="telos collect intuitive-physics"):
        world.sample_goals("random", [0])
    assert world.limits() == [[]]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"size": 48}, "32, 64"),
        ({"objects": 4}, "1 to 3"),
        ({"frames": 8}, "at least 16"),
        ({"noise": 2.0}, "0 to 0.5"),
        ({"colours": "pink"}, "'held-out'"),
        ({"staged": 1.5}, "from 0 to 1"),
    ],
)
def test_bad_options_are_named(option: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_world("intuitive-physics", **option)


def test_a_choice_that_leaves_no_room_is_made_anew() -> None:
    """What seed 1142 begins with has no room in 32 frames: others are tried."""
    crowded = Conditions(frames=32, objects=3, textured=True, overlay=0.1, noise=0.1)
    scene = training_scene(1142, crowded, 0.5)
    assert may_be_filmed(scene, 32)
