"""The page: each field of the contract has its input, the row it starts with is answered, nothing can be slipped in."""

import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from urllib.parse import urljoin

import pytest
from running import serving
from toybox import name_outcome, rows_of

from slipway.bundle import load_bundle
from slipway.bundle.manifest import MANIFEST, decode_manifest
from slipway.contract import Kind
from slipway.files.writing import encode_json
from slipway.serving.app.keys import Scope, new_key
from slipway.serving.settings import read_settings
from slipway.serving.site.page import curl_command

EVIL = "<script>alert('x')</script>"
VOID = {"input", "meta", "link", "img", "br"}


class Page(HTMLParser):
    """The elements of a page with their attributes and text, in their order."""

    def __init__(self, text):
        super().__init__()
        self.elements = []
        self._open = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        element = {"tag": tag, "text": "", "inside": [each["tag"] for each in self._open], **dict(attributes)}
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_endtag(self, tag):
        while self._open and self._open.pop()["tag"] != tag:
            pass

    def handle_data(self, text):
        for element in self._open:
            element["text"] += text

    def all(self, **wanted):
        return [each for each in self.elements if all(each.get(name) == value for name, value in wanted.items())]

    def one(self, **wanted):
        (found,) = self.all(**wanted)
        return found


@pytest.fixture
def page(service):
    return Page(service.ask.get("/").text)


def options_of(page, select):
    start = page.elements.index(select) + 1
    rest = page.elements[start:]
    end = next((place for place, each in enumerate(rest) if each["tag"] != "option"), len(rest))
    return rest[:end]


def value_of(page, element, field):
    """What the page's script sends for an input that nobody touched."""
    if element.get("type") == "checkbox":
        return "checked" in element
    if element["tag"] == "select":
        text = next(each["value"] for each in options_of(page, element) if "selected" in each)
    else:
        text = element["value"]
    if text == "":
        return None
    if field.kind in (Kind.NUMBER, Kind.INTEGER):
        return json.loads(text)
    if field.kind is Kind.BOOLEAN:
        return text == "true"
    if field.kind is Kind.TIMESTAMP:
        return text + ("" if text.count(":") > 1 else ":00") + ("Z" if field.zoned else "")
    return text


