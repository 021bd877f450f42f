"""Staff, their roles and sessions, and the audit log, as the API shows them."""

from marshmallow import Schema, fields, validate

from bss.permissions import PERMISSIONS
from bss.staff.users import LANGUAGES
from db.queries.lists import AUDIT_SORTS
from webadmin.api.base import MAX_ID, PageArguments, list_schema, sort_field
from webadmin.api.schemas.customer_parts import ActivityOut
from webadmin.api.schemas.shapes import text, when, word


class RoleOut(Schema):
    """A role; a standing one comes with Lintas and is not edited."""

    id = fields.Integer()
    name = fields.String(metadata={"example": "counter"})
    description = fields.String()
    permissions = fields.List(fields.String(), metadata={"example": ["record_payments", "view_customers"]})
    is_standing = fields.Boolean()
    requires_second_factor = fields.Boolean()
    members = fields.Integer(metadata={"description": "how many of the provider's staff have it"})


class RoleIn(Schema):
    """A new role with permissions that the asking token holds."""

    name = text(40, example="counter", required=True)
    description = text(200, example="takes payments")
    permissions = fields.List(word(tuple(PERMISSIONS)), required=True, validate=validate.Length(1, len(PERMISSIONS)))


class RolePatch(Schema):
    """What is to be changed; it counts at once for everybody who has the role."""

    name = text(40, example="counter")
    description = text(200, example="takes payments")
    permissions = fields.List(word(tuple(PERMISSIONS)), validate=validate.Length(1, len(PERMISSIONS)))
    requires_second_factor = fields.Boolean()


class StaffMemberOut(Schema):
    """A member of staff."""

    id = fields.Integer()
    name = fields.String(metadata={"example": "Ratna Dewi"})
    email = fields.String(metadata={"example": "ratna@isp.example"})
    language = fields.String()
    is_active = fields.Boolean()
    roles = fields.List(fields.String(), metadata={"example": ["operator"]})
    operator_id = fields.Integer(allow_none=True)
    must_change_password = fields.Boolean()
    last_sign_in_at = when(allow_none=True)


class StaffIn(Schema):
    """A new member of staff; the password is made and shown once."""

    name = text(255, example="Ratna Dewi", required=True)
    email = text(254, example="ratna@isp.example", required=True)
    roles = fields.List(text(40), required=True, validate=validate.Length(1, 50), metadata={"example": ["operator"]})
    language = word(LANGUAGES)


class StaffRolesIn(Schema):
    """The roles in place of the present ones; all sessions of the account end."""

    roles = fields.List(text(40), required=True, validate=validate.Length(1, 50), metadata={"example": ["viewer"]})


class StaffIssued(StaffMemberOut):
    """A member of staff with what is shown once."""

    password = fields.String(metadata={"description": "shown once; it is changed at the first sign-in"})


class PasswordLinkOut(Schema):
    """A link with which a password is set, once."""

    url = fields.String(metadata={"description": "shown once"})
    expires_at = when()


class StaffSessionOut(Schema):
    """An open session at the panel."""

    id = fields.Integer()
    ip = fields.String(allow_none=True)
    agent = fields.String()
    proved_by = fields.String(metadata={"example": "totp"})
    begun_at = when()
    last_seen_at = when()


class AuditQuery(PageArguments):
    """Which entries."""

    sort = sort_field(AUDIT_SORTS, "-created_at")
    actor = fields.String(validate=validate.Length(1, 60), metadata={"description": "a part of the name"})
    action = fields.String(
        validate=validate.Length(1, 60),
        metadata={"description": "a whole action, or its first word for all of that kind", "example": "user"},
    )
    entity_type = fields.String(validate=validate.Length(1, 40), metadata={"example": "subscriptions"})
    entity_id = fields.Integer(validate=validate.Range(1, MAX_ID))
    customer_id = fields.Integer(validate=validate.Range(1, MAX_ID))
    after = when()
    before = when()


class AuditOut(ActivityOut):
    """One thing that was done, with from where."""

    actor_user_id = fields.Integer(allow_none=True)
    customer_id = fields.Integer(allow_none=True)
    ip = fields.IP(allow_none=True, metadata={"example": "192.0.2.10"})


class AuditCheckOut(Schema):
    """The newest check of the sealed chain on which the audit log hangs; a job makes one every night."""

    checked_at = when(allow_none=True, metadata={"description": "null before the first check"})
    is_whole = fields.Boolean(
        allow_none=True, metadata={"description": "null when the check could not be made", "example": True}
    )
    links = fields.Integer(metadata={"description": "how many entries were checked", "example": 48210})
    found = fields.String(metadata={"description": "what is wrong; for staff of the first provider", "example": ""})


RoleList = list_schema(RoleOut, name="RoleList")
StaffList = list_schema(StaffMemberOut, name="StaffList")
StaffSessionList = list_schema(StaffSessionOut, name="StaffSessionList")
AuditList = list_schema(AuditOut, name="AuditList")
