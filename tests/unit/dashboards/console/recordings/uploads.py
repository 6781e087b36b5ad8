"""Uploads as a client sends them that does not wish us well: no library tidies their names."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.test import Client


def upload(client: Client, files: Sequence[tuple[str, bytes]], **fields: str) -> Any:
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    for name, content in files:
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="{name}"'
        parts.append(f"{head}\r\n\r\n".encode() + content + b"\r\n")
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    return client.generic(
        "POST",
        "/api/v1/recordings",
        body,
        content_type=f"multipart/form-data; boundary={boundary}",
    )
