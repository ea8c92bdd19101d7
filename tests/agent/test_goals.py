"""Goals of a run that knows no world: files, conditions, functions, lists of them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.learning.worlds import (
    dots,
    labelled,
    tiny_config,
    tiny_model,
    walk_episode,
    walk_spec,
    walks,
    write_run,
)

from telos.agent import (
    Deliberation,
    Wishes,
    condition,
    foresee,
    load_agent,
    observed,
    predicate,
    read_frames,
    read_goals,
)
from telos.agent.frames import Seen, encode
from telos.cli import plan as plan_verb
from telos.cli.common import CommonOptions
from telos.cli.main import main
from telos.data.recording import Recording
from telos.data.writer import EpisodeWriter
from telos.envs.world import StreamSpec
from telos.perception.backbone import BackboneConfig
from telos.types import Episode

SETTINGS = ("samples=24", "iterations=2", "horizon=4")
FEW = Deliberation(samples=24, iterations=2, horizon=4)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A run of a world that no catalogue knows; what it sees is a vector."""
    path = tmp_path_factory.mktemp("goals") / "run"
    return write_run(path, tiny_config(), labelled(walks(12)))


@pytest.fixture(scope="module")
def demo(tmp_path_factory) -> Path:
    """Two episodes of that world."""
    path = tmp_path_factory.mktemp("demo") / "demo.h5"
    with EpisodeWriter(path, walk_spec()) as writer:
        for seed in (100, 101):
            writer.append(walk_episode(seed))
    return path


@pytest.fixture(scope="module")
def seeing(tmp_path_factory) -> Path:
    """A run that sees images of 32 x 32 pixels, two at a time, two steps apart."""
    images, places = dots(40)
    shown = StreamSpec(shape=(32, 32, 3), dtype="uint8")
    label = StreamSpec(shape=(2,), dtype="float32", unit="m")
    spec = walk_spec(streams={"pixels": shown}, labels={"place": label})
    episodes = [
        Episode(
            observations={"pixels": images[first : first + 10]},
            labels={"place": places[first : first + 10]},
            actions=np.zeros((9, 2), np.float32),
        )
        for first in range(0, 40, 10)
    ]
    model = tiny_model(
        streams={"pixels": (32, 32, 3)},
        action_dim=4,
        frame_skip=2,
        history=2,
        backbone=BackboneConfig(channels=4, width=16, downsample=2),
    )
    path = tmp_path_factory.mktemp("seeing") / "run"
    recording = Recording.from_episodes(episodes, spec)
    return write_run(path, tiny_config(model=model), recording)


def picture(path: Path, number: int = 0, size: int = 32) -> Path:
    Image.fromarray(dots(5, size)[0][number]).save(path)
    return path


# --- observations


def test_a_frame_of_an_episode_comes_with_what_was_seen_before(demo: Path) -> None:
    truth = walk_episode(101).observations["state"]
    seen = Seen(streams=walk_spec().streams, history=3, frame_skip=4)
    found = read_frames(f"{demo}:1:9", seen)
    assert [f["state"].shape for f in found] == [(1, 4)] * 3
    rows = np.concatenate([f["state"] for f in found])
    np.testing.assert_array_equal(rows, truth[[1, 5, 9]])
    early = read_frames(f"{demo}:1:5", seen)
    np.testing.assert_array_equal(early[0]["state"][0], truth[1])
    assert len(early) == 2
    np.testing.assert_array_equal(
        read_frames(f"{demo}:1:-1", seen)[-1]["state"][0], truth[-1]
    )


def test_arrays_are_one_frame_or_several(tmp_path: Path) -> None:
    seen = Seen(streams=walk_spec().streams, history=2)
    rows = walk_episode(0).observations["state"][:3]
    np.savez(tmp_path / "one.npz", state=rows[0])
    np.savez(tmp_path / "three.npz", state=rows)
    assert len(read_frames(str(tmp_path / "one.npz"), seen)) == 1
    two = read_frames(str(tmp_path / "three.npz"), seen)
    np.testing.assert_array_equal(np.concatenate([f["state"] for f in two]), rows[1:])


