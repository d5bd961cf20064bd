"""Who calls: a frozen value, made once per request and passed down, never looked up again."""

from msgspec import Struct

Claim = str | int | float | bool | None
"""What is known of a caller besides who it is: a value that can be bound to a query."""


class Principal(Struct, frozen=True, eq=False):
    """Who a request comes from, and what was said of them by whoever signed them in.

    Sessions, cursors, tasks and cached values belong to one principal; anybody else sees "not found". Two are equal
    when they are the same caller: the same in the first four fields, whatever they may do just now.

    Args:
        subject: the caller's id at the issuer; empty for an anonymous caller.
        issuer: who vouches for the subject.
        client: the client program that the subject uses.
        tenant: the organisation that the subject belongs to.
        roles: the roles it has, which decide what it sees.
        scopes: what the credential was given for (RFC 6749, 3.3).
        claims: further facts by name, which row filters use as `:principal.NAME`.
    """

    subject: str = ""
    issuer: str = ""
    client: str = ""
    tenant: str = ""
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    claims: tuple[tuple[str, Claim], ...] = ()

    @property
    def identity(self) -> tuple[str, str, str, str]:
        """Who it is, without what it may do."""
        return self.subject, self.issuer, self.client, self.tenant

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody signed in."""
        return not self.subject

    def attributes(self) -> dict[str, Claim]:
        """Every fact about the caller by name; a claim can't pass itself off as one of the first four fields."""
        own = {"subject": self.subject, "issuer": self.issuer, "client": self.client, "tenant": self.tenant}
        return {**dict(self.claims), **own}

    def __eq__(self, other: object) -> bool:
        return self.identity == other.identity if isinstance(other, Principal) else NotImplemented

    def __ne__(self, other: object) -> bool:  # a Struct's own would compare the objects
        return not self == other

    def __hash__(self) -> int:
        return hash(self.identity)


ANONYMOUS = Principal()
"""The caller of a server that asks nobody to sign in."""
