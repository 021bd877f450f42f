"""The tables. Importing this package registers all of them on `Base.metadata`."""

from db.models.addresses import AddressPrefixLength
from db.models.base import Base
from db.models.billing import (
    BillingProfile,
    BillingRun,
    BillingRunSuspension,
    BillingRunTarget,
    CustomerNotice,
)
from db.models.books import (
    Invoice,
    InvoiceItem,
    InvoiceSettlement,
    LedgerAccount,
    LedgerEntry,
    LedgerPosting,
    Payment,
)
from db.models.certificates import IssuedCertificate
from db.models.customer_jobs import CustomerJob, CustomerJobItem
from db.models.customer_media import CustomerPicture, CustomerRegistration, CustomerSpeedTest
from db.models.customer_parts import CustomerContact, CustomerEquipment, CustomerTag
from db.models.customers import Customer
from db.models.gateways import GatewayLog, GatewayOrder, ParkedPayment, PaymentGateway, PaymentLink
from db.models.idempotency import IdempotencyKey
from db.models.income import Commission, Expense, ReferralReward
from db.models.jobs import JobRun, JobState
from db.models.letterheads import Letterhead
from db.models.nas import NasServer, RouterProbe
from db.models.operators import CustomerTransfer, Operator
from db.models.outbox import BulkChange, NasRefusal, SenderTurn, SessionChange, SessionChangeAttempt
from db.models.plan_changes import PlanChange
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
    WalledGarden,
)
from db.models.rollouts import PlanRollout
from db.models.router_api import RouterOrder, RouterSecret, RouterSnapshot
from db.models.samples import OnlineSample
from db.models.saved_views import ListColumns, SavedView
from db.models.sessions import AccessLog, QuarantinedRecord, RadAcct, SpoolPosition, UsageDaily
from db.models.size import Alarm, PartitionArchive, SessionCheck, SpoolHealth, UsageHourly, UsageMonthly
from db.models.staff import (
    ApiToken,
    AuditLog,
    AuditSeal,
    AuditUnsealed,
    Passkey,
    PasswordLink,
    Role,
    StaffSession,
    User,
)
from db.models.subscriptions import (
    FupEvent,
    Subscription,
    SubscriptionFupState,
    SubscriptionLimits,
    SubscriptionMac,
)
from db.models.tenants import NumberSequence, Setting, Tenant
from db.models.truth import NasBoot, RecordOutcome, SessionCorrection
from db.models.vouchers import Voucher, VoucherBatch, VoucherSheet
from db.models.webhooks import Webhook, WebhookAttempt, WebhookDelivery, WebhookEvent

__all__ = [
    "AccessLog",
    "AddressPrefixLength",
    "Alarm",
    "AllowanceQuota",
    "ApiToken",
    "AuditLog",
    "AuditSeal",
    "AuditUnsealed",
    "Base",
    "BillingProfile",
    "BillingRun",
    "BillingRunSuspension",
    "BillingRunTarget",
    "BlockedMac",
    "BulkChange",
    "Commission",
    "Customer",
    "CustomerContact",
    "CustomerEquipment",
    "CustomerJob",
    "CustomerJobItem",
    "CustomerNotice",
    "CustomerPicture",
    "CustomerRegistration",
    "CustomerSpeedTest",
    "CustomerTag",
    "CustomerTransfer",
    "DecisionReceipt",
    "Expense",
    "Family",
    "FupEvent",
    "GatewayLog",
    "GatewayOrder",
    "IdempotencyKey",
    "Invoice",
    "InvoiceItem",
    "InvoiceSettlement",
    "IssuedCertificate",
    "JobRun",
    "JobState",
    "LedgerAccount",
    "LedgerEntry",
    "LedgerPosting",
    "Letterhead",
    "ListColumns",
    "NasBoot",
    "NasGroup",
    "NasRefusal",
    "NasServer",
    "NumberSequence",
    "OnlineSample",
    "Operator",
    "ParkedPayment",
    "PartitionArchive",
    "Passkey",
    "PasswordLink",
    "Payment",
    "PaymentGateway",
    "PaymentLink",
    "PlanChange",
    "PlanFupRule",
    "PlanReplyAttribute",
    "PlanRollout",
    "PlanTimeWindow",
    "QuarantinedRecord",
    "QuotaTopup",
    "RadAcct",
    "RadCheck",
    "RadReply",
    "RecordOutcome",
    "ReferralReward",
    "Role",
    "RouterOrder",
    "RouterProbe",
    "RouterSecret",
    "RouterSnapshot",
    "SavedView",
    "SenderTurn",
    "ServicePlan",
    "SessionChange",
    "SessionChangeAttempt",
    "SessionCheck",
    "SessionCorrection",
    "Setting",
    "SpoolHealth",
    "SpoolPosition",
    "StaffSession",
    "Subscription",
    "SubscriptionFupState",
    "SubscriptionLimits",
    "SubscriptionMac",
    "SubscriptionQuotaState",
    "Tenant",
    "UsageAlert",
    "UsageDaily",
    "UsageHourly",
    "UsageMonthly",
    "User",
    "Voucher",
    "VoucherBatch",
    "VoucherSheet",
    "WalledGarden",
    "Webhook",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEvent",
]
