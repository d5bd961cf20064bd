"""The wires: one class of `Exchange` each, and nothing of the server's work."""
