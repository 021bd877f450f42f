"""What belongs to a customer, over HTTP: tags, contacts, equipment, family, recommendations, activity."""

from typing import Any

from bss import customers, reveal
from bss.customers import contacts, equipment, tags
from bss.rows import find
from db.models import Customer, CustomerContact, CustomerEquipment, CustomerTag
from db.queries import customers as reads
from db.queries.lists import AuditFilter, page_of_audit
from webadmin import database
from webadmin.api.base import PREFIX, Blueprint, acting, actor, as_list, as_whole_list, page_of, tenant_id, wanted_part
from webadmin.api.schemas import customer_parts as schemas

blueprint = Blueprint(
    "customer-parts",
    __name__,
    url_prefix=f"{PREFIX}/customers",
    description="Tags, contacts, equipment, family and recommendations of customers",
)


@blueprint.route("/tags")
@blueprint.needs("view_customers")
@blueprint.arguments(schemas.PopularTagQuery, location="query")
@blueprint.response(200, schemas.PopularTagList)
def list_tags(arguments: dict[str, Any]) -> dict[str, Any]:
    """The most used tags"""
    rows = reads.popular_tags(database.session(), tenant_id=tenant_id(), limit=arguments["limit"])
    return as_whole_list([{"tag": tag, "color": color, "customers": count} for tag, color, count in rows])


@blueprint.route("/<int:customer_id>/tags")
@blueprint.needs("view_customers")
@blueprint.response(200, schemas.TagList)
def list_tags_of_customer(customer_id: int) -> dict[str, Any]:
    """The tags of a customer"""
    customer = _customer(customer_id)
    return as_whole_list(reads.tags_of(database.session(), [customer.id]).get(customer.id, []))


@blueprint.route("/<int:customer_id>/tags", methods=["POST"])
@blueprint.needs("edit_customers")
@blueprint.arguments(schemas.TagIn)
@blueprint.response(201, schemas.TagOut)
def add_tag(body: dict[str, Any], customer_id: int) -> CustomerTag:
    """Put a tag on a customer; one that he has is a conflict"""
    row = tags.add(**acting(), customer_id=customer_id, **body)
    database.commit()
    return row


@blueprint.route("/<int:customer_id>/tags/<string:tag>", methods=["DELETE"])
@blueprint.needs("edit_customers")
@blueprint.response(204)
def remove_tag(customer_id: int, tag: str) -> None:
    """Take a tag away"""
    tags.remove(**acting(), customer_id=customer_id, tag=tag)
    database.commit()


@blueprint.route("/<int:customer_id>/contacts")
@blueprint.needs("view_customers")
@blueprint.response(200, schemas.ContactList)
def list_contacts(customer_id: int) -> dict[str, Any]:
    """Further contacts of a customer"""
    return as_whole_list(reads.contacts_of(database.session(), _customer(customer_id).id))


@blueprint.route("/<int:customer_id>/contacts", methods=["POST"])
@blueprint.needs("edit_customers")
@blueprint.arguments(schemas.ContactIn)
@blueprint.response(201, schemas.ContactOut)
def add_contact(body: dict[str, Any], customer_id: int) -> CustomerContact:
    """Add a contact"""
    row = contacts.add(**acting(), customer_id=customer_id, kind=body.pop("type"), **body)
    database.commit()
    return row


@blueprint.route("/<int:customer_id>/contacts/<int:contact_id>", methods=["PATCH"])
@blueprint.needs("edit_customers")
@blueprint.arguments(schemas.ContactPatch)
@blueprint.response(200, schemas.ContactOut)
def edit_contact(body: dict[str, Any], customer_id: int, contact_id: int) -> CustomerContact:
    """Change a contact"""
    changed = contacts.edit(**acting(), customer_id=customer_id, contact_id=contact_id, changes=body)
    database.commit()
    return changed.row


@blueprint.route("/<int:customer_id>/contacts/<int:contact_id>", methods=["DELETE"])
@blueprint.needs("edit_customers")
@blueprint.response(204)
def remove_contact(customer_id: int, contact_id: int) -> None:
    """Take a contact away"""
    contacts.remove(**acting(), customer_id=customer_id, contact_id=contact_id)
    database.commit()


@blueprint.route("/<int:customer_id>/equipment")
@blueprint.needs("view_customers")
@blueprint.response(200, schemas.EquipmentList)
def list_equipment(customer_id: int) -> dict[str, Any]:
    """Equipment at a customer's place"""
    return as_whole_list(reads.equipment_of(database.session(), _customer(customer_id).id))


