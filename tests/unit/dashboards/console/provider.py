"""A provider of single sign-on, as small as OpenID Connect allows."""

import base64
import hashlib
import json
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CODE, KEY_ID = "the-code", "key-1"


@dataclass(frozen=True)
class Said:
    """What a provider says of one login; `info_subject` is of whom it then tells, if of another.

    Other `claims` it tells with the user, or `in_token` alone.
    """

    user: str = "ann.nurse"
    subject: str = "1234"
    audience: str | tuple[str, ...] = "heartward"
    issuer: str | None = None
    lives_s: float = 60.0
    info_subject: str | None = None
    is_broken: bool = False
    claims: tuple[tuple[str, Any], ...] = ()
    in_token: bool = False


class Provider:
    """Lets somebody in at once: at each login whom the next of `said` names, then the last one."""

    def __init__(self, *said: Said) -> None:
        self._said = list(said)
        self.now = self._said[0]
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._asked: dict[str, str] = {}
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.address = f"http://127.0.0.1:{self._http.server_port}"
        threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def settings(self) -> dict[str, str]:
        """What a console that uses it is told."""
        places = {"authorization": "authorize", "token": "token", "user": "user", "keys": "keys"}
        prefix = "HEARTWARD_CONSOLE_OIDC"
        urls = {f"{prefix}_{k.upper()}_URL": f"{self.address}/{v}" for k, v in places.items()}
        own = {"CLIENT_ID": "heartward", "CLIENT_SECRET": "secret", "ISSUER": self.address}
        return urls | {f"{prefix}_{name}": value for name, value in own.items()}

    def authorize(self, asked: dict[str, str]) -> dict[str, str]:
        """Where a browser would be sent back to, with this."""
        self._asked = asked
        self.now = self._said.pop(0) if len(self._said) > 1 else self._said[0]
        return {"code": CODE, "state": asked["state"]}

    def token(self, given: dict[str, str]) -> dict[str, str]:
        """Raise `ValueError` for who did not ask before."""
        digest = hashlib.sha256(given["code_verifier"].encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if (given["code"], challenge) != (CODE, self._asked["code_challenge"]):
            raise ValueError("this is not who asked")
        audience = self.now.audience
        claims = {
            "iss": self.now.issuer or self.address,
            "sub": self.now.subject,
            "aud": audience if isinstance(audience, str) else list(audience),
            "nonce": self._asked["nonce"],
            "exp": time.time() + self.now.lives_s,
            **(dict(self.now.claims) if self.now.in_token else {}),
        }
        token = jwt.encode(claims, self._key, algorithm="RS256", headers={"kid": KEY_ID})
        return {"access_token": "access", "token_type": "Bearer", "id_token": token}

    def keys(self) -> dict[str, Any]:
        public = jwt.algorithms.RSAAlgorithm.to_jwk(self._key.public_key(), as_dict=True)
        return {"keys": [{**public, "kid": KEY_ID, "alg": "RS256"}]}


def _handler(provider: Provider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            match parts.path:
                case "/authorize":
                    self._say(provider.authorize(_values(parts.query)))
                case "/keys":
                    self._say(provider.keys())
                case "/user":
                    now = provider.now
                    subject = now.info_subject or now.subject
                    more = {} if now.in_token else dict(now.claims)
                    self._say({"sub": subject, "preferred_username": now.user, **more})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if provider.now.is_broken:
                self.send_error(503)
                return
            try:
                self._say(provider.token(_values(body)))
            except ValueError:
                self.send_error(400)

        def _say(self, document: object) -> None:
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


def _values(query: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(query).items()}
