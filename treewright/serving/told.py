"""A fault as an HTTP response."""

from __future__ import annotations

from starlette.responses import JSONResponse, Response

from treewright.hiding import hide
from treewright.serving.faults import ApiFault


def told(fault: ApiFault) -> Response:
    """The response that tells a fault."""
    return JSONResponse(fault.body, fault.status, headers=dict(fault.headers))


def unforeseen(error: Exception) -> ApiFault:
    """What nobody foresaw."""
    return ApiFault(500, "internal_error", hide(f"{type(error).__name__}: {error}"))
