"""MuJoCo rendering without a screen."""

from __future__ import annotations

import atexit
import contextlib
import ctypes.util
import importlib
import os
import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import mujoco

PACKAGES = "libegl1 libgl1-mesa-dri (or libosmesa6)"
"""Debian packages that bring software rendering."""


def prefer_headless() -> str | None:
    """Tell MuJoCo to render without a screen; call it before anything imports mujoco.

    ``MUJOCO_GL`` wins, then EGL, then OSMesa, then a screen.

    Returns:
        The backend in use; None if there is neither a GL library nor a screen.
    """
    chosen = os.environ.get("MUJOCO_GL")
    if chosen:
        return chosen
    for backend, library in (("egl", "EGL"), ("osmesa", "OSMesa")):
        if ctypes.util.find_library(library):
            os.environ["MUJOCO_GL"] = backend
            return backend
    return "glfw" if os.environ.get("DISPLAY") else None


def require_gl() -> str:
    """The GL backend in use.

    Raises:
        ImportError: If MuJoCo has nothing to render with.
    """
    backend = prefer_headless()
    if backend is not None:
        return backend
    raise ImportError(
        "pixels from MuJoCo need a GL library and none was found: install one with "
        f"apt-get install {PACKAGES}, or set MUJOCO_GL to a backend that works here."
    )


def fast_renderer(model: Any, size: int) -> mujoco.Renderer:
    """A square renderer with everything off that costs time and shows nothing.

    On a CPU the cost of a small frame is shadows, multi-sampling and textures, not
    pixels. The model's visual options are changed in place, so a recording made with
    this renderer differs from one made without.

    Raises:
        ImportError: If the GL backend does not start.
    """
    mujoco = _mujoco()
    model.vis.quality.shadowsize = 0
    model.vis.quality.offsamples = 0
    model.vis.global_.offwidth = size
    model.vis.global_.offheight = size
    try:
        renderer = mujoco.Renderer(model, size, size)
    except _gl_errors() as error:
        raise ImportError(
            f"MuJoCo cannot render here (MUJOCO_GL={os.environ.get('MUJOCO_GL')}): "
            f"{error}. Install {PACKAGES}, or set MUJOCO_GL to egl, osmesa or glfw "
            "before Python starts."
        ) from error
    for name in ("SHADOW", "REFLECTION", "SKYBOX", "HAZE", "FOG"):
        renderer.scene.flags[getattr(mujoco.mjtRndFlag, f"mjRND_{name}")] = 0
    _close_at_exit(weakref.ref(renderer))
    return renderer


def _mujoco() -> Any:
    """The module, imported late (it loads GL) and untyped, as the binding is."""
    return importlib.import_module("mujoco")


def _close_at_exit(reference: weakref.ref[mujoco.Renderer]) -> None:
    """Close a renderer that still lives at exit, before its GL backend goes.

    Exit handlers run newest first and the backend registered its own when it started;
    ``weakref.finalize`` may have registered earlier and would come too late.
    """

    def close() -> None:
        renderer = reference()
        if renderer is not None:
            renderer.close()

    atexit.register(close)


def _gl_errors() -> tuple[type[Exception], ...]:
    """What a GL backend raises when it cannot start; each has a type of its own."""
    mujoco = _mujoco()
    errors: list[type[Exception]] = [mujoco.FatalError, RuntimeError, ImportError]
    with contextlib.suppress(ImportError):
        from OpenGL.error import Error

        errors.append(Error)
    return (*errors, AttributeError, OSError)
