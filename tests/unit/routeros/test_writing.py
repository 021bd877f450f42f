"""What is written is read first: cut after any step and asked again, the router ends as wanted and nothing is twice."""

from collections.abc import Callable

import pytest

from routeros import Pool, Router, RouterApiError, Target
from routeros.wanted import HotspotUserWanted, ListEntryWanted, QueueWanted, SecretWanted
from simulator import ApiServer

WANTED = SecretWanted(
    name="budi", password="rahasia", profile="paket-10m", local_address="10.0.0.1", remote_address="10.20.0.5",
    comment="Budi Santoso CUST-1 [lintas:7]",
)  # fmt: skip


def test_a_secret_is_added_then_equal_then_changed(api: ApiServer, pool: Pool, target: Target) -> None:
    with pool.open(target, deadline_s=2) as router:
        assert router.put_ppp_secret(WANTED) == "added"
        assert router.put_ppp_secret(WANTED) == "equal"
        assert router.put_ppp_secret(SecretWanted(name="budi", is_disabled=True)) == "changed"

    row = api.tables.named("/ppp/secret", "budi")
    assert row is not None
    assert (row["disabled"], row["profile"], row["password"]) == ("true", "default", "rahasia")
    assert "remote-address" not in row
    assert row["comment"] == WANTED.comment


def test_a_password_that_the_router_keeps_to_itself_is_written_again(
    api: ApiServer, pool: Pool, target: Target
) -> None:
    api.tables.shows_passwords = False

    with pool.open(target, deadline_s=2) as router:
        router.put_ppp_secret(WANTED)
        assert router.put_ppp_secret(WANTED) == "changed"

    assert len(api.tables.of("/ppp/secret")) == 1


def test_a_secret_of_the_same_name_that_somebody_typed_is_taken_over(
    api: ApiServer, pool: Pool, target: Target
) -> None:
    api.tables.put("/ppp/secret", {"name": "budi", "service": "any", "password": "old", "disabled": "true"})

    with pool.open(target, deadline_s=2) as router:
        assert router.put_ppp_secret(WANTED) == "changed"

    assert [(row["service"], row["password"], row["disabled"]) for row in api.tables.of("/ppp/secret")] == [
        ("pppoe", "rahasia", "false")
    ]


def secret(router: Router) -> None:
    router.put_ppp_secret(WANTED)


def hotspot(router: Router) -> None:
    router.put_hotspot_user(HotspotUserWanted(name="siti", password="x", mac="aa:bb:cc:dd:ee:ff", comment="c"))


def queue(router: Router) -> None:
    router.put_queue(QueueWanted(name="lintas-7", target="10.20.0.5", max_limit="5M/10M", comment="c"))


def listed(router: Router) -> None:
    router.put_list_entry(ListEntryWanted(list="isolir", address="10.20.0.5", comment="c"))


MENUS = {
    secret: "/ppp/secret",
    hotspot: "/ip/hotspot/user",
    queue: "/queue/simple",
    listed: "/ip/firewall/address-list",
}


@pytest.fixture(autouse=True)
def profiles(api: ApiServer) -> None:
    for name in ("paket-10m", "other"):
        api.tables.put("/ppp/profile", {"name": name})
        api.tables.put("/ip/hotspot/user/profile", {"name": name})


def attempt(pool: Pool, target: Target, write: Callable[[Router], None]) -> bool:
    try:
        with pool.open(target, deadline_s=2) as router:
            write(router)
    except RouterApiError:
        return False
    return True


