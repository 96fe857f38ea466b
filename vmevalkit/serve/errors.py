"""Errors in the shape of OpenAI's API: `{"error": {"message": ..., "type": ..., "param": ..., "code": ...}}`."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from vmevalkit.errors import StorageError
from vmevalkit.redaction import clean

log = logging.getLogger(__name__)


class ApiError(Exception):
    """A request that is answered with an error.

    Args:
        status: of HTTP.
        message: what is wrong, the value, and how to fix it.
        code: a short stable code.
        param: the field of the request that is wrong.
        retry_after: seconds after which the request may be repeated.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.param = status, message, code, param
        self.headers = {"Retry-After": str(retry_after)} if retry_after is not None else None

    def response(self) -> JSONResponse:
        """Return the response."""
        kind = "server_error" if self.status >= 500 else "invalid_request_error"
        # Names of fields come from the client, and may be no valid Unicode.
        param = None if self.param is None else clean(self.param, 100)
        error = {"message": clean(self.message), "type": kind, "param": param, "code": self.code}
        return JSONResponse({"error": error}, self.status, self.headers)


def add_handlers(app: FastAPI) -> None:
    """Answer every exception in this shape."""

    @app.exception_handler(ApiError)
    async def _api_error(request: Request, error: ApiError) -> JSONResponse:
        return error.response()

    @app.exception_handler(HTTPException)
    async def _http_error(request: Request, error: HTTPException) -> JSONResponse:
        message = f"{request.method} {request.url.path[:200]}: {error.detail}"
        return ApiError(error.status_code, message).response()

    @app.exception_handler(RequestValidationError)
    async def _wrong_parameter(request: Request, error: RequestValidationError) -> JSONResponse:
        wrong = error.errors()[0]
        name = str(wrong["loc"][-1])
        return ApiError(400, f"{name}: {wrong['msg']}", param=name).response()

    @app.exception_handler(StorageError)
    async def _storage_error(request: Request, error: StorageError) -> JSONResponse:
        return ApiError(507, str(error), code="storage").response()

    @app.exception_handler(Exception)
    async def _bug(request: Request, error: Exception) -> JSONResponse:
        log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
        return ApiError(500, "the server failed; its log has the reason").response()
