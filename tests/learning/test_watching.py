"""Learning by watching: what is learned, what collapses, resume, surprise, refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.learning.squares import (
    FRAMES,
    NOTHING,
    square_clips,
    square_episode,
    square_spec,
    squares,
    tiny_watch,
    tiny_watcher,
)

from telos.data.windows import WindowSampler
from telos.learning import watch as watching
from telos.learning.loop import Interrupted
from telos.learning.objectives import OBJECTIVES, objective_config
from telos.learning.outcome import read_verdicts
from telos.learning.taught import Watched, calibrate
from telos.learning.watch import watch
from telos.learning.watch_config import (
    WatchConfig,
    check_watchable,
    fitted_watch,
    image_stream,
    watch_recipe,
)
from telos.learning.watched import load_watcher, untrained_watched
from telos.runs import Run
from telos.runtime import Runtime
from telos.types import Verdict

CPU = Runtime(device="cpu", dtype="float32", threads=1, reasons=())
STEPS = 120
"""Of a training that learns something."""
CAUSAL = [kind for kind in OBJECTIVES if kind != "masked-pixels"]


def settings(kind: str):
    """A kind at a size that 16 clips of 16 dimensions can fill."""
    small = {"whitening": {"sub_batch": 32}, "dino": {"prototypes": 16}}
    small["discrete"] = {"codes": 8, "decoder_width": 8}
    small["pixels"] = {"decoder_width": 8}
    return objective_config(kind, **small.get(kind, {}))


def trained(
    folder: Path, config: WatchConfig, count: int = 40, **changes: object
) -> tuple[Run, Verdict]:
    run = Run.create(folder, config)
    recording = squares(count, config.model.action_dim)
    watch(run, config, recording, CPU, **changes)
    (line,) = read_verdicts(run)
    assert line["about"] == "watching"
    return run, Verdict(**{n: line[n] for n in ("name", "text", "evidence")})


# --- what is learned


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> dict[str, tuple[Run, Verdict]]:
    folder = tmp_path_factory.mktemp("learned")
    cases = {
        "vicreg": tiny_watch(STEPS),
        "nothing": tiny_watch(STEPS, NOTHING),
        "shuffled": tiny_watch(STEPS, shuffle_frames=True),
    }
    return {n: trained(folder / n, config, 150) for n, config in cases.items()}


def test_squares_are_learned_without_collapse(learned) -> None:
    _, verdict = learned["vicreg"]
    assert verdict.name == "ok"
    assert verdict.evidence["prediction_skill"] > 0.1
    assert verdict.evidence["effective_rank"] > 10
    assert verdict.evidence["within_share"] > 0.3


def test_prediction_alone_collapses_and_is_told(learned) -> None:
    _, verdict = learned["nothing"]
    assert verdict.name in ("dimensional", "slow-feature", "complete")
    assert verdict.evidence["effective_rank"] < 4


def test_frames_in_random_order_teach_less(learned) -> None:
    """Both are judged on clips in order."""
    skill = {
        n: verdict.evidence["prediction_skill"] for n, (_, verdict) in learned.items()
    }
    assert skill["shuffled"] < skill["vicreg"] - 0.05


def test_a_clip_out_of_order_surprises_more(learned) -> None:
    watcher, clips = load_watcher(learned["vicreg"][0]), square_clips(40)
    shuffled = clips[:, np.random.default_rng(0).permutation(FRAMES)]
    inside = np.nanmean(watcher.trace(clips))
    assert np.nanmean(watcher.trace(shuffled)) > 1.3 * inside


def test_lines_tell_how_far_from_collapse(learned) -> None:
    lines = learned["vicreg"][0].metrics()
    for line in lines:
        assert {"std_min", "effective_rank", "within_share"} <= line.keys()
        assert {"prediction_skill", "prediction", "feature_std"} <= line.keys()
    assert lines[-1]["prediction_skill"] > lines[0]["prediction_skill"]
    ranks = [
        learned[n][0].metrics()[-1]["effective_rank"] for n in ("nothing", "vicreg")
    ]
    assert ranks[0] < 0.5 * ranks[1]


def test_what_an_agent_does_is_told_by_the_same_class(tmp_path) -> None:
    """Where the action alone says what comes next, a wrong one makes it a surprise."""
    light = objective_config("vicreg", variance=0.3, covariance=9.0)
    config = tiny_watch(2 * STEPS, light, model=tiny_watcher(action_dim=2))
    run, _ = trained(tmp_path / "run", config, 300)
    episodes = [square_episode(10_000 + n, 2) for n in range(30)]
    clips = np.stack([episode.observations["pixels"] for episode in episodes])
    actions = np.stack([episode.actions for episode in episodes])
    watcher = load_watcher(run)
    right = np.nanmean(watcher.trace(clips, actions=actions))
    wrong = np.nanmean(watcher.trace(clips, actions=np.roll(actions, 1, axis=0)))
    assert wrong > 1.05 * right
    with pytest.raises(ValueError, match="told actions of 2 numbers, given are none"):
        watcher.trace(clips)


# --- every objective


@pytest.mark.parametrize("kind", CAUSAL)
def test_every_objective_trains_is_stored_and_surprised(kind: str, tmp_path) -> None:
    config = tiny_watch(3, settings(kind))
    run, _ = trained(tmp_path / "run", config)
    one, other = load_watcher(run), load_watcher(str(run.path))
    clips = square_clips(5)
    found = one.trace(clips)
    assert found.shape == (5, FRAMES)
    assert np.isnan(found[:, 0]).all()
    assert np.isfinite(found[:, 1:]).all()
    np.testing.assert_array_equal(found, other.trace(clips))
    alone = np.concatenate([one.trace(clip[None]) for clip in clips])
    np.testing.assert_allclose(found, alone, rtol=1e-3, atol=1e-5)
    begun = watching.begun(config)
    assert any(
        not torch.equal(value, dict(begun.named_parameters())[name])
        for name, value in one.named_parameters()
        if name.startswith("watcher.encoder.backbone")
    )


def test_a_frozen_teacher_stands_still_and_may_be_another_run(tmp_path) -> None:
    first, _ = trained(tmp_path / "first", tiny_watch(3, seed=5))
    config = tiny_watch(4, "frozen-teacher", teacher=str(first.path))
    run, _ = trained(tmp_path / "run", config)
    teacher, source = load_watcher(run).taught_by, load_watcher(first).watcher.encoder
    assert teacher is not None
    for name, value in source.state_dict().items():
        assert torch.equal(teacher.state_dict()[name], value)
    own = load_watcher(run).watcher.encoder.head.weight
    assert not torch.equal(own, source.head.weight)
    other = tiny_watch(4, "frozen-teacher", teacher=str(first.path))
    other = replace(other, model=replace(other.model, dim=12))
    with pytest.raises(ValueError, match="encoder is not built like this watcher's"):
        trained(tmp_path / "other", other)


def test_an_ema_teacher_follows(tmp_path) -> None:
    run, _ = trained(tmp_path / "run", tiny_watch(12, "jepa-ema"))
    watched = load_watcher(run)
    begun = watching.begun(tiny_watch(12, "jepa-ema")).watcher.encoder.head.weight
    teacher, own = watched.taught_by.head.weight, watched.watcher.encoder.head.weight
    assert not torch.equal(teacher, begun)
    assert not torch.equal(teacher, own)
    features = watched.taught_by.features(torch.from_numpy(square_clips(60)))
    latents = watched.taught_by.standardised(features)
    assert 0.7 < float(latents.std()) < 1.4  # statistics of its own weights


# --- interrupted and resumed


class StopAfter:
    """An interrupt after so many steps."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __enter__(self) -> StopAfter:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    @property
    def requested(self) -> bool:
        self.left -= 1
        return self.left == 0


