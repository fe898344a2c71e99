"""The monitor's HTML page: what it says, that it needs nothing else, and that no text can become markup."""

from datetime import timedelta
from html.parser import HTMLParser

import msgspec
from alarmbox import NOW, SKILL, make_window, result
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from slipway.figures import Figure
from slipway.monitoring.alarms.alarm import AlarmState, Severity
from slipway.monitoring.measurement import Measurement
from slipway.monitoring.report.page import render_monitor_page, write_monitor_page
from slipway.monitoring.result import LogCounts, MonitorResult

# What clients may send as the name of a category, on top of whatever Hypothesis finds.
HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=y>', "</style>", "{{ 7*7 }}", "]]>", "&lt;", "'", "\x00")


class Reader(HTMLParser):
    """The tags of a page with the names of their attributes, its text, and the values of its attributes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.words, self.values = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, *(name for name, _ in attrs)))
        self.values += attrs

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def figures(category="UA", skill=0.1):
    return (
        Measurement(
            name="skill",
            figure=Figure(value=skill, low=skill - 0.02, high=skill + 0.02),
            reference=Figure(value=0.1, low=0.07, high=0.13),
            rows=900,
        ),
        Measurement(name=f"slice:carrier={category}:excess", figure=Figure(value=0.31), rows=70),
        Measurement(
            name=f"slice:carrier={category}:roc_auc",
            figure=Figure(value=0.6, low=0.55, high=0.65),
            reference=Figure(value=0.7, low=0.66, high=0.74),
            rows=70,
        ),
        Measurement(name="coverage", figure=Figure(value=0.9), rows=1000),
        Measurement(name="delay_p95", figure=Figure(value=19.1), note="hours", rows=900),
        Measurement(name="drift:distance", figure=Figure(value=0.02), limit=0.05, rank=3, rows=1000),
        Measurement(name="missing:origin", figure=Figure(value=0.3), limit=0.1, rank=1, note=category, rows=1000),
        Measurement(name="stuck:distance", figure=Figure(value=0), limit=0.0, rows=1000),
        Measurement(name="latency_p99", figure=Figure(value=0.9), note="milliseconds", rows=1000),
        Measurement(name="release:4d560205d0c2:skill", figure=Figure(value=0.2), rows=500),
        Measurement(name="roc_auc", note="one class alone"),
    )


def make_alarm(state=AlarmState.FIRING, measurement="missing:origin", sentence="missing:origin is 0.300."):
    return replace(SKILL, severity=Severity.WARNING, state=state, measurement=measurement, sentence=sentence)


def make_result(category="UA", alarms=(), windows=None):
    made = [make_window(*figures(category, skill=0.4), end=NOW - timedelta(days=7), days=7)]
    made += [make_window(*figures(category), days=days) for days in (7, 14)]
    found = result(*alarms, windows=made if windows is None else windows)
    counts = LogCounts(predictions=12_345, joined=11_000, damaged=3)
    return replace(found, release="4d560205d0c23c34", counts=counts)


def test_the_page_leads_with_the_environment_its_release_and_the_alarms():
    alarms = [make_alarm(), make_alarm(AlarmState.RECOVERED, "bias", "bias is 0.01.")]
    text = Reader(render_monitor_page(make_result(alarms=alarms))).text
    for words in ("production", "to 2013-12-15", "▲ 1 alarm", "4d560205d0c2", "missing:origin is 0.300.", "12,345"):
        assert words in text
    assert "✓ recovered: bias" in text
    assert SKILL.advice in text


def test_a_run_without_an_alarm_says_so():
    text = Reader(render_monitor_page(make_result())).text
    assert "✓ No alarm" in text
    assert "▲ 1 alarm" not in text


def test_every_figure_of_the_newest_windows_is_on_the_page():
    text = Reader(render_monitor_page(make_result())).text
    for name in ("skill", "carrier=UA", "coverage", "delay_p95", "drift:distance", "latency_p99", "stuck:distance"):
        assert name in text
    assert "release:4d560205d0c2:skill" in text


def test_rules_that_could_not_be_judged_are_named():
    found = replace(make_result(), unjudged={"skill": "the 28 days to 2013-12-15 have 30 outcomes"})
    assert "skill : the 28 days to 2013-12-15 have 30 outcomes" in Reader(render_monitor_page(found)).text
    assert "Rules that nothing could be judged by" not in Reader(render_monitor_page(make_result())).text


def test_windows_of_outcomes_are_named_as_such():
    window = replace(make_window(*figures(), days=40), of_outcomes=2000)
    found = make_result()
    text = Reader(render_monitor_page(replace(found, windows=(*found.windows, window)))).text
    for words in ("Newest 2,000 outcomes", "windows of 2,000 outcomes", "Slices, 2,000 outcomes", "windows of 14 days"):
        assert words in text


def test_what_a_classifier_tells_stands_beside_the_windows_before():
    joint = Measurement(
        name="joint", figure=Figure(value=0.83), reference=Figure(value=0.77, low=0.6, high=0.95), note="how well"
    )
    window = make_window(*figures(), joint, days=7)
    text = Reader(render_monitor_page(make_result(windows=[window]))).text
    assert "Jointly: 0.830, in the windows before 0.770 [0.600, 0.950]: how well." in text
    assert text.count("how well") == 1


def test_what_differs_is_marked_by_a_symbol_and_not_by_colour_alone():
    page = render_monitor_page(make_result())
    text = Reader(page).text
    assert "▲ missing:origin" in text
    assert "▲ drift:distance" not in text
    assert "◆ carrier=UA" in text
    # One window's interval of skill lies outside the evaluation's; the others' overlap it.
    assert page.count('<path d="M') == 1
    assert page.count("<circle") == 2


def test_the_page_needs_no_network_and_no_script():
    reader = Reader(render_monitor_page(make_result(alarms=[make_alarm()])))
    tags = {tag for tag, *_ in reader.tags}
    assert not tags & {"script", "link", "img", "iframe", "object", "form", "a", "base"}
    assert not [name for name, _ in reader.values if name.startswith("on") or name in ("src", "href", "style")]
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in reader.values


@settings(max_examples=60, deadline=None)
@given(name=st.sampled_from(HOSTILE) | st.text(min_size=1, max_size=30))
def test_no_name_of_a_category_becomes_markup(name):
    alarms = [make_alarm(measurement=name, sentence=name)]
    plain = Reader(render_monitor_page(make_result("UA", [make_alarm(measurement="UA", sentence="UA")])))
    found = Reader(render_monitor_page(make_result(name, alarms)))
    assert found.tags == plain.tags
    assert " ".join(f"carrier={name}".split()) in found.text


def test_the_same_result_gives_the_same_bytes(tmp_path):
    content = msgspec.json.encode(make_result(alarms=[make_alarm()]))
    for name in ("one.html", "two.html"):
        write_monitor_page(tmp_path / name, msgspec.json.decode(content, type=MonitorResult))
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()


def test_a_result_without_windows_still_makes_a_page():
    text = Reader(render_monitor_page(make_result(windows=()))).text
    assert "No alarm" in text
    assert "The log" in text
