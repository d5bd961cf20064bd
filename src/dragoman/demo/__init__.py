"""A shop and its handbook, made up from a seed: something to serve before you serve your own."""