@pytest.mark.parametrize("kind", ["vicreg", "sigreg", "jepa-ema", "dino", "discrete"])
def test_resumed_is_uninterrupted_to_the_bit(kind: str, tmp_path, monkeypatch) -> None:
    config = tiny_watch(6, settings(kind), checkpoint_every=2)
    whole, _ = trained(tmp_path / "whole", config)
    run = Run.create(tmp_path / "parts", config)
    with monkeypatch.context() as patch:
        patch.setattr(watching, "Interrupt", lambda: StopAfter(3))
        with pytest.raises(Interrupted, match="stopped in watching at step 3"):
            watch(run, config, squares(40), CPU)
    assert not (run.path / "model.safetensors").exists()
    watch(run, config, squares(40), CPU, resume=True)
    (found, _), (expected, _) = run.load_model(), whole.load_model()
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name
    assert read_verdicts(run) == read_verdicts(whole)


def test_frames_in_memory_or_not_make_no_difference(tmp_path) -> None:
    config = tiny_watch(3)
    runs = [
        trained(tmp_path / name, config, **how)[0]
        for name, how in {"memory": {}, "file": {"room": None}}.items()
    ]
    (found, _), (expected, _) = (run.load_model() for run in runs)
    assert all(torch.equal(found[name], expected[name]) for name in expected)


