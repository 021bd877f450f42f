"""What routers show and what is ordered on them, in and out."""

from marshmallow import Schema, fields, validate

from bss.router_api.parts import PARTS
from db.queries.router_tables import MAX_SHOWN
from domain.router_order import ORDER_KINDS, ORDER_STATUSES
from domain.router_secret import SECRET_SERVICES
from webadmin.api.base import list_schema
from webadmin.api.schemas.shapes import boolean, search_argument, text, when, whole, word


class RouterTestedOut(Schema):
    """How asking the router went; `fingerprint` is a certificate to be compared and trusted."""

    is_well = fields.Boolean()
    message = fields.String(metadata={"example": "RB-Cempaka answers, RouterOS 7.19.4 (stable)"})
    code = fields.String(metadata={"description": "one word for programs", "example": "ok"})
    identity = fields.String(metadata={"example": "RB-Cempaka"})
    version = fields.String(metadata={"example": "7.19.4 (stable)"})
    fingerprint = fields.String(allow_none=True)


class RemovalQuery(Schema):
    """What becomes of names and passwords of ours on the router."""

    secrets = word(
        ("remove", "leave"),
        load_default="remove",
        metadata={"description": "`remove`: it is ordered to give them up, and goes then; `leave`: it goes at once"},
    )


class RemovalOut(Schema):
    """How far the removal of a router is. `names` of ours are on it (the first two hundred of `secrets`).

    `is_asked`: it goes when they are gone. Where `is_removed`, they stay on it.
    """

    is_removed = fields.Boolean()
    is_asked = fields.Boolean()
    secrets = fields.Integer(metadata={"example": 2})
    waiting = fields.Integer(metadata={"description": "orders that are on their way"})
    failed = fields.Integer(metadata={"description": "orders that were given up; deleting again orders them anew"})
    problem = fields.String(allow_none=True, metadata={"description": "what the router said last, or why it did not"})
    names = fields.List(fields.String(), metadata={"example": ["budi", "siti"]})


class DeactivateIn(Schema):
    """Whether customers' passwords are taken from the router as well."""

    take_secrets = boolean(load_default=False)


class CertificateIn(Schema):
    """The fingerprint that the test shows, compared with the router's own."""

    fingerprint = text(100, required=True, example="9f" * 32)


class RouterViewOut(Schema):
    """One part of a router as it said it: now (`is_live`), or at `taken_at` with the reason in `problem`.

    Names of fields end in their unit; pairs of queues have upload first, as RouterOS has them.
    """

    part = word(tuple(PARTS), metadata={"example": "ppp-active"})
    rows = fields.List(
        fields.Dict(), metadata={"example": [{"name": "budi", "address": "10.20.0.5", "uptime_s": 3600}]}
    )
    total = fields.Integer(metadata={"description": "how many there are; `rows` holds the first thousand"})
    taken_at = when(allow_none=True)
    is_live = fields.Boolean()
    is_coming = fields.Boolean(metadata={"description": "a job asks with more patience; ask again in some seconds"})
    problem = fields.String(allow_none=True)
    problem_code = fields.String(allow_none=True, metadata={"example": "timed_out"})


class TrafficQuery(Schema):
    """Of which interface."""

    interface = fields.String(load_default="ether1", validate=validate.Length(1, 64))


class TrafficOut(Schema):
    """What flows through an interface now, and its counters."""

    name = fields.String(metadata={"example": "ether1"})
    rx_bps = fields.Integer()
    tx_bps = fields.Integer()
    rx_packets_per_s = fields.Integer()
    tx_packets_per_s = fields.Integer()
    rx_bytes = fields.Integer()
    tx_bytes = fields.Integer()
    rx_packets = fields.Integer()
    tx_packets = fields.Integer()


class RouterOrderOut(Schema):
    """Something to be done on a router, and what became of it."""

    id = fields.Integer(metadata={"example": 7})
    nas_server_id = fields.Integer()
    kind = word(ORDER_KINDS, metadata={"example": "secret"})
    key = fields.String(metadata={"description": "name of secret or queue, list and address, device"})
    reason = fields.String()
    requested_by = fields.String()
    status = word(ORDER_STATUSES, metadata={"example": "done"})
    attempts = fields.Integer()
    result = fields.String(allow_none=True, metadata={"example": "added"})
    problem = fields.String(allow_none=True)
    created_at = when()
    next_attempt_at = when()
    finished_at = when(allow_none=True)


