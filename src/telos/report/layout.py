"""The templates of the pages, and what they are filled with."""

from __future__ import annotations

from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def render(template: str, **values: Any) -> str:
    """Fill a template; style sheet and script come as ``style`` and ``script``.

    Everything is escaped, except what passes the filter ``svg`` and what is `Markup`.
    """
    environment = Environment(
        loader=PackageLoader("telos.report", "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters["svg"] = Markup
    return environment.get_template(template).render(
        style=Markup(_asset("style.css")), script=Markup(_asset("page.js")), **values
    )


def _asset(name: str) -> str:
    return (resources.files("telos.report") / "templates" / name).read_text("utf-8")