# --- surprise


@pytest.fixture(scope="module")
def watched() -> Watched:
    """Untrained, with statistics, and with an output that is not zero."""
    found = untrained_watched(tiny_watcher(), objective_config("vicreg"), seed=1)
    torch.nn.init.normal_(found.watcher.predictor.out.weight, std=0.3)
    calibrate(found.watcher.encoder, [torch.from_numpy(square_clips(40))])
    return found.eval()


def test_surprise_is_the_error_of_the_predicted_latent(watched) -> None:
    clips = square_clips(3)
    with torch.no_grad():
        z = watched.watcher.encode(torch.from_numpy(clips))
        error = (watched.watcher.predict(z)[:, :-1] - z[:, 1:]).square().mean(-1)
    np.testing.assert_allclose(watched.trace(clips)[:, 1:], error, rtol=1e-5)


@pytest.mark.parametrize("memory", [1, 2, 5])
def test_what_lies_before_the_memory_surprises_nobody(watched, memory: int) -> None:
    clips = square_clips(4)
    base, other = watched.trace(clips, memory), clips.copy()
    other[:, 2] = 255 - other[:, 2]
    changed = np.abs(watched.trace(other, memory) - base)[:, 1:].max(axis=0) > 0
    # Frame 2 itself surprises, and frames that are predicted from it.
    assert changed.tolist() == [2 <= t <= 2 + memory for t in range(1, FRAMES)]


def test_a_trace_changes_nothing(watched) -> None:
    before = {n: v.clone() for n, v in watched.state_dict().items()}
    watched.train()
    first = watched.trace(square_clips(3))
    assert watched.training
    watched.eval()
    np.testing.assert_array_equal(first, watched.trace(square_clips(3)))
    assert all(torch.equal(before[n], v) for n, v in watched.state_dict().items())


def test_many_clips_are_those_of_a_few_at_a_time(watched, monkeypatch) -> None:
    clips = square_clips(7)
    whole = watched.trace(clips)
    monkeypatch.setattr("telos.learning.taught.CLIPS_AT_ONCE", 3)
    np.testing.assert_allclose(watched.trace(clips), whole, rtol=1e-4, atol=1e-6)


def test_hidden_frames_are_rolled_through(watched) -> None:
    clips = square_clips(3)
    hidden = np.zeros((3, FRAMES), bool)
    np.testing.assert_allclose(
        watched.trace(clips, hidden=hidden), watched.trace(clips), rtol=1e-4
    )
    hidden[:, 4:7] = True
    found, other = watched.trace(clips, hidden=hidden), clips.copy()
    other[:, 4:7] = 255
    there = watched.trace(other, hidden=hidden)
    np.testing.assert_allclose(there[:, 7:], found[:, 7:], rtol=1e-5)
    assert (there[:, 4:7] != found[:, 4:7]).all()


