"""Calls LiveKit's plugin: reads one call per line as JSON, and writes its result or its error as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import aiohttp  # type: ignore[import-not-found,unused-ignore]
from livekit.plugins.tavus.api import TavusAPI  # type: ignore[import-not-found]


async def carry_out(call: dict[str, Any], url: str, key: str) -> dict[str, Any]:
    """Carry out one call of the plugin."""
    async with aiohttp.ClientSession() as session:
        api = TavusAPI(api_key=key, api_url=url, session=session)
        try:
            return {"answer": await getattr(api, call["name"])(**call["arguments"])}
        except Exception as error:  # noqa: BLE001 - any error is reported
            return {"error": f"{error} {getattr(error, 'body', '')}"}


for line in sys.stdin:
    sys.stdout.write(json.dumps(asyncio.run(carry_out(json.loads(line), *sys.argv[1:]))) + "\n")
    sys.stdout.flush()
