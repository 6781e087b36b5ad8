"""Lists come in pages; `next` and `previous` are addresses."""

from typing import Any

from rest_framework.pagination import LimitOffsetPagination


class Pages(LimitOffsetPagination):
    default_limit = 100
    max_limit = 1000

    def get_paginated_response_schema(self, schema: Any) -> dict[str, Any]:
        """As OpenAPI 3.1 says that there may be no further page."""
        made: dict[str, Any] = super().get_paginated_response_schema(schema)
        for name in ("next", "previous"):
            made["properties"][name] = {"type": ["string", "null"], "format": "uri"}
        return made
