"""Bytes in, objects out: what the protocol says, without a socket, a clock or an event loop."""
