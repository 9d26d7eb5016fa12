"""The server: who may talk to it, what may come in and go out, and what the page's scripts ask for."""
