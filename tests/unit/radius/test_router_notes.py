"""What packets tell of a router is noted once in a while, and only when it is news."""

from radius.router_notes import AGAIN_S, RouterNotes


def words(notes: RouterNotes) -> list[tuple[int, str]]:
    return [(note["router"], note["seen"]) for note in notes.take()]  # type: ignore[index]


def test_the_same_is_told_once_a_minute() -> None:
    notes = RouterNotes()

    for second in range(150):
        notes.heard(7, 1000.0 + second)
        if second == 0:
            assert words(notes) == [(7, "heard")]

    assert words(notes) == [(7, "heard")]
    notes.heard(7, 1000.0 + 149 + AGAIN_S)
    assert words(notes) == [(7, "heard")]
    assert words(notes) == []


def test_a_signature_is_told_with_what_it_is() -> None:
    notes = RouterNotes()

    notes.signature({"Message-Authenticator": "0x00"}, 7, 1000.0)
    notes.signature({"User-Name": "budi"}, 8, 1000.0)

    assert words(notes) == [(7, "signed"), (8, "unsigned")]


def test_what_came_out_of_a_tunnel_says_nothing_of_the_router() -> None:
    notes = RouterNotes()

    notes.signature({"FreeRADIUS-Proxied-To": "127.0.0.1"}, 7, 1000.0)

    assert words(notes) == []


def test_what_could_not_be_written_is_told_again() -> None:
    notes = RouterNotes()
    notes.heard(7, 1000.0)

    notes.put_back(notes.take())
    notes.heard(7, 1001.0)

    assert words(notes) == [(7, "heard")]
