"""What a batch needs to know of sessions, their owners and how they are metered.

Most of it is in memory; the rest is read in a few statements. Decides what must be read and whose a new session is;
refuses to know what a record does to its session.
"""

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta

from accounting import records
from accounting.facts import Memory, Meter
from accounting.identity import FIRST, prefix_of
from accounting.records import Record
from accounting.sessions import Key, Live
from db.queries import accounting as queries
from db.queries.accounting import Connection, NasRow

# A packet of a session that ended longer ago than this is taken for a new session.
REMEMBER_ENDED = timedelta(days=45)

Known = dict[Key, Live]
Keyed = tuple[Record, NasRow, Key]


class Lookup:
    """For one batch. `known` are open sessions that need not be read; it is kept true."""

    def __init__(self, connection: Connection, memory: Memory, known: Known, now: datetime) -> None:
        self._connection = connection
        self._memory = memory
        self._now = now
        self.known = known
        self.routers = memory.routers(connection)
        self._chains: dict[Key, list[Live]] = {}
        self._whole: set[Key] = set()
        self._swept: set[int] = set()
        self._swept_lives: dict[int, list[Live]] = {}
        self._owners: dict[tuple[int, str], int] = {}

    def read_routers_again(self) -> None:
        """Take the routers as they are now."""
        self._memory.forget(["nas *"])
        self.routers = self._memory.routers(self._connection)

    def meter(self, live: Live) -> Meter | None:
        """How the session is metered; None for nobody's."""
        return None if live.subscription_id is None else self._memory.meters.get(live.subscription_id)

    def chain(self, key: Key) -> list[Live]:
        """The sessions of an identity that is not one open session any more: all that are stored and in hand."""
        chain = self._chains.setdefault(key, [])
        live = self.known.pop(key, None)
        if live is not None:
            # From here on the identity has several sessions, so it is looked up with all of them.
            chain.append(live)
            if key not in self._whole:
                self._load_chains({prefix_of(key): key})
        return chain

    def load(self, keyed: Sequence[Keyed]) -> None:
        """Reads in one go what the batch will need: sessions, owners of new ones, meters of everybody."""
        known = self.known
        missing = {key for record, _, key in keyed if record.packet is not None and key not in known}
        if missing:
            self._load_sessions(missing)
        needed = {live.subscription_id for key in {key for *_, key in keyed} if (live := known.get(key)) is not None}
        needed |= {live.subscription_id for chain in self._chains.values() for live in chain}
        if missing:
            needed |= self._load_owners([item for item in keyed if item[2] in missing])
        self._load_meters(subscription_id for subscription_id in needed if subscription_id is not None)

    def _load_sessions(self, keys: Collection[Key]) -> None:
        prefixes = {prefix_of(key): key for key in keys}
        rows = queries.open_sessions(self._connection, [prefix + FIRST for prefix in prefixes])
        routers = {router.nas_server_id: router for router in self.routers.values()}
        for row in rows:
            key = prefixes.pop(row.acctuniqueid[:24])
            self.known[key] = Live.stored(key, row, routers[row.nas_server_id])
        if prefixes:
            self._load_chains(prefixes)

    def _load_chains(self, prefixes: dict[str, Key]) -> None:
        """Every session of the identities, ended ones too; what is in hand already stays as it is."""
        since = self._now - REMEMBER_ENDED
        rows = queries.session_chains(self._connection, list(prefixes), ended_since=since)
        routers = {router.nas_server_id: router for router in self.routers.values()}
        self._whole.update(prefixes.values())
        for row in rows:
            key = prefixes[row.acctuniqueid[:24]]
            chain = self._chains.setdefault(key, [])
            if all(live.unique_id != row.acctuniqueid for live in chain):
                chain.append(Live.stored(key, row, routers[row.nas_server_id]))

    def _load_owners(self, fresh: Sequence[Keyed]) -> set[int | None]:
        parts = [records.class_parts(record.class_text) for record, *_ in fresh if record.class_text]
        names = {
            (router.tenant_id, name)
            for record, router, _ in fresh
            if not record.class_text and (name := record.username)
        }
        self._owners = queries.subscriptions_by_name(self._connection, sorted(names))
        return {*(part.subscription_id for part in parts if part is not None), *self._owners.values()}

    def _load_meters(self, subscription_ids: Iterable[int]) -> None:
        missing = [key for key in subscription_ids if key not in self._memory.meters]
        if missing:
            self._memory.load(self._connection, missing, self._now)

    def owner(self, record: Record, router: NasRow) -> int | None:
        """The subscription that the usage belongs to: the one minted into Class, else the name's, else nobody's."""
        parts = records.class_parts(record.class_text) if record.class_text else None
        if parts is not None:
            self._load_meters([parts.subscription_id])
            meter = self._memory.meters.get(parts.subscription_id)
            if meter is not None and meter.row.tenant_id == router.tenant_id:
                return parts.subscription_id
        name = record.username
        if not name:
            return None
        wanted = (router.tenant_id, name)
        if wanted not in self._owners:
            self._owners.update(queries.subscriptions_by_name(self._connection, [wanted]))
        subscription_id = self._owners.get(wanted)
        if subscription_id is not None:
            self._load_meters([subscription_id])
        return subscription_id

    def open_on(self, router: NasRow) -> list[Live]:
        """Every open session of a router, those in hand and the others."""
        number = router.nas_server_id
        held = {live.unique_id: live for live in self.known.values() if live.router.nas_server_id == number}
        chained = (live for chain in self._chains.values() for live in chain)
        held |= {live.unique_id: live for live in chained if live.router.nas_server_id == number}
        if number not in self._swept:
            self._swept.add(number)
            for row in queries.open_sessions_of_router(self._connection, number):
                if row.acctuniqueid not in held:
                    held[row.acctuniqueid] = Live.stored(f"{number}\0\0{row.session_id}", row, router)
            self._swept_lives[number] = list(held.values())
        others = self._swept_lives.get(number, [])
        held |= {live.unique_id: live for live in others if live.unique_id not in held}
        return [live for live in held.values() if live.is_open]
