"""The view of the tutorials: Flask takes the file apart, and requests sends it on. No token, no record, no check."""

from __future__ import annotations

import os

import requests
from flask import Flask, Response, jsonify, request
from requests_toolbelt import MultipartEncoder

app = Flask(__name__)


@app.post("/upload")
def upload() -> tuple[Response, int]:
    """Pass the file on."""
    file = request.files["file"]
    encoder = MultipartEncoder(
        {
            "spaceId": "us_sp_bench",
            "environmentId": "us_env_bench",
            "file": (file.filename, file.stream, file.mimetype),
        }
    )
    reply = requests.post(  # noqa: S113 - as the tutorials have it
        os.environ["SINK"],
        data=encoder,
        headers={"Content-Type": encoder.content_type, "Authorization": "Bearer sk_bench"},
    )
    return jsonify(ok=reply.ok), 201


@app.get("/healthz")
def health() -> str:
    """Say that it runs."""
    return "ok"
