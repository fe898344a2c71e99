"""The queue of a shadow: every line in its order, none torn, none beyond its size."""

import os
import random
import struct

import pytest

from slipway.serving.shadow.queue import ShadowQueue


def test_lines_come_out_in_their_order_also_across_the_end_of_the_ring():
    queue, chosen = ShadowQueue(1000), random.Random(7)
    sent, found = [], []
    for number in range(500):
        line = bytes([number % 256]) * chosen.randint(0, 300)
        if queue.put(line, number):
            sent.append((line, number))
        if chosen.random() < 0.6 and (taken := queue.take()):
            found.append(tuple(taken))
    while taken := queue.take():
        found.append(tuple(taken))
    assert found == sent
    assert len(sent) > 200
    assert (queue.waiting_bytes, queue.waiting_rows) == (0, 0)


def test_a_line_without_room_is_refused_and_the_others_stay():
    queue = ShadowQueue(100)
    assert queue.put(b"a" * 60, 2)
    assert not queue.put(b"b" * 60, 3)
    assert queue.waiting_rows == 2
    assert queue.take() == (b"a" * 60, 2)
    assert queue.put(b"b" * 60, 3)
    assert not queue.put(b"c" * 200, 1), "larger than the whole queue"


@pytest.mark.parametrize("damage", [struct.pack("=I", 9), struct.pack("=I", 1 << 31)])
def test_a_line_of_which_only_a_part_is_seen_is_left_for_later(damage):
    queue = ShadowQueue(100)
    queue.put(b"whole line", 1)
    kept = bytes(queue._content[:4])
    queue._content[:4] = damage
    assert queue.take() is None
    queue._content[:4] = kept
    assert queue.take() == (b"whole line", 1)


def test_another_process_reads_what_this_one_writes():
    queue = ShadowQueue(4096)
    child = os.fork()
    if child == 0:
        found = 0
        while found < 5000:
            if taken := queue.take():
                found += taken.rows if taken.line == b"x" * (found % 90) else 10**6
        os._exit(0 if found == 5000 else 1)
    sent = 0
    while sent < 5000:
        sent += queue.put(b"x" * (sent % 90), 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
