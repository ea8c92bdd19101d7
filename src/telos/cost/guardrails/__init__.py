"""Guardrails: hard constraints in physical units, with nothing to weigh or train."""

from telos.cost.guardrails.base import PhysicalGuardrail as PhysicalGuardrail
from telos.cost.guardrails.bound import Bound as Bound
from telos.cost.guardrails.keep_out_box import KeepOutBox as KeepOutBox
from telos.cost.guardrails.keep_out_disc import KeepOutDisc as KeepOutDisc
from telos.cost.guardrails.zones import load_zones as load_zones
from telos.cost.guardrails.zones import parse_zones as parse_zones
from telos.cost.guardrails.zones import zones_json as zones_json
