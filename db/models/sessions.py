"""What happened on the network: radacct, usage counters, spool positions and the access log.

`radacct` keeps FreeRADIUS's standard columns so that other people's reports read it. It is range-partitioned by
`acctstoptime`: a session without a stop time lives in the default partition `radacct_open`.
"""

from datetime import date, datetime

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Date,
    Index,
    Integer,
    LargeBinary,
    Sequence,
    SmallInteger,
    String,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import INET, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, Json, one_of
from domain.integrity import Grade, grade_of
from domain.quarantine import STATES


class RadAcct(Base):
    """A session as the router counted it. Input is from the customer (upload), output to the customer (download)."""

    __tablename__ = "radacct"
    __table_args__ = (
        Index("ix_radacct_radacctid", "radacctid"),
        Index("ix_radacct_acctuniqueid", "acctuniqueid"),
        Index("ix_radacct_username", "username", "acctstarttime"),
        Index("ix_radacct_subscription", "subscription_id", "acctstarttime"),
        # Who had an address at a time; those for IPv6 cost nothing where nobody has it.
        Index("ix_radacct_framedipaddress", "framedipaddress", "acctstarttime"),
        *(
            Index(f"ix_radacct_{name}", name, "acctstarttime", postgresql_where=text(f"{name} IS NOT NULL"))
            for name in ("framedipv6address", "framedipv6prefix", "delegatedipv6prefix")
        ),
        {"postgresql_partition_by": "RANGE (acctstoptime)"},
    )

    # A key over a partitioned table must hold the partition column, which is empty for an open session; the ORM
    # identifies a row by its number, and the open partition's own unique index guards the session's identity.
    radacctid: Mapped[int] = mapped_column(
        BigInteger, Sequence("radacct_radacctid_seq"), server_default=text("nextval('radacct_radacctid_seq')")
    )
    acctsessionid: Mapped[str]
    acctuniqueid: Mapped[str]
    username: Mapped[str] = mapped_column(server_default="")
    realm: Mapped[str | None]
    nasipaddress: Mapped[str] = mapped_column(INET)
    nasportid: Mapped[str | None]
    nasporttype: Mapped[str | None]
    acctstarttime: Mapped[datetime]
    acctupdatetime: Mapped[datetime]
    acctstoptime: Mapped[datetime | None]
    acctinterval: Mapped[int | None] = mapped_column(BigInteger)
    acctsessiontime: Mapped[int] = mapped_column(BigInteger, server_default="0")
    acctauthentic: Mapped[str | None]
    connectinfo_start: Mapped[str | None]
    connectinfo_stop: Mapped[str | None]
    acctinputoctets: Mapped[int] = mapped_column(BigInteger, server_default="0")
    acctoutputoctets: Mapped[int] = mapped_column(BigInteger, server_default="0")
    calledstationid: Mapped[str | None]
    callingstationid: Mapped[str | None]
    acctterminatecause: Mapped[str | None]
    servicetype: Mapped[str | None]
    framedprotocol: Mapped[str | None]
    framedipaddress: Mapped[str | None] = mapped_column(INET)
    framedipv6address: Mapped[str | None] = mapped_column(INET)
    framedipv6prefix: Mapped[str | None] = mapped_column(INET)
    framedinterfaceid: Mapped[str | None]
    delegatedipv6prefix: Mapped[str | None] = mapped_column(INET)
    class_: Mapped[str | None] = mapped_column("class")
    tenant_id: Mapped[int] = mapped_column(BigInteger)
    subscription_id: Mapped[int | None] = mapped_column(BigInteger)
    nas_server_id: Mapped[int] = mapped_column(BigInteger)
    # How the session was told, as `domain.sessions` has it: who told its start, marks, and its last reports where its
    # total needs them.
    start_told_s: Mapped[int] = mapped_column(Integer, server_default="-1")
    integrity_marks: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    counter_trail: Mapped[list[int] | None] = mapped_column(ARRAY(BigInteger))
    # What flowed between its last two reports, on average; empty before the second.
    upload_kbps: Mapped[int | None] = mapped_column(Integer)
    download_kbps: Mapped[int | None] = mapped_column(Integer)

    __mapper_args__ = {"primary_key": [radacctid]}

    @property
    def grade(self) -> Grade:
        """How far its figures may be trusted."""
        return grade_of(
            is_open=self.acctstoptime is None,
            cause=self.acctterminatecause,
            start_told_s=self.start_told_s,
            marks=self.integrity_marks,
        )