@pytest.mark.parametrize("write", MENUS, ids=lambda write: write.__name__)
@pytest.mark.parametrize("where", ["cut_before_command", "cut_after_command"])
@pytest.mark.parametrize("start", ["nothing", "something else", "typed by hand"])
def test_cut_after_each_step_and_asked_again_it_ends_as_wanted(
    api: ApiServer, pool: Pool, target: Target, write: Callable[[Router], None], where: str, start: str
) -> None:
    menu = MENUS[write]
    assert attempt(pool, target, write)
    clean = without_ids(api)[menu]
    for step in range(1, 9):
        api.tables.rows[menu] = []
        if start != "nothing":
            over = {"comment": "old", "disabled": "true"} if start == "typed by hand" else {"disabled": "true"}
            api.tables.put(menu, clean[0] | over | ({"profile": "other"} if "profile" in clean[0] else {}))
        setattr(api.faults, where, step)
        attempt(pool, target, write)
        setattr(api.faults, where, None)

        assert attempt(pool, target, write)
        assert without_ids(api)[menu] == clean, step
        done = len(api.commands)
        assert attempt(pool, target, write)
        assert api.commands[done:] == [f"{menu}/print"]


def without_ids(api: ApiServer) -> dict[str, list[dict[str, str]]]:
    return {
        menu: [{word: value for word, value in row.items() if word != ".id"} for row in api.tables.of(menu)]
        for menu in MENUS.values()
    }


def test_a_queue_of_the_routers_own_is_read_and_left_alone(api: ApiServer, pool: Pool, target: Target) -> None:
    api.tables.put("/queue/simple", {"name": "<pppoe-budi>", "dynamic": "true", "max-limit": "5000000/10000000"})

    with pool.open(target, deadline_s=2) as router:
        assert router.queues(name="<pppoe-budi>")[0].max_limit_bps == (5_000_000, 10_000_000)
        assert not router.remove_queue("<pppoe-budi>")
        assert router.put_queue(QueueWanted(name="x", target="10.0.0.9/32", max_limit="512k/1M")) == "added"
        assert router.put_queue(QueueWanted(name="x", target="10.0.0.9", max_limit="512000/1000k")) == "equal"
        assert router.remove_queue("x")
        assert not router.remove_queue("x")


def test_forgetting_a_device_takes_cookies_bindings_and_leases(api: ApiServer, pool: Pool, target: Target) -> None:
    mac = "AA:BB:CC:DD:EE:FF"
    api.tables.put("/ip/hotspot/cookie", {"mac-address": mac, "user": "budi"})
    api.tables.put("/ip/hotspot/cookie", {"mac-address": "00:00:00:00:00:01", "user": "siti"})
    api.tables.put("/ip/hotspot/ip-binding", {"mac-address": mac, "type": "bypassed"})
    api.tables.put("/ip/hotspot/ip-binding", {"mac-address": mac, "type": "blocked"})
    api.tables.put("/ip/dhcp-server/lease", {"mac-address": mac, "address": "10.0.0.5", "dynamic": "false"})

    with pool.open(target, deadline_s=2) as router:
        assert router.forget_device(mac) == {"cookies": 1, "bindings": 1, "leases": 1}
        assert router.forget_device(mac) == {"cookies": 0, "bindings": 0, "leases": 0}

    assert [row["user"] for row in api.tables.of("/ip/hotspot/cookie")] == ["siti"]
    assert [row["type"] for row in api.tables.of("/ip/hotspot/ip-binding")] == ["blocked"]


def test_a_session_that_was_over_already_is_no_error(api: ApiServer, pool: Pool, target: Target) -> None:
    row = api.tables.put("/ppp/active", {"name": "budi", "service": "pppoe", "radius": "true", "uptime": "5m3s"})

    with pool.open(target, deadline_s=2) as router:
        assert router.ppp_active(name="budi")[0].uptime_s == 303
        assert router.end_ppp(row)
        assert not router.end_ppp(row)


def test_a_lease_is_made_static_and_removed(api: ApiServer, pool: Pool, target: Target) -> None:
    row = api.tables.put("/ip/dhcp-server/lease", {"address": "10.0.0.5", "dynamic": "true", "expires-after": "9m"})

    with pool.open(target, deadline_s=2) as router:
        router.make_lease_static(row)
        assert not router.dhcp_leases()[0].is_dynamic
        assert router.remove_dhcp_lease(row)
        assert router.dhcp_leases() == []
