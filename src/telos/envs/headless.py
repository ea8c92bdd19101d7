"""MuJoCo rendering without a screen."""

from __future__ import annotations

import atexit
import contextlib
import ctypes.util
import importlib
import os
import sys
import weakref
from typing import Any

LIBRARIES = {"egl": "EGL", "osmesa": "OSMesa"}
"""Headless backend -> the shared library that it loads; the first found is taken."""
PACKAGES = "libegl1 libgl1-mesa-dri (or libosmesa6)"
"""Debian packages that bring software rendering."""
USELESS = ("SHADOW", "REFLECTION", "SKYBOX", "HAZE", "FOG")
"""Effects that cost most of the time of a small frame and show nothing."""


def prefer_headless() -> str | None:
    """Tell MuJoCo to render without a screen, best before anything imports it.

    ``MUJOCO_GL`` wins, then EGL, then OSMesa, then a screen.

    Returns:
        The backend in use; None if there is neither a GL library nor a screen.
    """
    chosen = os.environ.get("MUJOCO_GL")
    if chosen:
        return chosen.lower()
    if sys.platform != "linux":
        return "native"
    for backend, library in LIBRARIES.items():
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
    library = LIBRARIES.get(backend or "")
    if backend is None or (library and not ctypes.util.find_library(library)):
        raise ImportError(
            "pixels from MuJoCo need a GL library and none was found for "
            f"MUJOCO_GL={backend}: install one with apt-get install {PACKAGES}, or set "
            "MUJOCO_GL to a backend that works here (egl, osmesa, glfw)."
        )
    return backend


def fast_renderer(model: Any, size: int) -> Any:
    """A square mujoco.Renderer with everything off that costs time and shows nothing.

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
    _match_backend(mujoco, require_gl())
    try:
        renderer = mujoco.Renderer(model, size, size)
    except _gl_errors(mujoco) as error:
        raise ImportError(
            f"MuJoCo cannot render here (MUJOCO_GL={os.environ.get('MUJOCO_GL')}): "
            f"{error}. Install {PACKAGES}, or set MUJOCO_GL to egl, osmesa or glfw."
        ) from error
    for name in USELESS:
        renderer.scene.flags[getattr(mujoco.mjtRndFlag, f"mjRND_{name}")] = 0
    _close_at_exit(weakref.ref(renderer))
    return renderer


def _mujoco() -> Any:
    """The module, imported late (it loads GL) and untyped, as the binding is."""
    return importlib.import_module("mujoco")


def _match_backend(mujoco: Any, backend: str) -> None:
    """Make MuJoCo read ``MUJOCO_GL`` again if it was imported before that was set.

    With the wrong backend it would not raise but end the process.
    """
    module = sys.modules[mujoco.Renderer.__module__].gl_context
    context = getattr(module, "GLContext", None)
    if backend in LIBRARIES and not getattr(context, "__module__", "").endswith(
        backend
    ):
        importlib.reload(module)


def _close_at_exit(reference: weakref.ref[Any]) -> None:
    """Close a renderer that still lives at exit, before its GL backend goes.

    Exit handlers run newest first and the backend registered its own when it started;
    ``weakref.finalize`` may have registered earlier and would come too late.
    """

    def close() -> None:
        renderer = reference()
        if renderer is not None:
            renderer.close()

    atexit.register(close)


def _gl_errors(mujoco: Any) -> tuple[type[Exception], ...]:
    """What a GL backend raises when it cannot start; each has a type of its own."""
    errors: list[type[Exception]] = [mujoco.FatalError, RuntimeError, ImportError]
    with contextlib.suppress(ImportError):
        from OpenGL.error import Error

        errors.append(Error)
    return (*errors, AttributeError, OSError)
