"""Who calls: a frozen value, made once per request and passed down, never looked up again."""

from msgspec import Struct


class Principal(Struct, frozen=True):
    """Who a request comes from.

    Sessions, cursors and cached values are keyed by all four fields; anybody else sees "not found".

    Args:
        subject: the caller's id at the issuer; empty for an anonymous caller.
        issuer: who vouches for the subject.
        client: the client program that the subject uses.
        tenant: the organisation that the subject belongs to.
    """

    subject: str = ""
    issuer: str = ""
    client: str = ""
    tenant: str = ""

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody signed in."""
        return not self.subject


ANONYMOUS = Principal()
"""The caller of a server that asks nobody to sign in."""
