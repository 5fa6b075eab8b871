"""A workflow sets a variable for each secret of a store, also for those that the repository does not have."""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tavusctl.state.object_store.urls import connect
from tests.stores.servers import variables
from tests.web import serving

obstore = pytest.importorskip("obstore")
ROLE = {"AccessKeyId": "ROLE", "SecretAccessKey": "s", "Token": "t", "Expiration": "2099-01-01T00:00:00Z"}


def test_an_empty_key_does_not_hide_the_credentials_of_the_machine(tmp_path: Path) -> None:
    signed: list[str] = []

    class Machine(BaseHTTPRequestHandler):
        """Gives credentials, as a machine of a cloud does, and is the store."""

        def do_GET(self) -> None:
            content = json.dumps(ROLE).encode() if self.path == "/credentials" else b"kept"
            signed.extend([self.headers["Authorization"]] * (self.path != "/credentials"))
            self.send_response(200)
            for name, value in {"Content-Length": str(len(content)), "ETag": '"1"'}.items():
                self.send_header(name, value)
            self.send_header("Last-Modified", "Tue, 01 Dec 2026 00:00:00 GMT")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    token = tmp_path / "token"
    token.write_text("token")
    with serving(Machine) as port:
        url = f"http://127.0.0.1:{port}"
        empty = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_REGION": "", "AWS_ENDPOINT_URL": url}
        machine = {
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{url}/credentials",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": str(token),
        }
        with variables({**empty, **machine}):
            content = obstore.get(connect("s3", "acme", "s3://acme"), "state.json").bytes()

    assert bytes(content) == b"kept"
    assert [" Credential=ROLE/" in one for one in signed] == [True]


def test_an_empty_variable_is_no_file_of_a_key() -> None:
    with variables({"GOOGLE_SERVICE_ACCOUNT_KEY": ""}):
        assert connect("gs", "acme", "gs://acme").config == {"bucket": "acme"}
