"""What FreeRADIUS calls. The only file that imports `radiusd`; everything else runs and is tested without it.

Every entry is wrapped: an exception would otherwise become a reject without a reason.
"""

import gc
import os
import secrets
import sys
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import radiusd

from db.crypto import Keyring
from db.queries.access import OPEN_SESSIONS, PROFILE_BY_NAME, RECENT_DEVICES
from db.queries.deadline import policy_dsn
from db.queries.reader import DeadlineReader
from domain.sharing import CHANNEL, SHARE, SHARES, WRITER, share_of
from radius.authorizer import Answer, Authorizer, Codes, Request
from radius.keeper import Keeper
from radius.records import AccessRecords
from radius.router_keeper import RouterKeeper
from radius.router_notes import RouterNotes
from radius.routers import RouterTable, client_pairs
from radius.settings import PolicySettings
from radius.shared_port import SharedPort
from radius.spool_guard import SpoolGuard
from radius.spool_sync import SpoolSync
from radius.spool_writer import SpoolWriter
from radius.store import Entry, ProfileStore

COMPLAIN_EVERY_S = 10.0
COLLECT_YOUNG_ONLY = (10_000, 50, 1_000_000)
# A background thread gives way to a login after half a millisecond instead of Python's five.
SWITCH_INTERVAL_S = 0.0005

Part = Keeper | RouterKeeper | AccessRecords | SpoolGuard | SpoolSync | SharedPort

_routers = RouterTable()
_desk: list[Authorizer] = []
# Only where logins are decided: to have heard a router there says that its logins arrive.
_notes: list[RouterNotes] = []
_sync: list[SpoolSync] = []
# Only in a server without threads, which writes its records itself.
_writer: list[SpoolWriter] = []
_ports: list[SharedPort] = []
_running: list[Part] = []
_threads: list[threading.Thread] = []
_complained: dict[str, float] = {}


def instantiate(_: object) -> int:
    """Start the policy, in the process that answers logins."""
    return _try_to_start(_start_login)


def instantiate_accounting(_: object) -> int:
    """Start what the process needs that takes accounting: the routers, and the watch over the spool's disk."""
    return _try_to_start(_start_accounting)


def _try_to_start(start: Callable[[PolicySettings], None]) -> int:
    # Only a negative answer stops FreeRADIUS: anything else would serve half a module.
    try:
        start(PolicySettings.from_file(radiusd.config["settings_file"]))
    except Exception:
        radiusd.radlog(radiusd.L_ERR, f"policy not started: {traceback.format_exc()}")
        return -1
    return 0


def authorize(request: Request) -> Answer:
    """Decide a login."""
    try:
        return _desk[0].authorize(request)
    except Exception:
        radiusd.radlog(radiusd.L_ERR, f"policy failed on a login: {traceback.format_exc()}")
        return _desk[0].policy_failed(request)


def find_router(request: Request) -> Answer | int:
    """Tell FreeRADIUS the secret of the router at an address, or that there is none."""
    if _ports and _ports[0].is_waiting:
        return _take_port()
    address = dict(request)["Tmp-String-0"]
    router = _routers.by_address.get(address)
    if router is None:
        return int(radiusd.RLM_MODULE_NOTFOUND)
    if _notes:
        _notes[0].heard(router.nas_server_id, time.time())
    return (radiusd.RLM_MODULE_OK, (), client_pairs(address, router))


def _take_port() -> int:
    """The packet is our own, sent so that this is called at a moment when FreeRADIUS waits for none."""
    if _ports[0].take():
        radiusd.radlog(radiusd.L_INFO, "the shared port is ours; a request that is now ignored was our own")
    return int(radiusd.RLM_MODULE_NOTFOUND)


def check_certificate(request: Request) -> int:
    """Refuse a certificate that was revoked, also one whose connection was open by then."""
    serial = dict(request).get("Tmp-String-5", "").lstrip("0").lower()
    return int(radiusd.RLM_MODULE_REJECT if serial in _routers.revoked else radiusd.RLM_MODULE_NOOP)


def refused(request: Request) -> int:
    """A password was wrong after the policy had accepted."""
    try:
        _desk[0].refuse_password(bytes.fromhex(dict(request)["Tmp-String-2"].removeprefix("0x")).decode(), request)
    except Exception:
        radiusd.radlog(radiusd.L_ERR, f"a refusal was not recorded: {traceback.format_exc()}")
    return int(radiusd.RLM_MODULE_OK)