def words_of(command, **environment):
    """What a shell hands to curl."""
    shown = f"""curl() {{ printf '%s\\0' "$@"; }}\n{command}"""
    done = subprocess.run(["sh", "-c", shown], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.split("\0")[:-1]


def test_every_field_has_an_input_with_a_label_and_a_place_for_its_error(page, toy):
    for field in toy.bundle.fields:
        element = page.one(name=field.name)
        label = page.one(**{"tag": "label", "for": element["id"]})
        assert label["text"].strip().lower() == field.name.replace("_", " ")
        described = element["aria-describedby"].split()
        assert page.one(id=described[0])["text"].strip() == field.description
        assert "hidden" in page.one(id=described[1])
        assert ("data-nullable" in element) == field.nullable
        assert ("data-zoned" in element) == field.zoned


def test_what_the_form_starts_with_is_answered(page, service, toy):
    row = {field.name: value_of(page, page.one(name=field.name), field) for field in toy.bundle.fields}
    answer = service.ask.post("/predict", json=row)
    assert answer.status_code == 200, answer.text
    assert None not in row.values(), "an ordinary row without missing values is among the golden ones"


def test_the_examples_are_answered(page, service):
    rows = json.loads(page.one(id="request")["data-rows"])
    assert len(rows) == 8
    assert service.ask.post("/predict", json=rows).status_code == 200


def test_inputs_fit_their_kind(services):
    page = Page(services["churn"].ask.get("/").text)
    plan = page.one(name="plan")
    assert [each["value"] for each in options_of(page, plan)] == ["basic", "family", "plus"]
    assert "required" in plan
    paperless = options_of(page, page.one(name="paperless"))
    assert [each["value"] for each in paperless] == ["true", "false", ""], (
        "a boolean that may be missing has three states"
    )
    months = page.one(name="months")
    assert (months["type"], months["min"], months["max"], months["step"]) == ("number", "0", "600", "1")
    usage = page.one(name="usage")
    assert (usage["type"], usage["min"], usage["step"], usage["placeholder"]) == ("number", "0", "any", "missing")
    assert "required" not in usage
    assert "h/day" in [each["text"] for each in page.all(**{"class": "unit"})]
    town = page.one(name="town")
    assert (town["type"], town["pattern"]) == ("text", "^[a-z]+$")
    assert page.one(name="joined")["type"] == "datetime-local"
    irrigated = Page(services["crops"].ask.get("/").text).one(name="irrigated")
    assert irrigated["type"] == "checkbox"


def test_the_page_says_what_is_live(page, service, toy):
    text = page.one(tag="header")["text"]
    assert toy.problem.name in text
    assert toy.bundle.digest[:12] in text
    assert toy.problem.task.value in text
    assert page.one(tag="time")["datetime"].replace("+00:00", "Z") == service.ask.get("/version").json()["since"]
    links = {each["href"] for each in page.all(tag="a")}
    assert {"monitoring", "openapi.json", "metrics", "version", "healthz"} <= links


def test_the_score_is_named_by_the_problem_and_its_positive_class(page, toy):
    expected = {"churn": "churn = true:", "crops": "crops:", "rents": "monthly rent:"}[toy.problem.name]
    assert page.one(id="outcome-name")["text"] == expected
    assert page.one(tag="legend")["text"] == "Actual outcome"


def test_the_problems_words_name_the_score(loose_bundle, tmp_path):
    name_outcome(loose_bundle, "subscription <cancelled>")
    with serving(loose_bundle, tmp_path / "log") as service:
        assert Page(service.ask.get("/").text).one(id="outcome-name")["text"] == "subscription <cancelled>:"


def test_a_pattern_is_explained_by_the_description_of_its_field(services):
    town = Page(services["churn"].ask.get("/").text).one(name="town")
    assert town["title"] == "text (Town, lower-case letters), or null"


def test_the_outcomes_to_choose_from_are_the_tasks(page, toy):
    buttons = [each for each in page.all(tag="button") if "fieldset" in each["inside"]]
    if toy.problem.name == "rents":
        assert page.one(id="outcome")["type"] == "number"
    else:
        assert [json.loads(each["value"]) for each in buttons] == list(toy.bundle.manifest.classes)


def test_the_command_asks_for_what_the_form_shows(page, service, toy):
    address, *options, row = words_of(page.one(id="curl")["text"])
    assert address == f"{service.url}/predict"
    assert options == ["-H", "Content-Type: application/json", "-d"]
    assert service.ask.post("/predict", json=json.loads(row)).status_code == 200


def test_the_command_survives_a_shell_and_names_the_key(tmp_path):
    settings = read_settings({}, host="0.0.0.0", auth="keys", api_keys_file=tmp_path)
    words = words_of(curl_command(settings, {"name": "it's $HOME; `x`"}), SLIPWAY_KEY="secret")
    assert words[0] == "http://localhost:8080/predict"
    assert "Authorization: Bearer secret" in words
    assert json.loads(words[-1]) == {"name": "it's $HOME; `x`"}


def test_the_page_runs_only_its_own_script_and_asks_only_its_own_service(churn_service):
    answer = churn_service.ask.get("/")
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    page = Page(answer.text)
    for element in page.elements:
        assert not [name for name in element if name.startswith("on") or name == "style"], element
        # Relative: behind a gateway the service has a prefix that it does not know.
        for address in (element.get("src", ""), element.get("href", "")):
            assert "://" not in address
            assert not address.startswith("/")
    assert [each["text"] for each in page.all(tag="script")] == [""]
    for address in [each["src"] for each in page.all(tag="script")] + [each["href"] for each in page.all(tag="link")]:
        own = churn_service.ask.get(f"/{address}")
        assert own.status_code == 200
        assert "http://" not in own.text.replace("http://www.w3.org/2000/svg", "")


def test_words_of_a_contract_stay_words(churn, tmp_path):
    """A description that is a script, and a category that closes its attribute."""
    folder = tmp_path / "bundle"
    shutil.copytree(churn.bundle.path, folder)
    source = (folder / "contract.py").read_text()
    source = source.replace("What is paid for", EVIL).replace('"family"]', '"family", "\\"><img src=x>"]')
    source = source.replace("One subscriber on one day.", EVIL).replace('"h/day"', '"<b>h</b>"')
    (folder / "contract.py").write_text(source)
    manifest = decode_manifest((folder / MANIFEST).read_bytes(), folder)
    manifest.files["contract.py"] = hashlib.sha256(source.encode()).hexdigest()
    (folder / MANIFEST).write_bytes(encode_json(manifest))
    load_bundle(folder)
    with serving(folder, tmp_path / "log") as service:
        text = service.ask.get("/").text
    page = Page(text)
    assert EVIL not in text
    assert [each["text"] for each in page.all(tag="script")] == [""]
    assert page.one(id="field-1-hint")["text"] == EVIL
    assert "<b>h</b>" in [each["text"] for each in page.all(**{"class": "unit"})]
    assert [each["text"] for each in options_of(page, page.one(name="plan"))][-1] == "plus"
    assert not page.all(src="x")
    assert not page.all(tag="b")


def test_the_page_asks_below_its_own_address_whatever_stands_before_it(churn_service):
    """A proxy that passes on what is below /models/churn/ without that prefix."""
    page = Page(churn_service.ask.get("/").text)
    parts = [each.get("href") or each.get("src") for each in page.elements if "href" in each or "src" in each]
    script = churn_service.ask.get("/static/page.js").text
    for address in [*parts, *re.findall(r"""(?:post|URL)\("(.*?)\"""", script)]:
        below = urljoin("https://example.org/models/churn/", address)
        assert below.startswith("https://example.org/models/churn/"), address
        found = churn_service.ask.get(below.removeprefix("https://example.org/models/churn"))
        # A route that takes POST alone, or the page of the monitor without a report, and no unknown route.
        assert found.status_code in (200, 405) or found.headers["content-type"].startswith("text/html"), address


def test_no_button_that_was_pressed_loses_the_keyboards_focus(churn_service):
    """Browsers move the focus away from an element that is disabled."""
    script = churn_service.ask.get("/static/page.js").text
    assert not re.findall(r"disabled = (?!false)", script)


def test_without_javascript_the_page_says_what_still_works(churn_service):
    assert "command below" in Page(churn_service.ask.get("/").text).one(tag="noscript")["text"]


def test_with_a_key_as_password_the_page_and_its_parts_open(churn, tmp_path):
    file = tmp_path / "keys.json"
    key = new_key(file, "browser", Scope.SERVICE)
    with serving(churn.bundle.path, tmp_path / "log", auth="keys", api_keys_file=file) as service:
        assert service.ask.get("/").headers["www-authenticate"].startswith("Basic")
        page = Page(service.ask.get("/", auth=("me", key)).text)
        assert page.one(id="request")["data-keys"] == "yes"
        assert service.ask.get("/static/page.js").status_code == 401
        assert service.ask.get("/static/page.js", auth=("me", key)).status_code == 200
        assert service.ask.post("/predict", json=rows_of(churn, 1)[0], auth=("me", key)).status_code == 200