def test_observations_that_do_not_fit_are_refused(demo: Path, tmp_path: Path) -> None:
    seen = Seen(streams=walk_spec().streams)
    wrong = tmp_path / "wrong.npz"
    np.savez(wrong, state=np.zeros(3, np.float32), other=np.zeros(4))
    objects = tmp_path / "objects.npz"
    np.savez(objects, state=np.array([{"a": 1}], dtype=object))
    (tmp_path / "text.png").write_text("no image")
    images = Seen(streams={"pixels": StreamSpec(shape=(64, 64, 3), dtype="uint8")})
    small = picture(tmp_path / "small.png")
    for text, where, words in (
        (f"{demo}:2:0", seen, "episodes 0 to 1, not 2"),
        (f"{demo}:0:31", seen, "frames 0 to 30, not 31"),
        (str(wrong), seen, "shape"),
        (str(objects), seen, "cannot be read"),
        (f"{demo}:0:0", images, "no 'pixels'"),
        (str(tmp_path / "text.png"), images, "not an image"),
        (str(small), images, "32 x 32 pixels; the run sees 64 x 64"),
        (str(small), seen, "is one image"),
        ("now.gif", images, "no observation; expected"),
    ):
        with pytest.raises(ValueError, match=words):
            read_frames(text, where)
    with pytest.raises(FileNotFoundError, match="check the path"):
        read_frames(str(tmp_path / "none.png"), images)


