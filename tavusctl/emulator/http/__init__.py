"""HTTP: the server on a socket, requests and responses, who may call, callbacks."""