def test_pixels_are_compared_by_their_twin(tmp_path) -> None:
    run, _ = trained(tmp_path / "run", tiny_watch(3, settings("pixels")))
    twin, clips = load_watcher(run), square_clips(3)
    spoiled = clips.copy()
    spoiled[:, -1] = 255 - spoiled[:, -1]
    found, there = twin.trace(clips), twin.trace(spoiled)
    np.testing.assert_array_equal(found[:, 1:-1], there[:, 1:-1])
    assert (there[:, -1] > 2 * found[:, -1]).all()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda clips: clips[:, :1], "second frame is the first that can surprise"),
        (lambda clips: clips[:0], "0 clips of 10 frames"),
        (lambda clips: clips[..., :1], r"expected uint8 \(B, T, H, W, C\)"),
        (lambda clips: clips.astype(np.float32), "clips are float32"),
        (lambda clips: clips[0], "clips are uint8"),
    ],
)
def test_clips_that_do_not_suit_are_refused(
    watched, change: Callable, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        watched.trace(change(square_clips(2)))


def test_a_mask_that_does_not_suit_is_refused(watched) -> None:
    with pytest.raises(ValueError, match=r"hidden is \(2, 3\), expected \(2, 10\)"):
        watched.trace(square_clips(2), hidden=np.zeros((2, 3), bool))


# --- refusals


def test_clips_of_one_frame_leave_nothing_to_predict() -> None:
    with pytest.raises(ValueError, match="clip of 1 frame.*nothing to predict"):
        tiny_watch(length=1)
    with pytest.raises(ValueError, match="memory is 0 frames"):
        tiny_watch(memory=0)
    assert tiny_watch(memory=3).model.predictor.memory == 3
    assert tiny_watch(memory=99).model.predictor.memory == FRAMES - 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"clips": 0}, "clips is 0, expected at least 1"),
        ({"steps": 0}, "steps is 0, expected at least 1"),
        ({"length": 40}, "needs episodes of 40 frames, the longest has 10"),
        ({"frame_skip": 2}, "needs episodes of 19 frames, the longest has 10"),
        ({"teacher": "some-run"}, "'vicreg' takes no teacher from a run"),
        ({"objective": objective_config("masked-pixels")}, "choose pixels"),
        ({"size": "huge"}, "huge"),
    ],
)
def test_what_could_not_be_trained_is_refused(changes: dict, words: str) -> None:
    config = replace(tiny_watch(), **changes)
    with pytest.raises(ValueError, match=words):
        check_watchable(config, np.full(10, FRAMES))
    check_watchable(tiny_watch(), np.full(10, FRAMES))


def test_two_frames_and_one_clip_are_enough(tmp_path) -> None:
    _, verdict = trained(tmp_path / "run", tiny_watch(2, length=2))
    assert math.isfinite(verdict.evidence["prediction_skill"])
    run, _ = trained(tmp_path / "single", tiny_watch(2, clips=1))
    assert np.isfinite(load_watcher(run).trace(square_clips(1))[:, 1:]).all()


def test_the_stream_is_found_or_asked_for() -> None:
    spec = square_spec()
    assert image_stream(spec) == "pixels"
    two = replace(
        spec, streams={"a": spec.streams["pixels"], "b": spec.streams["pixels"]}
    )
    assert image_stream(two, "b") == "b"
    with pytest.raises(
        ValueError, match=r"2 streams of images, \['a', 'b'\].*--stream"
    ):
        image_stream(two)
    with pytest.raises(ValueError, match=r"stream 'c' is no recorded stream"):
        image_stream(two, "c")
    with pytest.raises(ValueError, match="0 streams of images"):
        image_stream(replace(spec, streams={}))


def test_a_recipe_is_sized_by_a_word() -> None:
    tiny, small = watch_recipe("tiny"), watch_recipe("small", 0.5)
    assert tiny.steps < small.steps
    assert tiny.model.dim < small.model.dim
    with pytest.raises(ValueError, match="effort is 0"):
        watch_recipe("tiny", 0)
    assert fitted_watch(tiny).model.predictor.memory == tiny.length - 1


def test_windows_of_what_has_no_actions_have_actions_of_no_numbers() -> None:
    sampler = WindowSampler(squares(6), length=4, batch=3)
    assert sampler.batch(0).actions.shape == (3, 4, 0)
    skipping = WindowSampler(squares(6), length=4, batch=3, frame_skip=2)
    assert skipping.batch(0).actions.shape == (3, 4, 0)


def test_a_run_of_another_kind_is_no_watcher(tmp_path) -> None:
    run = Run.create(tmp_path / "run", tiny_watch())
    with pytest.raises(FileNotFoundError, match="has no model.safetensors"):
        load_watcher(run)
    run.save_model({"x": torch.zeros(1)}, {"world_model": {}})
    with pytest.raises(ValueError, match="holds no watcher"):
        load_watcher(run)
