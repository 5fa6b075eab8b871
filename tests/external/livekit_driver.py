"""Calls LiveKit's plugin: a call as JSON on each line in, its answer or its error as JSON out."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import aiohttp  # type: ignore[import-not-found,unused-ignore]
from livekit.plugins.tavus.api import TavusAPI  # type: ignore[import-not-found]


async def carry_out(call: dict[str, Any], url: str, key: str) -> dict[str, Any]:
    """One call of the plugin."""
    async with aiohttp.ClientSession() as session:
        api = TavusAPI(api_key=key, api_url=url, session=session)
        try:
            return {"answer": await getattr(api, call["name"])(**call["arguments"])}
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
            return {"error": f"{error} {getattr(error, 'body', '')}"}


for line in sys.stdin:
    sys.stdout.write(json.dumps(asyncio.run(carry_out(json.loads(line), *sys.argv[1:]))) + "\n")
    sys.stdout.flush()