class OrderedOut(Schema):
    """The order that was placed; `GET /nas/{id}/orders/{order_id}` tells what became of it."""

    order_id = fields.Integer(metadata={"example": 7})


class RouterSecretOut(Schema):
    """A stored secret. Its password is never part of it."""

    id = fields.Integer()
    username = fields.String(metadata={"example": "budi"})
    subscription_id = fields.Integer(allow_none=True)
    service = word(SECRET_SERVICES)
    profile = fields.String()
    local_address = fields.String()
    remote_address = fields.String()
    comment = fields.String()
    is_disabled = fields.Boolean()
    origin = fields.String(metadata={"description": "subscription, staff or import"})
    synced_at = when(allow_none=True)


class SecretQuery(Schema):
    """Which stored secrets."""

    search = search_argument()
    limit = whole(least=1, most=MAX_SHOWN, load_default=MAX_SHOWN)


class SecretIn(Schema):
    """A secret to be added or changed by its name; what is left out stays."""

    username = text(253, required=True, example="cctv-1")
    password = text(128, allow_none=True)
    service = word(SECRET_SERVICES)
    profile = text(100, example="default")
    local_address = text(100)
    remote_address = text(100)
    comment = text(200)
    is_disabled = boolean()


class SecretNameIn(Schema):
    """Whose."""

    username = text(253, required=True, example="cctv-1")


class SyncIn(Schema):
    """Which secret is carried to the router again; left out, all that should be there."""

    username = text(253)


class SyncedOut(Schema):
    """How many secrets were ordered."""

    ordered = fields.Integer(metadata={"example": 412})


class ImportedOut(Schema):
    """What an import found on the router: `unmatched` names the first two hundred without a subscription."""

    found = fields.Integer(metadata={"example": 420})
    matched = fields.Integer(metadata={"example": 415})
    stored = fields.Integer(metadata={"example": 5})
    unmatched_total = fields.Integer(metadata={"example": 5})
    unmatched = fields.List(fields.String())


class DifferenceOut(Schema):
    """One name that is not as it should be: missing, different in `words`, a leftover of ours, or typed by hand."""

    username = fields.String()
    kind = fields.String(metadata={"example": "different"})
    words = fields.List(fields.String(), metadata={"example": ["profile"]})
    subscription_id = fields.Integer(allow_none=True)


class DriftOut(Schema):
    """How a router's secrets differ from what they should be."""

    equal = fields.Integer(metadata={"example": 411})
    differences = fields.List(fields.Nested(DifferenceOut))


class QueueIn(Schema):
    """A simple queue; pairs are upload/download as RouterOS writes them."""

    name = text(100, required=True, example="noc")
    target = text(200, required=True, example="10.20.0.5")
    max_limit = text(40, example="5M/10M")
    limit_at = text(40)
    burst_limit = text(40)
    burst_threshold = text(40)
    burst_time = text(40, example="8s/8s")
    priority = text(10, example="8/8")
    comment = text(200)


class QueueNameIn(Schema):
    """Which queue."""

    name = text(100, required=True, example="noc")


class ListEntryIn(Schema):
    """An address in an address list, for some seconds or for good."""

    list_name = text(100, required=True, data_key="list", example="isolir")
    address = text(50, required=True, example="10.20.0.5")
    comment = text(200)
    timeout_s = whole(least=1, most=35 * 86400, allow_none=True, example=3600)


class ListEntryNameIn(Schema):
    """Which address of which list."""

    list_name = text(100, required=True, data_key="list", example="isolir")
    address = text(50, required=True, example="10.20.0.5")


class DeviceIn(Schema):
    """Which device."""

    mac = text(40, required=True, example="AA:BB:CC:DD:EE:01")


RouterSecretList = list_schema(RouterSecretOut, name="RouterSecretList")
RouterOrderList = list_schema(RouterOrderOut, name="RouterOrderList")
