from rest_framework.pagination import CursorPagination
from rest_framework.response import Response


class Page(CursorPagination):
    """Newest first, by id (ids are time-ordered). The cursor is opaque; a page never shifts under the reader."""

    ordering = "-id"
    page_size = 50
    page_size_query_param = "limit"
    max_page_size = 200
    cursor_query_description = "Opaque cursor from `next` or `previous` of another page."

    def get_paginated_response(self, data):
        return Response({"data": data, "next": self.get_next_link(), "previous": self.get_previous_link()})

    def get_paginated_response_schema(self, schema):
        link = {"type": "string", "format": "uri", "nullable": True}
        return {
            "type": "object",
            "required": ["data", "next", "previous"],
            "properties": {"data": schema, "next": link, "previous": link},
        }
