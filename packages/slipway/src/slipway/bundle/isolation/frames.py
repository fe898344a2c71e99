"""Frames on a socket between two processes: a length, then so many bytes.

A request is a method and its packed arguments; an answer is the type of an error ("" for none) and the packed result.
"""

import socket
import struct

_LENGTH = struct.Struct("=q")


def send_frame(link: socket.socket, content: bytes) -> None:
    """Send one frame: its length, then its bytes."""
    link.sendall(_LENGTH.pack(len(content)) + content)


def receive_frame(link: socket.socket, most: int = 1 << 40) -> bytes | None:
    """Receive one frame; None where the other end closed. Raises `ValueError` for one of more than `most` bytes."""
    head = _receive(link, _LENGTH.size)
    if head is None:
        return None
    (length,) = _LENGTH.unpack(head)
    if not 0 <= length <= most:
        raise ValueError(f"an answer of {length:,} bytes, expected at most {most:,}")
    return _receive(link, length)


def _receive(link: socket.socket, length: int) -> bytes | None:
    content = bytearray()
    while len(content) < length:
        part = link.recv(min(length - len(content), 1 << 20))
        if not part:
            return None
        content += part
    return bytes(content)
