"""Roll-outs: a plan's change on its way to the running sessions, a few first."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, Integer, SmallInteger, String, text
from sqlalchemy.orm import Mapped, mapped_column

from db.models.base import Base, Id, Json, TenantOwned, Timestamps, one_of
from domain.rollout import ROLLOUT_STATES


class PlanRollout(TenantOwned, Timestamps, Base):
    """One saved change of a plan, given to running sessions in stages. At most one of a plan is under way.

    `plan_before` and `plan_after` hold what was changed, as `bss.plans` takes it. `stage` counts the stages that have
    been asked for; `is_automatic` goes on by itself while failures stay within `failures_percent`.
    """

    __tablename__ = "plan_rollouts"
    __table_args__ = (
        one_of("state", ROLLOUT_STATES),
        CheckConstraint("stage BETWEEN 0 AND 3", name="stage"),
        CheckConstraint("failures_percent BETWEEN 0 AND 100", name="failures_percent"),
        Index(
            "uq_plan_rollouts_open",
            "service_plan_id",
            unique=True,
            postgresql_where=text("state IN ('running', 'waiting')"),
        ),
    )

    id: Mapped[Id]
    service_plan_id: Mapped[int] = mapped_column(BigInteger, ForeignKey("service_plans.id", ondelete="CASCADE"))
    state: Mapped[str] = mapped_column(String(10), server_default="running")
    stage: Mapped[int] = mapped_column(SmallInteger, server_default="0")
    is_automatic: Mapped[bool] = mapped_column(server_default="false")
    failures_percent: Mapped[int] = mapped_column(SmallInteger, server_default="5")
    # How many running sessions the change was for when it was saved.
    sessions: Mapped[int] = mapped_column(Integer)
    plan_before: Mapped[Json]
    plan_after: Mapped[Json]
    requested_by: Mapped[str] = mapped_column(String(255))
    started_at: Mapped[datetime]
    stage_at: Mapped[datetime | None]
    finished_at: Mapped[datetime | None]
    stopped_because: Mapped[str | None] = mapped_column(String(20))