def blocks(size: tuple[int, int], factor: int) -> tuple[np.ndarray, np.ndarray]:
    """A picture, and the same with ``factor`` pixels of noise for each of its own."""
    rng = np.random.default_rng(0)
    small = rng.integers(20, 236, (*size, 3))
    noise = rng.integers(-9, 10, (*size, factor * factor // 2, 3))
    # Noise and its mirror image: every block has the mean of its pixel exactly.
    block = np.concatenate([noise, -noise], axis=2).reshape(*size, factor, factor, 3)
    large = (small[:, :, None, None] + block).transpose(0, 2, 1, 3, 4)
    large = large.reshape(size[0] * factor, size[1] * factor, 3)
    return small.astype(np.uint8), large.astype(np.uint8)


def seeing_size(*shape: int) -> Seen:
    return Seen(streams={"pixels": StreamSpec(shape=shape, dtype="uint8")}, resize=True)


def test_larger_pictures_are_averaged_where_that_is_asked_for(tmp_path: Path) -> None:
    small, large = blocks((24, 32), 4)
    Image.fromarray(large).save(tmp_path / "large.png")
    np.savez(tmp_path / "large.npz", pixels=np.stack([large, large]))
    seen = seeing_size(24, 32, 3)
    for name in ("large.png", "large.npz"):
        found = read_frames(str(tmp_path / name), seen)[-1]["pixels"]
        np.testing.assert_array_equal(found[0], small)
        with pytest.raises(ValueError, match="128 x 96 pixels; .* 32 x 24: .*--resize"):
            read_frames(str(tmp_path / name), replace(seen, resize=False))


def test_grey_pictures_stay_grey_when_they_are_averaged(tmp_path: Path) -> None:
    small, large = blocks((8, 8), 2)
    Image.fromarray(large[..., 0]).save(tmp_path / "large.png")
    (found,) = read_frames(str(tmp_path / "large.png"), seeing_size(8, 8, 1))
    np.testing.assert_array_equal(found["pixels"], small[None, ..., :1])


def test_frames_of_the_right_size_are_the_same_with_and_without(tmp_path: Path) -> None:
    path, seen = str(picture(tmp_path / "now.png")), seeing_size(32, 32, 3)
    (asked,) = read_frames(path, seen)
    (plain,) = read_frames(path, replace(seen, resize=False))
    np.testing.assert_array_equal(plain["pixels"], asked["pixels"])


@pytest.mark.parametrize(
    ("size", "sees", "words"),
    [
        ((64, 48), (32, 32), "would distort"),
        ((64, 66), (64, 64), "would distort"),
        ((16, 16), (32, 32), "fewer than the run sees"),
        ((64, 16), (32, 32), "fewer than the run sees"),
    ],
)
def test_pictures_that_resizing_would_spoil(size, sees, words, tmp_path: Path) -> None:
    path = tmp_path / "goal.png"
    Image.fromarray(np.zeros((*size, 3), np.uint8)).save(path)
    with pytest.raises(ValueError, match=words):
        read_frames(str(path), seeing_size(*sees, 3))


def test_an_aspect_may_be_off_by_what_rounding_makes(tmp_path: Path) -> None:
    path = tmp_path / "goal.png"
    Image.fromarray(np.full((1080, 1920, 3), 7, np.uint8)).save(path)
    (found,) = read_frames(str(path), seeing_size(96, 171, 3))
    assert (found["pixels"] == 7).all()


# --- goals


def test_an_observed_goal_is_reached_where_it_is_seen(folder: Path, demo: Path) -> None:
    parts = load_agent(folder)
    frame = read_frames(f"{demo}:0:12", parts.seen)
    wish = observed(parts, frame[-1])
    here = encode(parts.model, frame)[:, -1]
    pursuit = Wishes([wish, wish], "sequence")
    pursuit.aim(here)
    assert pursuit.stage.tolist() == [1]
    assert torch.equal(wish.state, here)


def test_texts_become_wishes(folder: Path, demo: Path, tmp_path: Path) -> None:
    parts = load_agent(folder)
    code = tmp_path / "mine.py"
    code.write_text("def right(values):\n    return values['position'][..., 0] - 3\n")
    goals = read_goals(
        [f"{demo}:0:12", "position.x > 3", f"{code}:right"], parts, "sequence"
    )
    assert [w.state is not None for w in goals.wishes] == [True, False, False]
    assert goals.several == "sequence"
    with pytest.raises(ValueError, match="no function 'left'"):
        read_goals([f"{code}:left"], parts)
    with pytest.raises(ValueError, match="position 1: expected a quantity"):
        read_goals(["somewhere nice"], parts)
    with pytest.raises(FileNotFoundError, match="Python file"):
        read_goals([str(tmp_path / "none.py:f")], parts)


def test_a_file_of_goals_defines_phrases(folder: Path, demo: Path) -> None:
    parts, path = load_agent(folder), demo.parent / "goals.json"
    content = {
        "define": {
            "far right": "position.x > 3",
            "there": "far right and position.y > 0",
        },
        "sequence": ["demo.h5:0:12", "there", "not far right"],
    }
    path.write_text(json.dumps(content))
    goals = read_goals([str(path)], parts)
    assert goals.several == "sequence"
    assert [w.state is not None for w in goals.wishes] == [True, False, False]
    for wrong, words in (
        ({"sequence": []}, "at least one goal"),
        ({"all": ["there"]}, "'any' or 'sequence'"),
        ({"any": ["there"]}, "goal 1: position 1"),
        ({"any": ["a"], "define": {"a": "a"}}, "definition of 'a'"),
        ({"any": ["a"], "define": 3}, "an object of texts"),
    ):
        path.write_text(json.dumps(wrong))
        with pytest.raises(ValueError, match=words):
            read_goals([str(path)], parts)
    with pytest.raises(ValueError, match="stands alone"):
        read_goals([str(path), "position.x > 3"], parts)


def test_only_goals_of_one_kind_are_alternatives(folder: Path, demo: Path) -> None:
    parts = load_agent(folder)
    there = observed(parts, read_frames(f"{demo}:0:12", parts.seen)[-1])
    right = condition(parts, "position.x > 3")
    mine = predicate(parts, lambda v: v["position"][..., 0] > 3, "mine")
    with pytest.raises(ValueError, match="cannot be compared"):
        Wishes([there, right])
    with pytest.raises(ValueError, match="cannot be compared"):
        Wishes([right, mine])
    Wishes([there, right, mine], "sequence")
    with pytest.raises(ValueError, match="at least one goal"):
        Wishes([])


def test_the_nearest_state_is_chosen_for_each_environment(folder: Path) -> None:
    parts = load_agent(folder, deliberation=Deliberation(cost="latent"))
    states = torch.tensor([[3.0, 0, 0, 0], [-3.0, 0, 0, 0]])
    pursuit = Wishes([parts.be_at(s[None]) for s in states])
    aim = pursuit.aim(torch.tensor([[-1.0, 0, 0, 0], [1.0, 0, 0, 0]]))
    assert pursuit.stage.tolist() == [1, 0]
    assert aim.goal is not None
    torch.testing.assert_close(aim.goal, states.flip(0))
    assert pursuit.aim(-states).goal is aim.goal
    pursuit.reset()
    assert pursuit.aim(states).goal is not aim.goal


def test_a_sequence_of_states_moves_its_goal(folder: Path) -> None:
    parts = load_agent(folder, deliberation=Deliberation(cost="latent"))
    states = torch.tensor([[3.0, 0, 0, 0], [-3.0, 0, 0, 0]])
    wishes = [parts.be_at(s[None]) for s in states]
    wishes.append(condition(parts, "position.x > 3"))
    pursuit = Wishes(wishes, "sequence")
    first = pursuit.aim(torch.zeros(1, 4)).goal
    assert pursuit.aim(torch.ones(1, 4)).goal is first
    second = pursuit.aim(states[:1]).goal
    torch.testing.assert_close(second, states[1:])
    assert pursuit.aim(states[1:]).goal is None


# --- plans without a world


def test_a_plan_needs_no_world(folder: Path, demo: Path) -> None:
    parts = load_agent(folder, deliberation=FEW)
    frames = read_frames(f"{demo}:0:4", parts.seen)
    found = foresee(parts, frames, read_goals([f"{demo}:0:9"], parts))
    assert found.actions.shape == (4, 2)
    assert (np.abs(found.actions) <= 1).all()
    assert found.status == "certified"
    assert found.first is None
    assert found.predicted["position"].values.shape == (5, 2)
    assert found.predicted["position"].unit == "px"
    now = parts.readouts["position"](encode(parts.model, frames)[:, -1])
    np.testing.assert_allclose(found.predicted["position"].values[0], now[0], atol=1e-4)
    again = foresee(parts, frames, read_goals([f"{demo}:0:9"], parts))
    np.testing.assert_array_equal(found.actions, again.actions)


def test_the_plan_verb_prints_actions_margins_and_status(
    folder: Path, demo: Path, tmp_path: Path, capsys
) -> None:
    zones = tmp_path / "zones.json"
    zone = {"type": "bound", "quantity": "position", "component": 0, "high": 500}
    zones.write_text(json.dumps([zone]))
    command = plan_verb.Command(
        run=folder,
        observation=f"{demo}:0:4",
        goal=("position.x between -5 and 5",),
        guard=zones,
        agent=SETTINGS,
        common=CommonOptions(),
    )
    result = plan_verb.run(command)
    assert len(result["actions"]) == 4
    assert result["status"] == result["first"] == "certified"
    (margin,) = result["margins"].values()
    assert 0 < margin < 500
    out = capsys.readouterr().out
    assert out.count("position") >= 5
    assert "predicted margin" in out
    assert "plan certified; first step certified" in out
    assert "-1 to 1, -1 to 1" in out
    # Of what cannot be kept, the plan says so.
    zones.write_text(json.dumps([{**zone, "high": -500}]))
    assert plan_verb.run(command)["status"] == "infeasible"
    zones.write_text(json.dumps([{**zone, "quantity": "speed"}]))
    with pytest.raises(ValueError, match="no read-out of 'speed'"):
        plan_verb.run(command)


def test_an_image_is_enough_for_a_run_that_sees_images(
    seeing: Path, tmp_path: Path, capsys
) -> None:
    now, goal = picture(tmp_path / "now.png"), picture(tmp_path / "goal.png", 1)
    command = plan_verb.Command(
        run=seeing,
        observation=str(now),
        goal=(str(goal), str(now)),
        several="sequence",
        agent=SETTINGS,
        common=CommonOptions(),
    )
    result = plan_verb.run(command)
    # Two environment steps per model step.
    assert np.shape(result["actions"]) == (8, 2)
    assert np.shape(result["predicted"]["place"]["values"]) == (5, 2)
    out = capsys.readouterr().out
    assert "1 of the 2 frames" in out
    assert out.count("->") == 4
    assert plan_verb.run(replace(command, observation=str(now)))["actions"]


def test_the_plan_verb_makes_larger_pictures_as_small_as_the_run_sees(
    seeing: Path, tmp_path: Path, capsys
) -> None:
    names = [str(picture(tmp_path / f"{n}.png", n)) for n in range(2)]
    large = [str(enlarged(Path(name))) for name in names]
    order = ["plan", str(seeing), "--json", "--agent", *SETTINGS]
    plans = []
    for (now, goal), more in ((names, ()), (large, ("--resize",))):
        assert main([*order, "--observation", now, "--goal", goal, *more]) == 0
        plans.append(json.loads(capsys.readouterr().out))
    assert plans[0]["actions"] == plans[1]["actions"]
    assert main([*order, "--observation", names[0], "--goal", large[1]]) == 2
    assert "telos plan --resize" in capsys.readouterr().err


def enlarged(path: Path) -> Path:
    """The same picture with four equal pixels for each."""
    pixels = np.asarray(Image.open(path)).repeat(2, axis=0).repeat(2, axis=1)
    Image.fromarray(pixels).save(path.with_stem(f"{path.stem}-large"))
    return path.with_stem(f"{path.stem}-large")


def test_frames_from_before_are_seen_together_with_the_newest(
    seeing: Path, tmp_path: Path
) -> None:
    parts = load_agent(seeing, deliberation=FEW)
    images = dots(5)[0]
    np.savez(tmp_path / "two.npz", pixels=images[:2])
    frames = read_frames(str(tmp_path / "two.npz"), parts.seen)
    goals = read_goals([str(picture(tmp_path / "goal.png"))], parts)

    def present(*frames) -> np.ndarray:
        return foresee(parts, frames, goals).predicted["place"].values[0]

    def expected(*frames) -> np.ndarray:
        state = encode(parts.model, frames)[:, -1]
        return parts.readouts["place"](state)[0].numpy()

    both, alone = expected(*frames), expected(frames[1], frames[1])
    np.testing.assert_allclose(present(*frames), both, atol=1e-4)
    np.testing.assert_allclose(present(frames[1]), alone, atol=1e-4)
    assert np.abs(both - alone).max() > 1e-3


def test_routes_are_looked_for_where_the_goal_is_a_state(
    folder: Path, demo: Path
) -> None:
    parts = load_agent(folder, deliberation=FEW)
    frame = read_frames(f"{demo}:0:4", parts.seen)[-1]
    agent = parts.build(())
    agent.reset([0])
    for text, expected in ((f"{demo}:0:9", True), ("position.x > 3", False)):
        agent.pursue(read_goals([text], parts).pursuit(parts))
        agent.act(frame)
        assert agent.waypoints is not None
        assert agent.waypoints.following == expected


def test_what_cannot_be_planned_is_refused_before(folder: Path, capsys) -> None:
    common = ["plan", str(folder), "--observation", "demo.h5:0:1"]
    for more, words in (
        ([], "nobody samples goals"),
        (["--goal", "random", "a.png"], "'random' only alone"),
        (["--goal", "a.png", "--video", "out.mp4"], "nothing to film"),
        (["--goal", "a.png"], "demo.h5 does not exist"),
    ):
        assert main([*common, *more]) == 2
        assert words in capsys.readouterr().err
