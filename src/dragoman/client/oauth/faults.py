"""What is raised where a sign-in cannot be done: one sentence that says why and what to do."""

from dragoman.errors import ConnectionFault


class SignInFault(ConnectionFault):
    """The server wants a sign-in, and there is none: refused, given up, or not safe to do."""
