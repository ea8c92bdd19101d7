"""Painting: edges one pixel wide, and nothing shows through what covers it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from telos.envs.scenes.conditions import Conditions
from telos.envs.scenes.corpus import training_scene
from telos.envs.scenes.film import film
from telos.envs.scenes.laws import paths_of
from telos.envs.scenes.scene import Body, Look, Scene, Screen

LOOK = Look(
    backdrop=(200, 210, 220), floor=(150, 140, 160), furniture=(40, 40, 40),
    screen=(90, 100, 110),
)  # fmt: skip
BODY = Body(x=0.43, y=0.3, lane=0.22, colour=(220, 40, 40))
ALONE = Scene(bodies=(BODY,), radius=0.08, look=LOOK)
FRAMES = 3


def paint(scene: Scene, size: int = 32) -> np.ndarray:
    return film([scene], [paths_of(scene, FRAMES)], size)[0]


@pytest.mark.parametrize("shape", [0, 1, 2])
@pytest.mark.parametrize("size", [32, 64])
def test_a_body_touches_no_pixel_beyond_half_a_pixel_from_it(
    shape: int, size: int
) -> None:
    body = replace(BODY, shape=shape)
    scene = replace(ALONE, bodies=(body,))
    reach = scene.radius + 0.5 / size
    for x, y in np.random.default_rng(0).uniform(0.2, 0.8, (20, 2)):
        moved = replace(scene, bodies=(replace(body, x=x, y=y, lane=y - 0.08),))
        touched = paint(moved, size) != paint(replace(scene, bodies=()), size)
        rows, columns = np.nonzero(touched[0].any(-1))
        assert len(rows) > 10
        assert np.abs((columns + 0.5) / size - x).max() <= reach
        assert np.abs(1 - (rows + 0.5) / size - y).max() <= reach


def test_a_disc_is_as_large_as_it_should_be_and_where_it_should_be() -> None:
    plain, white = replace(ALONE, bodies=()), replace(BODY, colour=(255, 255, 255))
    black = replace(LOOK, backdrop=(0, 0, 0), floor=(0, 0, 0))
    scene = replace(ALONE, look=black, bodies=(white,))
    assert paint(replace(plain, look=black)).max() == 0
    cover = paint(scene, 64)[0, :, :, 0] / 255
    middles = (np.arange(64) + 0.5) / 64
    assert cover.sum() / 64**2 == pytest.approx(np.pi * 0.08**2, rel=0.02)
    assert cover.sum(0) @ middles / cover.sum() == pytest.approx(BODY.x, abs=0.002)
    assert cover.sum(1) @ middles[::-1] / cover.sum() == pytest.approx(0.3, abs=0.002)


@pytest.mark.parametrize("sway", [(0.0, 0.0, 1.0, 0.0), (0.03, 0.02, 7.3, 0.4)])
def test_what_a_screen_covers_leaves_no_trace(sway: tuple[float, ...]) -> None:
    screen = Screen(left=0.25, right=0.625, times=(0.0,), tops=(0.6,))
    waves = np.array([[3.1, -2.2, 0.3, 20, -10, 15.0]])
    look = replace(LOOK, sway=sway, waves=waves, overlay=0.1, noise=0.1, grain=5)
    covered = replace(ALONE, look=look, screens=(screen,))
    empty = replace(covered, bodies=())
    np.testing.assert_array_equal(paint(covered), paint(empty))
    # A pixel further to the side it shows.
    beside = replace(screen, right=0.5)
    shown = replace(covered, screens=(beside,))
    assert (paint(shown) != paint(replace(shown, bodies=()))).any()


def test_the_nearer_body_is_in_front() -> None:
    near = replace(BODY, lane=0.1, colour=(20, 20, 240))
    for bodies in ((BODY, near), (near, BODY)):
        image = paint(replace(ALONE, bodies=bodies))[0]
        assert image[int((1 - near.y) * 32), int(near.x * 32)].tolist() == [20, 20, 240]


def test_a_clip_does_not_depend_on_those_around_it() -> None:
    conditions = Conditions(objects=3, textured=True, noise=0.1, camera=0.03)
    scenes = [training_scene(seed, conditions, 0.5) for seed in range(20)]
    scenes[3] = replace(scenes[3], look=replace(scenes[3].look, sway=(0, 0, 1, 0)))
    paths = [paths_of(scene, conditions.frames) for scene in scenes]
    together = film(scenes, paths, 32)
    for clip, scene, path in zip(together, scenes, paths, strict=True):
        np.testing.assert_array_equal(clip, film([scene], [path], 32)[0])


def test_overlay_is_the_same_in_all_frames_and_noise_in_none() -> None:
    still = replace(ALONE, bodies=())
    overlay = paint(replace(still, look=replace(LOOK, overlay=0.1, grain=3)))
    assert (overlay == overlay[:1]).all()
    assert np.abs(overlay[0] - paint(still)[0].astype(int)).max() == 26
    noise = paint(replace(still, look=replace(LOOK, noise=0.1, grain=3)))
    assert (noise[0] != noise[1]).mean() > 0.9
