"""Has the kernel deal out packets of one UDP port to several sockets, by User-Name.

A classic BPF program on a group of sockets that share a port (SO_REUSEPORT): it walks the attributes of the request to
User-Name and does what `domain.sharing` says. A load outside the packet ends the program with 0, so whatever cannot be
read goes to the first socket.
"""

import ctypes
import socket
import struct

from domain.sharing import FACTOR, FOLD, MOST_WORDS, WORD_BYTES

# Linux's own numbers, which Python's socket module does not have.
SO_ATTACH_REUSEPORT_CBPF = 51
_HEADER_BYTES = 20
_USER_NAME = 1
# RouterOS sends User-Name among the first five attributes.
_MOST_ATTRIBUTES = 32
# Names of instructions as in the kernel's documentation of socket filters.
_LDX_IMM, _LDX_MEM, _LD_MEM, _ST, _STX = 0x01, 0x61, 0x60, 0x02, 0x03
_LD_BYTE_AT_X, _LD_WORD_AT_X = 0x50, 0x40
_ADD_X, _OR, _MUL, _MOD, _RSH, _TAX, _TXA = 0x0C, 0x44, 0x24, 0x94, 0x74, 0x07, 0x87
_JEQ, _JGE, _RET, _RET_A = 0x15, 0x35, 0x06, 0x16
_MIXED, _START = 1, 2

Instruction = tuple[int, int, int, int]


def deal_by_name(sockets: list[socket.socket]) -> None:
    """Deal packets out to these sockets, which were bound to one port in this order; raises OSError."""
    code = b"".join(struct.pack("HBBI", *step) for step in program(len(sockets)))
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_of = struct.pack("HL", len(code) // 8, ctypes.addressof(buffer))
    sockets[0].setsockopt(socket.SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, filter_of)


def program(shares: int) -> list[Instruction]:
    """The filter for so many sockets."""
    found = _found(shares)
    return [*_walk(), (_RET, 0, 0, 0), *found]


def _walk() -> list[Instruction]:
    """X goes from attribute to attribute; at User-Name the program jumps to what follows this and a return."""
    steps: list[Instruction] = [(_LDX_IMM, 0, 0, _HEADER_BYTES)]
    for left in reversed(range(_MOST_ATTRIBUTES)):
        steps += [
            (_LD_BYTE_AT_X, 0, 0, 0),
            (_JEQ, 5 * left + 4, 0, _USER_NAME),
            (_LD_BYTE_AT_X, 0, 0, 1),
            (_ADD_X, 0, 0, 0),
            (_TAX, 0, 0, 0),
        ]
    return steps


def _found(shares: int) -> list[Instruction]:
    mix = [word for number in range(MOST_WORDS) for word in _mix_word(number)]
    last: list[Instruction] = [
        (_LDX_MEM, 0, 0, _START),
        (_LD_BYTE_AT_X, 0, 0, 1),
        (_ADD_X, 0, 0, 0),
        (_TAX, 0, 0, 0),
        (_LD_WORD_AT_X, 0, 0, -WORD_BYTES & 0xFFFF_FFFF),
        *_mixed(),
        (_RSH, 0, 0, 16),
        (_MOD, 0, 0, shares),
        (_RET_A, 0, 0, 0),
    ]
    short: list[Instruction] = [
        (_LD_BYTE_AT_X, 0, 0, 2),
        (_OR, 0, 0, FOLD & 0xFF),
        (_MOD, 0, 0, shares),
        (_RET_A, 0, 0, 0),
    ]
    begin: list[Instruction] = [
        (_STX, 0, 0, _START),
        (_LD_BYTE_AT_X, 0, 0, 1),
        (_JGE, 4, 0, WORD_BYTES + 2),
        *short,
        (_LDX_IMM, 0, 0, 0),
        (_STX, 0, 0, _MIXED),
    ]
    return [*begin, *mix, *last]


def _mix_word(number: int) -> list[Instruction]:
    """One word from the front, left out where the name has ended."""
    at = number * WORD_BYTES
    body: list[Instruction] = [(_LD_WORD_AT_X, 0, 0, 2 + at), *_mixed()]
    return [
        (_LDX_MEM, 0, 0, _START),
        (_LD_BYTE_AT_X, 0, 0, 1),
        (_JGE, 0, len(body), 2 + at + WORD_BYTES),
        *body,
    ]


def _mixed() -> list[Instruction]:
    """The word in A is mixed into what was there."""
    return [(_OR, 0, 0, FOLD), (_LDX_MEM, 0, 0, _MIXED), (_ADD_X, 0, 0, 0), (_MUL, 0, 0, FACTOR), (_ST, 0, 0, _MIXED)]
