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
    "cart-pole-shifted",
    "cube",
    "discs-beside",
    "discs-between",
    "discs-between-free",
    "discs-between-shifted",
    "discs-field",
    "four-rooms",
    "four-rooms-shifted",
    "hidden-hazard",
    "hidden-hazard-free",
    "hidden-hazard-shifted",
    "maze-large",
    "maze-large-shifted",
    "maze-large-state",
    "maze-medium",
    "maze-medium-shifted",
    "maze-medium-state",
    "pendulum",
    "pendulum-free",
    "pendulum-shifted",
    "push-t-25",
    "push-t-25-shifted",
    "reacher",
    "reacher-joints",
    "reacher-shifted",
    "rooms-fixed-strict",
    "rooms-random",
    "rooms-random-500",
    "rooms-random-shifted",
    "rooms-zone",
    "rooms-zone-free",
    "umaze",
    "umaze-shifted",
)


HASHES = {
    "cart-pole": "b6629ff1a855543a",
    "cart-pole-free": "724a619e24baf9b3",
    "cart-pole-shifted": "1195646caeac13a5",
    "cube": "07dfb1a67dd9d63a",
    "discs-beside": "32429366035a2d44",
    "discs-between": "648c4e0615cec35e",
    "discs-between-free": "6992ae33b1d9b856",
    "discs-between-shifted": "cf1cc0966f5bb5a2",
    "discs-field": "ec6dd494914b0235",
    "four-rooms": "b111d5efeea7663f",
    "four-rooms-shifted": "32576f4a82f5b611",
    "hidden-hazard": "74069967d8b11571",
    "hidden-hazard-free": "2916be912412d400",
    "hidden-hazard-shifted": "48de22a05768e177",
    "maze-large": "6629422e64316e9d",
    "maze-large-shifted": "c2052e3f0c0b5204",
    "maze-large-state": "4982a1697330e36a",
    "maze-medium": "2140f6259f20b6f6",
    "maze-medium-shifted": "1a64e6943683dc5a",
    "maze-medium-state": "cbf8bdd28f131db4",
    "pendulum": "0872bdb5cdcef6e1",
    "pendulum-free": "b8744446e6dfff14",
    "pendulum-shifted": "095aa4ac0fbae273",
    "push-t-25": "ee77882f97d3f4c0",
    "push-t-25-shifted": "b1a2a0a82b640daa",
    "reacher": "8e5d2b3be462ee48",
    "reacher-joints": "00eeee80b7e580e3",
    "reacher-shifted": "0851a1d8baaaa072",
    "rooms-fixed-strict": "bb0c45a6b75ed94d",
    "rooms-random": "5928acff56686bd3",
    "rooms-random-500": "a3efc64749fc0514",
    "rooms-random-shifted": "af1662d4adacd505",
    "rooms-zone": "3b5944475a3f840a",
    "rooms-zone-free": "7aca45c35504707d",
    "umaze": "7f55056102a92fbd",
    "umaze-shifted": "915f30e7e44494c5",
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
