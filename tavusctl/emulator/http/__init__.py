"""The wire: a server on a socket, requests and responses, who may call, what is called back."""