@blueprint.route("/<int:customer_id>/equipment", methods=["POST"])
@blueprint.needs("edit_customers")
@blueprint.arguments(schemas.EquipmentIn)
@blueprint.response(201, schemas.EquipmentOut)
def add_equipment(body: dict[str, Any], customer_id: int) -> CustomerEquipment:
    """Add a piece of equipment; what may log in is decided by the devices of a subscription"""
    row = equipment.add(**acting(), customer_id=customer_id, **body)
    database.commit()
    return row


@blueprint.route("/<int:customer_id>/equipment/<int:equipment_id>", methods=["PATCH"])
@blueprint.needs("edit_customers")
@blueprint.arguments(schemas.EquipmentPatch)
@blueprint.response(200, schemas.EquipmentOut)
def edit_equipment(body: dict[str, Any], customer_id: int, equipment_id: int) -> CustomerEquipment:
    """Change a piece of equipment"""
    changed = equipment.edit(**acting(), customer_id=customer_id, equipment_id=equipment_id, changes=body)
    database.commit()
    return changed.row


@blueprint.route("/<int:customer_id>/equipment/<int:equipment_id>", methods=["DELETE"])
@blueprint.needs("edit_customers")
@blueprint.response(204)
def remove_equipment(customer_id: int, equipment_id: int) -> None:
    """Take a piece of equipment away"""
    equipment.remove(**acting(), customer_id=customer_id, equipment_id=equipment_id)
    database.commit()


@blueprint.route("/<int:customer_id>/family")
@blueprint.needs("view_customers")
@blueprint.response(200, schemas.RelativesOut)
def get_family_of_customer(customer_id: int) -> dict[str, Any]:
    """The head of a customer's family and its members"""
    return _family(_customer(customer_id))


@blueprint.route("/<int:customer_id>/family", methods=["PATCH"])
@blueprint.needs("edit_customers")
@blueprint.arguments(schemas.CustomerFamilyIn)
@blueprint.response(200, schemas.RelativesOut)
def change_family(body: dict[str, Any], customer_id: int) -> dict[str, Any]:
    """Make a customer a member of another one's family, or let him stand alone"""
    changed = customers.set_parent(**acting(), customer_id=customer_id, **body)
    database.commit()
    return _family(changed.row)


@blueprint.route("/<int:customer_id>/referrals")
@blueprint.needs("view_customers")
@blueprint.response(200, schemas.ReferralsOut)
def get_referrals(customer_id: int) -> dict[str, Any]:
    """A customer's referral code, who recommended him, and whom he recommended"""
    customer = _customer(customer_id)
    by = customer.referred_by_id
    return {
        "referral_code": customer.referral_code,
        "referred_by": None if by is None else reads.customer_by_id(database.session(), by),
        "referred": reads.referred_by(database.session(), customer.id),
    }


@blueprint.route("/<int:customer_id>/id-card-number")
@blueprint.needs("edit_customers")
@blueprint.response(200, schemas.IdCardOut)
def show_id_card_number(customer_id: int) -> dict[str, str]:
    """The number of a customer's identity card; the audit log keeps who looked"""
    revealed = reveal.id_card_number(**acting(), customer_id=customer_id)
    database.commit()
    return {"id_card_number": revealed.secret}


@blueprint.route("/<int:customer_id>/activity")
@blueprint.needs("view_audit")
@blueprint.arguments(schemas.ActivityQuery, location="query")
@blueprint.response(200, schemas.ActivityList)
def list_activity(arguments: dict[str, Any], customer_id: int) -> dict[str, Any]:
    """What was done to a customer and his subscriptions, with who did it; newest first"""
    wanted = wanted_part(arguments)
    fits = AuditFilter(customer_id=_customer(customer_id).id, **arguments)
    return as_list(page_of(lambda: page_of_audit(database.session(), tenant_id=tenant_id(), fits=fits, wanted=wanted)))


def _family(customer: Customer) -> dict[str, Any]:
    head = customer.parent_customer_id
    return {
        "parent": None if head is None else reads.customer_by_id(database.session(), head),
        "members": reads.children_of(database.session(), head or customer.id),
    }


def _customer(customer_id: int) -> Customer:
    return find(database.session(), Customer, customer_id, actor=actor())
