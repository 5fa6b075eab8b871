"""The JSON Schema of the project file, tavusctl.yaml."""

from __future__ import annotations

from typing import Any, Final

from tavusctl.model import NAME

_VARIABLE: Final = "^[A-Za-z_][A-Za-z0-9_]*$"

_UPLOADS: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": "^(s3|gs|az)://",
    "description": "Where files of documents are uploaded to that name no other place, such as s3://bucket/prefix.",
}
_CRAWL_LIMIT: Final[dict[str, Any]] = {
    "type": "integer",
    "minimum": 1,
    "description": "Documents with a crawl that the account may have; 100, which everybody may, when left out.",
}
_ENVIRONMENT: Final[dict[str, Any]] = {
    "type": ["object", "null"],
    "description": "One account that the project is applied to.",
    "properties": {
        "account": {
            "type": "string",
            "description": "A label; bound to the account on first use, and refused when another account answers.",
        },
        "api_key_env": {
            "type": "string",
            "pattern": _VARIABLE,
            "description": "Environment variable that holds the API key; TAVUS_API_KEY when left out.",
        },
        "state": {
            "type": "string",
            "description": "Where state lives: s3://, gs://, az:// or file://; a file in the project when left out.",
        },
        "uploads": _UPLOADS,
        "crawl_limit": _CRAWL_LIMIT,
        "vars": {"type": "object", "description": "What ${var:NAME} stands for."},
    },
    "additionalProperties": False,
}

_SAFETY: Final[dict[str, Any]] = {
    "type": "object",
    "description": "Limits on deletes in one run; lifted only by --allow-deletes.",
    "properties": {
        "max_deletes": {"type": "integer", "minimum": 0, "description": "Objects at most; 5 when left out."},
        "max_delete_ratio": {
            "type": "number",
            "minimum": 0,
            "maximum": 1,
            "description": "Share of the managed objects at most; 0.3 when left out.",
        },
    },
    "additionalProperties": False,
}

_ADDRESS: Final[dict[str, Any]] = {
    "type": "string",
    "pattern": f"^[a-z]+/{NAME.pattern}$",
    "description": "An address, such as persona/sales-coach; its id is what the application gets.",
}

_LITERAL: Final[dict[str, Any]] = {
    "type": "object",
    "description": "A value as it is, such as {value: true}.",
    "properties": {"value": {"type": ["string", "number", "boolean"], "description": "What the application gets."}},
    "required": ["value"],
    "additionalProperties": False,
}


def for_project() -> dict[str, Any]:
    """The schema of the project file; every key may be left out."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "description": "A tavusctl project.",
        "type": "object",
        "properties": {
            "version": {"const": 1, "description": "Version of this file's layout."},
            "manifests": {"type": "string", "description": "Folder of the manifests; manifests when left out."},
            "secrets": {
                "type": "array",
                "items": {"type": "string", "pattern": _VARIABLE},
                "uniqueItems": True,
                "description": "Environment variables that ${secret:NAME} may read, and nothing else.",
            },
            "environments": {
                "type": "object",
                "propertyNames": {"pattern": f"^{NAME.pattern}$"},
                "additionalProperties": _ENVIRONMENT,
                "description": "Accounts by name; chosen with --env or TAVUSCTL_ENV.",
            },
            "safety": _SAFETY,
            "uploads": _UPLOADS,
            "crawl_limit": _CRAWL_LIMIT,
            "outputs": {
                "type": "object",
                "propertyNames": {"pattern": _VARIABLE},
                "additionalProperties": {
                    "anyOf": [_ADDRESS, {"type": "array", "items": _ADDRESS}, _LITERAL],
                },
                "description": "Names under which applications get ids, each for an address, or for several.",
            },
        },
        "additionalProperties": False,
    }