class UsageDaily(Base):
    """Bytes and seconds of a subscription on one router on one local day."""

    __tablename__ = "usage_daily"
    __table_args__ = (Index("ix_usage_daily_day", "day"),)

    subscription_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    nas_server_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    download_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    upload_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    seconds: Mapped[int] = mapped_column(BigInteger, server_default="0")
    sessions: Mapped[int] = mapped_column(Integer, server_default="0")


class SpoolPosition(Base):
    """How far a file of a node's spool has been counted; it moves in the transaction that counts.

    The row with an empty `file` is the whole stream: all that the node received before its `updated_at` is counted.
    """

    __tablename__ = "spool_positions"

    node: Mapped[str] = mapped_column(String(64), primary_key=True)
    stream: Mapped[str] = mapped_column(String(20), primary_key=True)
    file: Mapped[str] = mapped_column(String(255), primary_key=True)
    offset_bytes: Mapped[int] = mapped_column(BigInteger)
    records: Mapped[int] = mapped_column(BigInteger, server_default="0")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class QuarantinedRecord(Base):
    """A spool line that could not be counted, kept whole: for a person to read, and to be tried again."""

    __tablename__ = "quarantined_records"
    __table_args__ = (
        Index("ix_quarantined_records_created_at", "created_at"),
        Index("ix_quarantined_records_replay", "id", postgresql_where=text("state = 'replay'")),
        one_of("state", STATES),
    )

    id: Mapped[Id]
    node: Mapped[str] = mapped_column(String(64))
    stream: Mapped[str] = mapped_column(String(20))
    file: Mapped[str] = mapped_column(String(255))
    offset_bytes: Mapped[int] = mapped_column(BigInteger)
    reason: Mapped[str]
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    # Whose router it came from, where that is known, and the address it came from.
    tenant_id: Mapped[int | None] = mapped_column(BigInteger)
    source: Mapped[str | None] = mapped_column(String(45))
    state: Mapped[str] = mapped_column(String(10), server_default="waiting")
    tries: Mapped[int] = mapped_column(Integer, server_default="0")
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str | None]


class AccessLog(Base):
    """One accept or reject with the reason; never a password. Partitioned by month of the decision.

    `details` are the values of the moment that rules looked at; `receipt_id` names what else the decision is made from.
    """

    __tablename__ = "access_log"
    __table_args__ = (
        Index("ix_access_log_subscription", "subscription_id", "decided_at"),
        one_of("result", ("accept", "reject")),
        {"postgresql_partition_by": "RANGE (decided_at)"},
    )

    decided_at: Mapped[datetime] = mapped_column()
    tenant_id: Mapped[int] = mapped_column(BigInteger)
    subscription_id: Mapped[int | None] = mapped_column(BigInteger)
    nas_server_id: Mapped[int] = mapped_column(BigInteger)
    username: Mapped[str]
    callingstationid: Mapped[str | None]
    service: Mapped[str] = mapped_column(String(10))
    result: Mapped[str] = mapped_column(String(10))
    reason: Mapped[str] = mapped_column(String(40))
    decision_id: Mapped[str] = mapped_column(String(32))
    details: Mapped[Json | None] = mapped_column(JSONB)
    receipt_id: Mapped[str | None] = mapped_column(String(32))
    compiled_at: Mapped[datetime | None]

    __mapper_args__ = {"primary_key": [decision_id, decided_at, result]}
