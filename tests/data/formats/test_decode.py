"""Decoding: exact pixels and times, rotation, resizing, and files that are broken."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.data.formats.films import pictures, write_film
from tests.data.formats.spoiling import complaint, damaged

from telos.data.formats.decode import Video, decode_picture, probe
from telos.data.formats.resize import resize
from telos.envs.images import area_resize


def read(path: Path, size: tuple[int, int] | None = None):
    """Times and pictures of a whole video."""
    with Video(path, size) as video:
        pairs = [(time, video.pixels(frame)) for time, frame in video.frames()]
    times, frames = zip(*pairs, strict=True)
    return np.array(times), np.stack(frames)


def noise(height: int, width: int) -> np.ndarray:
    shape = (height, width, 3)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_lossless_videos_come_back_exactly(suffix: str, tmp_path: Path) -> None:
    frames = pictures(25)
    times, found = read(write_film(tmp_path / f"a.{suffix}", frames))
    assert np.array_equal(found, frames)
    assert times - times[0] == pytest.approx(np.arange(25) / 10, abs=1e-3)


def test_webm_comes_back_within_the_codecs_error(tmp_path: Path) -> None:
    frames = pictures(10)
    path = write_film(
        tmp_path / "a.webm", frames, codec="libvpx-vp9", pixel_format="yuv444p"
    )
    assert np.abs(read(path)[1].astype(int) - frames).mean() < 4


def test_a_video_tells_size_rate_and_length(tmp_path: Path) -> None:
    facts = probe(write_film(tmp_path / "a.mkv", pictures(25), fps=20))
    assert (facts.size, facts.fps, facts.num_frames) == ((32, 48), 20.0, 25)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_noted_rotation_is_applied(turns: int, tmp_path: Path) -> None:
    frames = pictures(3)
    path = write_film(tmp_path / "a.mp4", frames, rotation=90 * turns)
    upright = np.rot90(frames, turns, axes=(1, 2))
    assert probe(path).size == upright.shape[1:3]
    assert np.array_equal(read(path)[1], upright)
    small = resize(upright, (12, 8))
    assert np.abs(read(path, (12, 8))[1].astype(int) - small).max() <= 1


@pytest.mark.parametrize("shape", [(120, 160), (96, 96), (100, 70), (480, 640)])
def test_resizing_averages_areas(shape: tuple[int, int]) -> None:
    picture = noise(*shape)
    found = resize(picture[None], (64, 64))[0].astype(int)
    assert np.abs(found - area_resize(picture, 64)).max() <= 1


def test_blocks_are_averaged_by_brute_force() -> None:
    picture = noise(40, 60)
    blocks = picture.reshape(10, 4, 20, 3, 3).mean(axis=(1, 3))
    assert np.abs(resize(picture[None], (10, 20))[0] - blocks).max() <= 1
    frames = picture[None]
    assert resize(frames, (40, 60)) is frames


def test_seeking_leads_to_a_frame_not_later_than_asked_for(tmp_path: Path) -> None:
    path = write_film(tmp_path / "a.mp4", pictures(40))
    with Video(path) as video:
        video.seek(2.5)
        time, _ = next(video.frames())
    assert time <= 2.5


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "avi"])
def test_cut_videos_are_refused(suffix: str, share: float, tmp_path: Path) -> None:
    whole = write_film(tmp_path / f"a.{suffix}", pictures(60), movflags="faststart")
    content = whole.read_bytes()
    cut = tmp_path / f"cut.{suffix}"
    cut.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match=rf"cut.{suffix}.*(truncated|damaged)"):
        read(cut)


def test_damaged_bytes_are_refused_or_decoded_but_never_crash(tmp_path: Path) -> None:
    content = write_film(tmp_path / "a.mp4", pictures(30)).read_bytes()
    path, said = tmp_path / "b.mp4", []
    for broken in damaged(content, 30):
        path.write_bytes(broken)
        said.append(complaint(lambda: read(path)))
    assert all("b.mp4" in text for text in said if text)
    assert sum(map(bool, said)) > 10


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no video at all",
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile secret.mp4\n",
    ],
)
def test_what_is_no_video_is_refused(content: bytes, tmp_path: Path) -> None:
    write_film(tmp_path / "secret.mp4", pictures(3))
    (tmp_path / "a.mp4").write_bytes(content)
    with pytest.raises(ValueError, match="a.mp4 cannot be opened as a video"):
        read(tmp_path / "a.mp4")
    with pytest.raises(FileNotFoundError, match="none.mp4 does not exist"):
        Video(tmp_path / "none.mp4")


@pytest.mark.parametrize(
    "name", ["a:b.mp4", "http:x.mp4", "%03d.mp4", "ünï cödé.mp4", "-x.mp4"]
)
def test_odd_names_are_names(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_film(tmp_path / "plain.mp4", pictures(3)).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(read(Path(name))[1]) == 3


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def test_pictures_of_every_mode_become_rgb() -> None:
    colours = noise(8, 6)
    assert np.array_equal(decode_picture(png(Image.fromarray(colours))), colours)
    grey = decode_picture(png(Image.fromarray(colours[..., 0])))
    assert np.array_equal(grey, np.repeat(colours[..., :1], 3, axis=2))
    assert decode_picture(png(Image.fromarray(colours)), (4, 3)).shape == (4, 3, 3)


def test_deep_or_broken_pictures_are_refused() -> None:
    deep = Image.fromarray(np.arange(6, dtype=np.uint16).reshape(2, 3))
    with pytest.raises(ValueError, match="more than 8 bits"):
        decode_picture(png(deep))
    whole = png(Image.fromarray(noise(30, 30)))
    for broken in (b"", b"junk", whole[: len(whole) // 2]):
        with pytest.raises(ValueError, match="cannot be decoded"):
            decode_picture(broken)
