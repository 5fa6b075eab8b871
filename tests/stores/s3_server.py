"""moto's S3 server, with atomic conditional writes; arguments: PORT [SECONDS], the delay of every request."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def one_at_a_time(application: Application) -> Application:
    """Serve one request at a time: moto checks a condition and writes in two steps, which S3 does atomically."""
    guard = threading.Lock()

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with guard:
            return list(application(environ, start_response))

    return guarded


def slow(application: Application, seconds: float) -> Application:
    """Delay every request by some seconds, like a distant server."""

    def far(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        time.sleep(seconds)
        return application(environ, start_response)

    return far


if __name__ == "__main__":
    moto = one_at_a_time(DomainDispatcherApplication(create_backend_app))
    moto = slow(moto, float(sys.argv[2])) if sys.argv[2:] else moto
    make_server("127.0.0.1", int(sys.argv[1]), moto, threaded=True).serve_forever()
