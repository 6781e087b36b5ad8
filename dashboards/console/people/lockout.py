"""Who is locked out after wrong passwords."""

from typing import Any


def is_provided(_request: Any, credentials: dict[str, Any] | None) -> bool:
    """Whether a login gives no name, as one by single sign-on: the provider has its own lockout.

    All of them would else count as one user's, and some failed ones lock out everybody behind one
    address.
    """
    return not (credentials or {}).get("username")
