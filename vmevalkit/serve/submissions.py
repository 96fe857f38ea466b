"""Requests for videos: read and check what a client sends.

Everything in a request is untrusted. The size of the body is limited before anything is parsed, the fields are a closed
set, and images are decoded by the kit's own reader and stored as PNG again. No field becomes a path, and nothing is
fetched from the network.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import json
import re
import threading
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from fastapi import Request
from pydantic import Field, ValidationError, field_validator, model_validator
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile
from starlette.types import Message, Receive

from vmevalkit import media, store
from vmevalkit.defaults import DEFAULT_SEED
from vmevalkit.errors import QuestionError, UnknownName, explain_validation
from vmevalkit.serve.errors import ApiError
from vmevalkit.types import Record, Seed, Size

MAX_BODY = 32 * 2**20
_BODY_SECONDS = 120.0
_MAX_FIELDS = 40

# One image at a time, because a decoded one may take a hundred megabytes.
_decoding = threading.Lock()


class VideoRequest(Record):
    """The fields of a request, beside the image. `width` and `height` are another way to give `size`."""

    prompt: Annotated[str, Field(min_length=1, max_length=20_000)]
    model: str | None = None
    seconds: Annotated[float, Field(gt=0, le=600)] | None = None
    size: Size | None = None
    width: Annotated[int, Field(ge=1, le=media.MAX_SIDE)] | None = None
    height: Annotated[int, Field(ge=1, le=media.MAX_SIDE)] | None = None
    seed: Seed = DEFAULT_SEED
    num_frames: Annotated[int, Field(ge=1, le=media.MAX_FRAMES)] | None = None
    fps: Annotated[float, Field(gt=0, le=240)] | None = None
    num_inference_steps: Annotated[int, Field(ge=1, le=1000)] | None = None
    guidance_scale: Annotated[float, Field(ge=0, le=100)] | None = None
    guidance_scale_2: Annotated[float, Field(ge=0, le=100)] | None = None
    user: str | None = None

    @field_validator("prompt")
    @classmethod
    def _prompt_says_something(cls, prompt: str) -> str:
        if not prompt.strip():
            raise ValueError("is empty")
        return prompt

    @field_validator("size", mode="before")
    @classmethod
    def _size_from_text(cls, size: Any) -> Any:
        sides = re.fullmatch(r"([0-9]{1,5})[xX]([0-9]{1,5})", size) if isinstance(size, str) else None
        if sides is None:
            raise ValueError("write it as 720x480")
        return int(sides[1]), int(sides[2])

    @model_validator(mode="after")
    def _sizes_agree(self) -> VideoRequest:
        if (self.width is None) != (self.height is None):
            raise ValueError("width and height must be given together")
        if self.size is not None and self.width is not None and self.size != (self.width, self.height):
            raise ValueError(f"size {self.size[0]}x{self.size[1]} contradicts width and height")
        return self

    @property
    def frame_size(self) -> Size | None:
        """The requested size of the video."""
        return (self.width, self.height) if self.width is not None and self.height is not None else self.size

    @property
    def options(self) -> dict[str, Any]:
        """The settings of a model that the request gives, without its size."""
        names = ("num_frames", "fps", "num_inference_steps", "guidance_scale", "guidance_scale_2")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


class Submission(Record):
    """A checked request: its fields, and the first frame as PNG with its size."""

    request: VideoRequest
    image: bytes
    image_size: Size

    def digest(self, model: str) -> str:
        """Return the digest of everything that is asked of a model."""
        fields = self.request.model_copy(update={"model": model}).model_dump_json(exclude={"user"})
        return hashlib.sha256(fields.encode() + self.image).hexdigest()


async def read_submission(request: Request, folder: Path) -> Submission:
    """Read and check a request.

    Args:
        request: multipart/form-data, as the SDK of OpenAI sends it, or JSON.
        folder: for the uploaded file while it is decoded.

    Raises:
        ApiError: something in it cannot be used.
    """
    fields, image = await _read_fields(request)
    given = {name: value for name, value in fields.items() if value is not None and value != ""}
    try:
        checked = VideoRequest.model_validate(given)
    except ValidationError as error:
        raise _wrong_fields(error) from None
    if image is None:
        raise ApiError(400, "the first frame is missing; send it as input_reference", param="input_reference")
    png, size = await run_in_threadpool(_normal_image, image, folder)
    return Submission(request=checked, image=png, image_size=size)


def _wrong_fields(error: ValidationError) -> ApiError:
    location = error.errors()[0]["loc"]
    message = explain_validation(error)
    if error.errors()[0]["type"] == "extra_forbidden":
        message = str(UnknownName("field", str(location[0])[:100], VideoRequest.model_fields))
    return ApiError(400, message, param=str(location[0])[:100] if location else None)


async def _read_fields(request: Request) -> tuple[dict[str, Any], bytes | None]:
    """Return the fields of a body, and the uploaded or embedded image, if there is one."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    limited = Request(request.scope, _limited(request.receive))
    try:
        if kind == "multipart/form-data":
            fields, upload = await asyncio.wait_for(_read_form(limited), _BODY_SECONDS)
        elif kind == "application/json":
            fields, upload = _parse_json(await asyncio.wait_for(limited.body(), _BODY_SECONDS)), None
        else:
            raise ApiError(415, f"content type '{kind[:100]}': send multipart/form-data or application/json")
    except asyncio.TimeoutError:
        raise ApiError(408, f"the request took more than {_BODY_SECONDS:g} seconds to arrive") from None
    embedded = _embedded_image(fields)
    if upload is not None and embedded is not None:
        raise ApiError(400, "there are two images; send only input_reference", param="input_reference")
    return fields, upload if upload is not None else embedded


