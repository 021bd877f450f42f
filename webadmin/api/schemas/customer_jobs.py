"""Imports and actions on many customers, in and out."""

from marshmallow import Schema, fields, validate
from werkzeug.datastructures import FileStorage

from bss.subscriptions import CONNECTION_TYPES as SUBSCRIPTION_TYPES
from db.queries.customer_lists import BALANCES
from domain.customer_jobs import BULK_ACTIONS, ITEM_STATES, MOST_ITEMS
from domain.customer_record import CUSTOMER_TYPES
from domain.lifecycle import CUSTOMER_STATUSES
from webadmin.api.base import MAX_ID, list_schema
from webadmin.api.schemas.shapes import row_id, text, when, word


class UploadField(fields.Raw):
    """A file of a form."""

    def _validate(self, value: object) -> None:
        if not isinstance(value, FileStorage):
            raise self.make_error("null")
        super()._validate(value)


class ImportFile(Schema):
    """The file."""

    file = UploadField(required=True, metadata={"type": "string", "format": "binary", "description": "CSV in UTF-8"})


class ImportQuery(Schema):
    """How to import."""

    dry_run = fields.Boolean(load_default=False, metadata={"description": "say what would be done and write nothing"})
    check_duplicates = fields.Boolean(
        load_default=True, metadata={"description": "refuse a row whose name is known at its address"}
    )


class ProblemOut(Schema):
    """What is wrong with an item."""

    field = fields.String()
    reason = fields.String()
    mend = fields.String()


class JobItemOut(Schema):
    """A row of a file (its line, the head being line 1) or a customer, and what came of it."""

    row = fields.Integer(attribute="position", metadata={"example": 3})
    state = fields.String(metadata={"example": "failed"})
    customer_id = fields.Integer(allow_none=True)
    errors = fields.List(fields.Nested(ProblemOut), attribute="problems")
    data = fields.Dict(metadata={"description": "what a failed row said, without its secrets"})


class JobOut(Schema):
    """An import or an action on many; short ones are over when the answer comes."""

    id = fields.Integer()
    kind = fields.String(metadata={"example": "import"})
    action = fields.String(metadata={"example": "preview"})
    state = fields.String(metadata={"example": "running"})
    file_name = fields.String()
    total = fields.Integer(metadata={"example": 1200})
    done = fields.Integer(metadata={"example": 300})
    failed = fields.Integer(metadata={"example": 2})
    requested_by = fields.String()
    started_at = when()
    finished_at = when(allow_none=True)


class JobDetail(JobOut):
    """The same with the first items that failed."""

    errors = fields.List(fields.Nested(JobItemOut))


class JobItemQuery(Schema):
    """Which items."""

    state = word(ITEM_STATES)
    after = fields.Integer(load_default=0, validate=validate.Range(0, 2**31 - 1))


class BulkFilter(Schema):
    """Customers by what they are; the filters of the list."""

    search = text(100)
    status = word(CUSTOMER_STATUSES)
    customer_type = word(CUSTOMER_TYPES)
    city = text(100)
    province = text(100)
    connection_type = word(SUBSCRIPTION_TYPES)
    service_plan_id = row_id()
    nas_server_id = row_id()
    operator_id = row_id()
    tags = fields.List(text(50), validate=validate.Length(1, 20))
    balance_filter = word(BALANCES)


class BulkIn(Schema):
    """An action on many: on the customers named, or on all that a filter finds."""

    action = word(BULK_ACTIONS, required=True)
    customer_ids = fields.List(
        fields.Integer(strict=True, validate=validate.Range(1, MAX_ID)), validate=validate.Length(1, MOST_ITEMS)
    )
    filter = fields.Nested(BulkFilter)
    reason = text(255, example="overdue")
    tag = text(50)
    color = text(20)
    service_plan_id = row_id()


JobList = list_schema(JobOut, name="CustomerJobList")
JobItemList = list_schema(JobItemOut, name="CustomerJobItemList")
