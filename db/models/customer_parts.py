"""What belongs to a customer besides the subscriptions: more ways to reach him, tags, equipment at his place."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.dialects.postgresql import INET, MACADDR
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, Json, TenantOwned, Timestamps, one_of
from domain.customer_record import CONTACT_TYPES, DEFAULT_COLOUR, EQUIPMENT_TYPES


class CustomerContact(TenantOwned, Timestamps, Base):
    """One more number or address of a customer; at most one of a type is the primary one."""

    __tablename__ = "customer_contacts"
    __table_args__ = (
        one_of("type", CONTACT_TYPES),
        Index("uq_customer_contacts_primary", "customer_id", "type", unique=True, postgresql_where=text("is_primary")),
        Index("uq_customer_contacts_value", "customer_id", "type", "value", unique=True),
        Index("ix_customer_contacts_value", "value"),
    )

    id: Mapped[Id]
    customer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="CASCADE"))
    type: Mapped[str] = mapped_column(String(10))
    value: Mapped[str] = mapped_column(String(100))
    is_primary: Mapped[bool] = mapped_column(server_default="false")
    notes: Mapped[str] = mapped_column(String(200), server_default="")


class CustomerTag(TenantOwned, Timestamps, Base):
    """A word on a customer, with the colour it is shown in."""

    __tablename__ = "customer_tags"
    __table_args__ = (
        CheckConstraint("color ~ '^#[0-9a-f]{6}$'", name="color"),
        Index("uq_customer_tags_tag", "customer_id", text("lower(tag)"), unique=True),
        Index("ix_customer_tags_tag", "tenant_id", text("lower(tag)")),
    )

    id: Mapped[Id]
    customer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="CASCADE"))
    tag: Mapped[str] = mapped_column(String(50))
    color: Mapped[str] = mapped_column(String(7), server_default=DEFAULT_COLOUR)


class CustomerEquipment(TenantOwned, Timestamps, Base):
    """A thing at the customer's place: router, ONT, access point. It decides nothing about logins."""

    __tablename__ = "customer_equipment"
    __table_args__ = (
        one_of("device_type", EQUIPMENT_TYPES),
        Index("uq_customer_equipment_primary", "subscription_id", unique=True, postgresql_where=text("is_primary")),
        Index("ix_customer_equipment_mac_address", "mac_address"),
        Index("ix_customer_equipment_ip_address", "ip_address"),
    )

    id: Mapped[Id]
    customer_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("customers.id", ondelete="CASCADE"), index=True)
    subscription_id: Mapped[int | None] = mapped_column(BigInteger, ForeignKey("subscriptions.id", ondelete="SET NULL"))
    device_name: Mapped[str] = mapped_column(String(255))
    device_type: Mapped[str] = mapped_column(String(20), server_default="other")
    ip_address: Mapped[str | None] = mapped_column(INET)
    mac_address: Mapped[str | None] = mapped_column(MACADDR)
    interface: Mapped[str | None] = mapped_column(String(100))
    vlan_id: Mapped[str | None] = mapped_column(String(10))
    manufacturer: Mapped[str | None] = mapped_column(String(100))
    model: Mapped[str | None] = mapped_column(String(100))
    firmware_version: Mapped[str | None] = mapped_column(String(50))
    location_description: Mapped[str | None]
    is_primary: Mapped[bool] = mapped_column(server_default="false")
    is_active: Mapped[bool] = mapped_column(server_default="true")
    network_config: Mapped[Json] = mapped_column(server_default=text("'{}'::jsonb"))
    last_seen_at: Mapped[datetime | None]
