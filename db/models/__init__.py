"""The tables. Importing this package registers all of them on `Base.metadata`."""

from db.models.base import Base
from db.models.customers import Customer
from db.models.nas import NasServer, RouterProbe
from db.models.outbox import SessionChange, SessionChangeAttempt
from db.models.plans import PlanFupRule, ServicePlan
from db.models.policy import (
    AllowanceQuota,
    BlockedMac,
    DecisionReceipt,
    Family,
    NasGroup,
    PlanReplyAttribute,
    PlanTimeWindow,
    QuotaTopup,
    RadCheck,
    RadReply,
    SubscriptionQuotaState,
    UsageAlert,
    Voucher,
    WalledGarden,
)
from db.models.rollouts import PlanRollout
from db.models.sessions import AccessLog, QuarantinedRecord, RadAcct, SpoolPosition, UsageDaily
from db.models.staff import ApiToken, AuditLog, Role, User
from db.models.subscriptions import (
    FupEvent,
    Subscription,
    SubscriptionFupState,
    SubscriptionLimits,
    SubscriptionMac,
)
from db.models.tenants import NumberSequence, Setting, Tenant

__all__ = [
    "AccessLog",
    "AllowanceQuota",
    "ApiToken",
    "AuditLog",
    "Base",
    "BlockedMac",
    "Customer",
    "DecisionReceipt",
    "Family",
    "FupEvent",
    "NasGroup",
    "NasServer",
    "NumberSequence",
    "PlanFupRule",
    "PlanReplyAttribute",
    "PlanRollout",
    "PlanTimeWindow",
    "QuarantinedRecord",
    "QuotaTopup",
    "RadAcct",
    "RadCheck",
    "RadReply",
    "Role",
    "RouterProbe",
    "ServicePlan",
    "SessionChange",
    "SessionChangeAttempt",
    "Setting",
    "SpoolPosition",
    "Subscription",
    "SubscriptionFupState",
    "SubscriptionLimits",
    "SubscriptionMac",
    "SubscriptionQuotaState",
    "Tenant",
    "UsageAlert",
    "UsageDaily",
    "User",
    "Voucher",
    "WalledGarden",
]