def stored(request: Request) -> int:
    """Keep a record, so that it may be acknowledged: write it, or in the strict mode have it on the disk.

    A failure is one of ours, and FreeRADIUS writes the record in its own way; a reject is one of the disk, and silence.
    """
    try:
        if _writer:
            return int(radiusd.RLM_MODULE_OK if _writer[0].write(request) else radiusd.RLM_MODULE_REJECT)
        return int(radiusd.RLM_MODULE_OK if _sync[0].make_safe() else radiusd.RLM_MODULE_FAIL)
    except Exception:
        _complain(f"a record was not kept: {traceback.format_exc()}")
        return int(radiusd.RLM_MODULE_FAIL)


def detach(_: object) -> int:
    """Write what is left and stop the threads."""
    for part in _running:
        part.stop()
    for thread in _threads:
        thread.join(timeout=2)
    return 0


def _start_login(settings: PolicySettings) -> None:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    share, shares = int(os.environ.get(SHARE, "0")), int(os.environ.get(SHARES, "1"))
    # A full collection walks every profile in memory and would stop all logins meanwhile; a login leaves no cycles.
    gc.set_threshold(*COLLECT_YOUNG_ONLY)
    dsn = policy_dsn(settings.dsn)
    keyring = Keyring.from_file(settings.keys_file)
    store = ProfileStore(settings.capacity)
    statements = {"profile": PROFILE_BY_NAME, "open_sessions": OPEN_SESSIONS, "recent_devices": RECENT_DEVICES}
    reader = DeadlineReader(dsn, statements, settings.read_timeout_ms)
    records = AccessRecords(Path(settings.spool_dir), _complain)
    keeper = Keeper(
        dsn,
        store,
        _routers,
        reader,
        keyring,
        _complain,
        _prepare,
        lambda name: share_of(name.encode(), shares) == share,
    )
    authorizer = Authorizer(
        codes=Codes(accept=radiusd.RLM_MODULE_OK, reject=radiusd.RLM_MODULE_REJECT, handled=radiusd.RLM_MODULE_HANDLED),
        store=store,
        routers=_routers,
        reader=reader,
        records=records,
        open_password=keyring.decrypt,
        catch_up=keeper.catch_up,
        complain=_complain,
        max_stale_s=settings.max_stale_s,
        boot_id=secrets.token_hex(6),
        notes=records.notes,
        servers=shares,
    )
    _desk[:] = [authorizer]
    _notes[:] = [records.notes]
    # Only the first server opens the port for TLS, by which records come as well.
    watch = _watch(settings) if settings.takes_accounting and share == 0 else []
    _run(keeper, records, *_shared_port(lambda: time.monotonic() < store.trusted_until), *watch)


def _start_accounting(settings: PolicySettings) -> None:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    keyring = Keyring.from_file(settings.keys_file)
    _run(
        RouterKeeper(policy_dsn(settings.dsn), _routers, keyring, _complain),
        *_shared_port(lambda: bool(_routers.by_address)),
        *_watch(settings, writes=not settings.spool_strict),
    )


def _shared_port(is_ready: Callable[[], bool]) -> list[SharedPort]:
    """The port that is shared; none where FreeRADIUS was started by hand, to look at its configuration."""
    if CHANNEL in os.environ:
        _ports[:] = [SharedPort(os.environ, _complain, is_ready)]
    return _ports


def _watch(settings: PolicySettings, *, writes: bool = False) -> list[Part]:
    """The watch over what this server writes: records become safe, and a full or failing disk closes its gate.

    `writes`: the records are written here, not by FreeRADIUS.
    """
    spool, writer = Path(settings.spool_dir), os.environ.get(WRITER, "")
    sync = SpoolSync(spool, writer, settings.spool_sync_ms, _complain)
    gate = Path(f"{settings.spool_gate}-{writer}")
    guard = SpoolGuard(spool, writer, gate, settings.min_free_bytes, _complain, lambda: sync.is_trusted)
    guard.check()
    _sync[:] = [sync]
    _writer[:] = [SpoolWriter(gate, writer, _complain, lambda: guard.is_open)] if writes else []
    return [guard, sync]


def _run(*parts: Part) -> None:
    _running[:] = parts
    for part in _running:
        thread = threading.Thread(target=part.run, name=type(part).__name__, daemon=True)
        thread.start()
        _threads.append(thread)


def _prepare(entry: Entry) -> None:
    # An error that one subscription meets must not end the filling of memory for all the others.
    try:
        _desk[0].prepare(entry)
    except Exception:
        radiusd.radlog(radiusd.L_ERR, f"policy failed ahead of a login: {traceback.format_exc()}")


def _complain(message: str) -> None:
    """Log a condition once in a while, not once a login; the first words say which condition it is."""
    kind, now = message.split(":", maxsplit=1)[0], time.monotonic()
    if now - _complained.get(kind, -COMPLAIN_EVERY_S) >= COMPLAIN_EVERY_S:
        _complained[kind] = now
        radiusd.radlog(radiusd.L_WARN, message)
