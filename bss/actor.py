"""Who is doing it: the member of staff, token or job behind a change, as the audit log names them."""

from dataclasses import dataclass

from db.models import ApiToken, User

MAX_NAME = 255


@dataclass(frozen=True, kw_only=True, slots=True)
class Actor:
    """The one who acts, always inside one tenant. `kind` is "user", "token", "customer" or "system"."""

    tenant_id: int
    kind: str
    name: str
    user_id: int | None = None
    ip: str | None = None
    # The operator whose staff it is; none for the provider's own, who act on every customer.
    operator_id: int | None = None

    @classmethod
    def of_user(cls, user: User, *, ip: str | None = None) -> "Actor":
        """A member of staff at the panel."""
        return cls(
            tenant_id=user.tenant_id,
            kind="user",
            name=user.name[:MAX_NAME],
            user_id=user.id,
            ip=ip,
            operator_id=user.operator_id,
        )

    @classmethod
    def of_token(cls, token: ApiToken, *, ip: str | None = None) -> "Actor":
        """A program with a token; its owner answers for it."""
        name = f"{token.name} ({token.user.name})"[:MAX_NAME]
        operator_id = token.user.operator_id
        return cls(
            tenant_id=token.tenant_id, kind="token", name=name, user_id=token.user_id, ip=ip, operator_id=operator_id
        )

    @classmethod
    def system(cls, *, tenant_id: int, name: str) -> "Actor":
        """A job or a command on the server; `name` says which."""
        return cls(tenant_id=tenant_id, kind="system", name=name[:MAX_NAME])
