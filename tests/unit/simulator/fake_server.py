"""A RADIUS server in a thread whose every answer a test decides; packets are read and made with pyrad.

pyrad is the second opinion: the simulator has a codec of its own, and a mistake in it must not confirm itself.
"""

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from pyrad.dictionary import Dictionary
from pyrad.packet import AccessAccept, AccountingResponse, AcctPacket, AuthPacket, Packet

SECRET = b"a secret of this test"
Answer = Callable[[Packet], Packet | bytes | None]


def accept(request: Packet, **attributes: object) -> Packet:
    """An Access-Accept (or Accounting-Response) signed as RouterOS 7 wants it."""
    reply = request.CreateReply(**attributes)
    if isinstance(request, AuthPacket):
        reply.code = AccessAccept
        reply.add_message_authenticator()
    else:
        reply.code = AccountingResponse
    return reply


@dataclass
class FakeServer:
    """Listens on one port for both kinds of packets; `answer` may be replaced by the test."""

    dictionary: Dictionary
    answer: Answer = accept
    received: list[tuple[bytes, Packet]] = field(default_factory=list)
    sources: set[tuple[str, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            data, source = self._socket.recvfrom(4096)
            if not data:
                return
            kind = AuthPacket if data[0] == 1 else AcctPacket
            packet = kind(packet=data, secret=SECRET, dict=self.dictionary)
            self.received.append((data, packet))
            self.sources.add(source)
            reply = self.answer(packet)
            if reply is not None:
                self._socket.sendto(reply if isinstance(reply, bytes) else reply.ReplyPacket(), source)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        self._thread.join(5)
        self._socket.close()

    @property
    def logins(self) -> list[Packet]:
        return [packet for _, packet in self.received if isinstance(packet, AuthPacket)]

    @property
    def records(self) -> list[Packet]:
        return [packet for _, packet in self.received if isinstance(packet, AcctPacket)]
