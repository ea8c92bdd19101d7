"""`telos envs` lists and shows."""

import json

import pytest

from telos.cli.main import main
from telos.envs import list_worlds


def test_the_list_names_every_world(capsys):
    assert main(["envs"]) == 0
    text = capsys.readouterr().out
    for world in list_worlds():
        assert world.id in text
    assert "gym:<id>" in text


def test_one_world_is_shown_with_units_goals_and_behaviours(capsys):
    assert main(["envs", "two-rooms"]) == 0
    text = capsys.readouterr().out
    for part in ("64 x 64 x 3 uint8", "2 float32 px", "cross", "mixed", "4.5 px"):
        assert part in text


@pytest.mark.parametrize(
    "name",
    [
        "discs",
        "pendulum",
        "cart-pole",
        "reacher",
        "hidden-hazard",
        "push-t",
        "two-rooms",
        "four-rooms",
    ],
)
def test_every_world_of_our_own_can_be_shown(name, capsys):
    assert main(["envs", name]) == 0
    assert "64 x 64 x 3 uint8" in capsys.readouterr().out


def test_json_holds_what_the_table_shows(capsys):
    assert main(["envs", "TwoRooms-v0", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["id"] == "two-rooms"
    assert shown["action"]["high"] == pytest.approx([1.8, 1.8])
    assert shown["labels"]["position"] == {
        "shape": [2],
        "dtype": "float32",
        "unit": "px",
    }


def test_a_wrong_name_is_answered_with_a_near_one(capsys):
    assert main(["envs", "two-room"]) == 2
    assert "'two-rooms'" in capsys.readouterr().err
