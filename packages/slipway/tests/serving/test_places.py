"""A body that takes too long is answered once: by the thread that watches, or by the one that read it."""

import sys
import threading

import pytest

from slipway.serving.app.places import SERVER_PROTOCOL, Places
from slipway.serving.error_responses import Refusal


class Protocol:
    """The server's object of a request, which counts its answers."""

    def __init__(self):
        self.answers = 0

    def response_iter(self, *_):
        self.answers += 1


def new_request():
    return {"PATH_INFO": "/predict", SERVER_PROTOCOL: Protocol()}


def join_others():
    for thread in threading.enumerate():
        if "_answer_slow_body" in thread.name:
            thread.join()


def test_a_slow_body_is_answered_by_the_watch_alone():
    places, environ = Places(1, -1.0), new_request()
    places.begin_body(environ)
    for _ in range(3):
        places.answer_slow_bodies()
    join_others()
    assert environ[SERVER_PROTOCOL].answers == 1
    with pytest.raises(Refusal, match="Slow body"):
        places.end_body(environ)


def test_a_body_that_ends_while_the_watch_looks_at_it_is_answered_by_its_reader_alone():
    places, environ, later = Places(1, -1.0), new_request(), new_request()
    places.begin_body(environ)

    def end_at_first_line(frame, event, _):
        if event == "line" and "environ" in frame.f_locals:
            sys.settrace(None)
            frame.f_trace = None
            places.end_body(environ)
        return end_at_first_line

    sys.settrace(lambda frame, *_: end_at_first_line if frame.f_code.co_name == "answer_slow_bodies" else None)
    try:
        places.answer_slow_bodies()
    finally:
        sys.settrace(None)
    join_others()
    assert environ[SERVER_PROTOCOL].answers == 0
    # The next request in this place is not taken for the slow one.
    places.begin_body(later)
    places.end_body(later)
