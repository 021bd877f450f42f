"""What can become of an accounting packet, and what can be done about one that could not be counted.

The reasons are a closed list, each with whether trying again can help. Decides no words for people; refuses to know
where the packets lie.
"""

from collections.abc import Mapping

STORED, MERGED, QUARANTINED = "stored", "merged", "quarantined"
OUTCOMES = (STORED, MERGED, QUARANTINED)

# Merged packets told nothing new: the same again, or an older one than was known.
REPEAT, LATE = "repeat", "late"

WAITING, REPLAY, REPLAYED, DISMISSED = "waiting", "replay", "replayed", "dismissed"
STATES = (WAITING, REPLAY, REPLAYED, DISMISSED)

UNKNOWN_NAS = "unknown_nas"
REFUSED = "refused"
# Whether the same bytes can be counted another time: the router was added, the database or the rules were mended.
REASONS: Mapping[str, bool] = {
    UNKNOWN_NAS: True,
    REFUSED: True,
    "not_a_record": False,
    "not_json": False,
    "torn_line": False,
    "bad_receive_time": False,
    "unknown_status": True,
    "no_session_id": True,
    "bad_number": True,
    "absurd_count": True,
    "not_a_decision": False,
}


def reason_of(stored: str) -> str:
    """The reason without its detail: "refused: CheckViolation" is "refused"."""
    code = stored.partition(":")[0]
    return code if code in REASONS else "not_a_record"


def can_help(stored: str) -> bool:
    """Whether a record put aside for this reason may be counted when it is tried again."""
    return REASONS[reason_of(stored)]
