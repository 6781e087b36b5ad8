"""A patient's identity, encrypted before it reaches the database."""

import msgspec
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """Who a pseudonym stands for; kept in the console's database and nowhere else."""

    name: str = ""
    born: str = ""
    number: str = ""


class IdentityError(Exception):
    """The identity was encrypted with a key that is not there."""


def seal(identity: Identity) -> bytes:
    return bytes(_keys().encrypt(msgspec.json.encode(identity)))


def unseal(sealed: bytes) -> Identity:
    """Raise `IdentityError` when none of the keys fits."""
    try:
        return msgspec.json.decode(_keys().decrypt(bytes(sealed)), type=Identity)
    except InvalidToken:
        raise IdentityError("the key that this identity was encrypted with is not there") from None


def resealed(sealed: bytes) -> bytes:
    """The same, encrypted with the newest key; raises `IdentityError` as `unseal` does."""
    try:
        return bytes(_keys().rotate(bytes(sealed)))
    except InvalidToken:
        raise IdentityError("the key that this identity was encrypted with is not there") from None


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key.strip()) for key in settings.IDENTITY_KEYS])
