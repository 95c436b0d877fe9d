"""The HTTP side: its addresses, and an OpenAI error object for whatever cannot be answered."""

from __future__ import annotations

import time

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from treewright.serving.catalogue import OWNER
from treewright.serving.desk import Desk
from treewright.serving.exchange import Exchange
from treewright.serving.faults import ApiFault, draining
from treewright.serving.guard import Guard
from treewright.serving.keys import Keys
from treewright.serving.metrics import CONTENT_TYPE
from treewright.serving.told import told, unforeseen
from treewright.serving.tree import tree_of_run


def app_of(desk: Desk, keys: Keys) -> FastAPI:
    """The application over a desk."""
    app = FastAPI(openapi_url=None)
    app.add_middleware(Guard, keys=keys)
    _tell_faults(app)
    _about(app, desk)
    _chat(app, desk)
    return app


def _tell_faults(app: FastAPI) -> None:
    """Whatever goes wrong is an error object."""

    @app.exception_handler(ApiFault)
    async def fault(request: Request, error: ApiFault) -> Response:
        return told(error)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = "method_not_allowed" if error.status_code == 405 else "not_found"
        what = f"{request.method} {request.url.path[:80]}: {error.detail}"
        return told(ApiFault(error.status_code, code, what, headers=error.headers or {}))

    @app.exception_handler(Exception)
    async def internal(request: Request, error: Exception) -> Response:
        return told(unforeseen(error))


def _about(app: FastAPI, desk: Desk) -> None:
    """What says something of the server."""
    started = int(time.time())

    @app.get("/health")
    async def health() -> Response:
        if desk.queue.draining:
            return told(draining())
        if why := desk.engines.fault:
            return told(ApiFault(503, "engines_unavailable", why))
        return JSONResponse({"status": "ok"})

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(desk.metrics.text(), headers={"content-type": CONTENT_TYPE})

    @app.get("/v1/models")
    async def models() -> Response:
        listed = [model(name, started) for name in desk.catalogue.names()]
        return JSONResponse({"object": "list", "data": listed})

    @app.get("/v1/models/{name:path}")
    async def one(name: str) -> Response:
        return JSONResponse(model(desk.catalogue.known(name), started))


def _chat(app: FastAPI, desk: Desk) -> None:
    """What searches, and what was searched."""

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        return await Exchange(desk, request).response()

    @app.get("/v1/trees/{id:path}")
    async def tree(id: str) -> Response:
        return JSONResponse(await tree_of_run(desk.store, id))


def model(name: str, created: int) -> dict[str, object]:
    """One entry of the list."""
    return {"id": name, "object": "model", "created": created, "owned_by": OWNER}