def _limited(receive: Receive) -> Receive:
    """Limit the size of a body. The rest of a longer one is read and dropped, so that the client reads the response."""
    received = 0

    async def receive_limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        while received > MAX_BODY:
            if not message.get("more_body") or received > 16 * MAX_BODY:
                raise ApiError(413, f"the request is larger than {MAX_BODY // 2**20} MiB", code="request_too_large")
            message = await receive()
            received += len(message.get("body", b""))
        return message

    return receive_limited


async def _read_form(request: Request) -> tuple[dict[str, Any], bytes | None]:
    async with request.form(max_files=1, max_fields=_MAX_FIELDS, max_part_size=MAX_BODY) as form:
        fields: dict[str, Any] = {}
        upload = None
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                if name not in ("input_reference", "image"):
                    raise ApiError(400, f"unexpected file '{name[:100]}'; send it as input_reference", param=name[:100])
                upload = await value.read()
            elif name in fields:
                raise ApiError(400, f"the field '{name[:100]}' is given twice", param=name[:100])
            else:
                fields[name] = value
    return fields, upload


def _parse_json(body: bytes) -> dict[str, Any]:
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise ApiError(400, "the body is not valid JSON") from None
    if not isinstance(fields, dict):
        raise ApiError(400, "the body must be a JSON object")
    return fields


def _embedded_image(fields: dict[str, Any]) -> bytes | None:
    """Take the image out of the fields, where it may be a data URI.

    The SDK of OpenAI sends `{"image_url": ...}` in a form as `input_reference[image_url]`.
    """
    found = []
    for name in ("input_reference", "image_reference"):
        value = fields.pop(name, None)
        if name == "image_reference" and isinstance(value, str) and value.startswith("{"):
            value = _parse_json(value.encode())
        flat = {key: fields.pop(f"{name}[{key}]") for key in ("image_url", "file_id") if f"{name}[{key}]" in fields}
        reference = flat or value
        if reference is not None and reference != "":
            found.append(_decode_reference(name, reference))
    if len(found) > 1:
        raise ApiError(400, "there are two images; send only input_reference", param="image_reference")
    return found[0] if found else None


def _decode_reference(name: str, reference: Any) -> bytes:
    url = reference.get("image_url") if isinstance(reference, dict) else reference
    if not isinstance(url, str):
        raise ApiError(400, f"{name} must be a file or an object with image_url; there are no file ids", param=name)
    head, comma, data = url.partition(",")
    if not re.fullmatch(r"data:image/[a-z.+-]{1,40};base64", head, re.IGNORECASE) or not comma:
        raise ApiError(
            400, f"{name} must be a file or a data URI (data:image/png;base64,...); no URL is fetched", param=name
        )
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(400, f"{name}: the data URI is not valid base64", param=name) from None


def _normal_image(data: bytes, folder: Path) -> tuple[bytes, Size]:
    """Decode an image, and return it as PNG without anything else that its file contained, and its size."""
    path = folder / store.temporary_name("upload")
    try:
        store.write_bytes(path, data)
        with _decoding:
            image = media.load_image(path)
            return media.png(np.asarray(image)), image.size
    except QuestionError as error:
        message = str(error).replace(str(path), "input_reference")
        raise ApiError(400, message, code="invalid_image", param="input_reference") from None
    finally:
        path.unlink(missing_ok=True)
