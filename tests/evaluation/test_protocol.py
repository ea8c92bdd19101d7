"""Protocols: shipped files, round trip, and a hash that changes when results could."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from telos.config import save_json
from telos.evaluation.protocol import load_protocol, protocol_names

SHIPPED = (
    "cart-pole",
    "cart-pole-free",
    "discs-beside",
    "discs-between",
    "discs-between-free",
    "discs-field",
    "hidden-hazard",
    "hidden-hazard-free",
    "pendulum",
    "pendulum-free",
    "push-t-25",
    "push-t-25-shifted",
    "rooms-fixed-strict",
    "rooms-random",
    "rooms-random-500",
    "rooms-zone",
    "rooms-zone-free",
    "umaze",
)


HASHES = {
    "cart-pole": "b6629ff1a855543a",
    "cart-pole-free": "724a619e24baf9b3",
    "discs-beside": "32429366035a2d44",
    "discs-between": "648c4e0615cec35e",
    "discs-between-free": "6992ae33b1d9b856",
    "discs-field": "ec6dd494914b0235",
    "hidden-hazard": "74069967d8b11571",
    "hidden-hazard-free": "2916be912412d400",
    "pendulum": "0872bdb5cdcef6e1",
    "pendulum-free": "b8744446e6dfff14",
    "push-t-25": "ee77882f97d3f4c0",
    "push-t-25-shifted": "b1a2a0a82b640daa",
    "rooms-fixed-strict": "bb0c45a6b75ed94d",
    "rooms-random": "5928acff56686bd3",
    "rooms-random-500": "a3efc64749fc0514",
    "rooms-zone": "3b5944475a3f840a",
    "rooms-zone-free": "7aca45c35504707d",
    "umaze": "7f55056102a92fbd",
}


def test_the_shipped_protocols_are_these():
    assert protocol_names() == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_file_name_and_round_trip(name, tmp_path):
    protocol = load_protocol(name)
    assert protocol.name == name
    again = load_protocol(protocol.save(tmp_path / "copy.json"))
    assert again == protocol
    assert again.hash == protocol.hash


def test_hashes_of_shipped_protocols_are_pinned():
    """A changed hash makes old results incomparable: change it on purpose only."""
    hashes = {name: load_protocol(name).hash for name in SHIPPED}
    assert hashes == HASHES
    assert len(set(hashes.values())) == len(SHIPPED)


def test_the_main_protocol_says_what_it_claims():
    protocol = load_protocol("rooms-random")
    assert (protocol.radius, protocol.unit, protocol.success) == (
        4.5,
        "px",
        "last-step",
    )
    assert (protocol.budget, protocol.episodes) == (200, 200)
    assert protocol.world_options == {"layout": "random", "split": "test"}
    assert len(set(protocol.seeds)) == 200


def test_zone_protocols_share_their_episodes():
    told, untold = load_protocol("rooms-zone"), load_protocol("rooms-zone-free")
    assert told.world_options == untold.world_options
    assert told.seeds == untold.seeds
    assert len(told.seeds) == 300
    assert told.guarded
    assert not untold.guarded
    assert told.hash != untold.hash


def test_words_do_not_change_the_hash_but_everything_else_does():
    protocol = load_protocol("rooms-random")
    assert replace(protocol, description="x", name="y").hash == protocol.hash
    changes = [
        {"radius": 4.4},
        {"budget": 199},
        {"success": "first-hit"},
        {"first_seed": 0},
        {"episodes": 199},
        {"goal_rule": "random"},
        {"options": {"layout": "random", "split": "train"}},
        {"zone": "direct"},
        {"guarded": False},
        {"version": 2},
    ]
    hashes = {replace(protocol, **change).hash for change in changes}
    assert len(hashes | {protocol.hash}) == len(changes) + 1


def test_key_order_of_the_file_does_not_matter(tmp_path):
    protocol = load_protocol("rooms-zone")
    data = json.loads(protocol.save(tmp_path / "a.json").read_text())
    path = save_json(tmp_path / "b.json", dict(reversed(data.items())))
    assert load_protocol(path).hash == protocol.hash


def test_unknown_names_and_bad_files_are_explained(tmp_path):
    with pytest.raises(FileNotFoundError, match="rooms-random"):
        load_protocol("rooms-randon")
    data = json.loads(load_protocol("umaze").save(tmp_path / "p.json").read_text())
    with pytest.raises(ValueError, match="did you mean 'radius'"):
        load_protocol(save_json(tmp_path / "typo.json", {**data, "raduis": 1}))
    with pytest.raises(ValueError, match="last-step"):
        load_protocol(save_json(tmp_path / "rule.json", {**data, "success": "best"}))
    with pytest.raises(ValueError, match="budget must be positive"):
        load_protocol(save_json(tmp_path / "zero.json", {**data, "budget": 0}))
