"use strict";

const by = (id) => document.getElementById(id);
const form = by("request");
const model = by("response").dataset;
const fields = [...form.elements].filter((element) => element.dataset.kind);
const rows = JSON.parse(form.dataset.rows);
let shownRow = 0;
let prediction = null;

/* The form as a row of the contract. */

function valueOf(field) {
  if (field.dataset.widget === "switch") return field.checked;
  if (field.value === "") {
    if ("nullable" in field.dataset) return null;
    return field.dataset.kind === "category" && field.required ? "" : undefined;
  }
  switch (field.dataset.kind) {
    case "number":
    case "integer":
      return Number(field.value);
    case "boolean":
      return field.value === "true";
    case "timestamp": {
      const seconds = field.value.split(":").length > 2 ? "" : ":00";
      return field.value + seconds + ("zoned" in field.dataset ? "Z" : "");
    }
    default:
      return field.value;
  }
}

function readRow() {
  return Object.fromEntries(fields.map((field) => [field.name, valueOf(field)]));
}

function fill(row) {
  for (const field of fields) {
    const value = row[field.name] ?? "";
    if (field.dataset.widget === "switch") field.checked = value === true;
    else if (field.dataset.kind === "number") field.value = value === "" ? "" : Number(value.toPrecision(7));
    else if (field.dataset.kind === "timestamp") fillTime(field, value);
    else field.value = String(value);
  }
}

function fillTime(field, value) {
  const local = value.replace(/(Z|[+-]00:00)$/, "").replace(/\.\d+$/, "");
  field.step = local.endsWith(":00") ? "60" : "1";
  field.value = local;
}

function command(row) {
  const sent = Object.entries(row).filter(([, value]) => value !== undefined);
  const pairs = sent.map((pair) => pair.map((part) => JSON.stringify(part)).join(": "));
  const json = `{${pairs.join(", ")}}`.replaceAll("'", `'"'"'`);
  const key = form.dataset.keys === "yes" ? `  -H "Authorization: Bearer $SLIPWAY_KEY" \\\n` : "";
  return `curl ${new URL("predict", location.href)} \\\n  -H 'Content-Type: application/json' \\\n${key}  -d '${json}'`;
}

/* Sending a request and showing its response. */

async function post(path, body) {
  const began = performance.now();
  const response = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const found = await response.json();
  return { ok: response.ok, found, milliseconds: performance.now() - began };
}

async function predict(event) {
  event.preventDefault();
  if (isBusy(by("send"))) return;
  showFaults([]);
  const unread = fields.filter((field) => field.validity.badInput);
  if (unread.length) {
    const faults = unread.map((field) => ({ field: field.name, expected: field.title, found: "another value" }));
    showProblem({ title: "Not sent", detail: "The value of a field is malformed.", errors: faults });
    return;
  }
  setBusy(by("send"), true);
  try {
    const { ok, found, milliseconds } = await post("predict", readRow());
    if (ok) showPrediction(found, milliseconds);
    else showProblem(found);
  } catch {
    showProblem({ title: "No response", detail: "Cannot connect to the service, or its response is not JSON." });
  } finally {
    setBusy(by("send"), false);
  }
  if (!form.querySelector("[aria-invalid]")) by("response").scrollIntoView({ block: "nearest" });
}

function showPrediction(found, milliseconds) {
  prediction = found.prediction_id;
  by("empty").hidden = by("problem").hidden = true;
  by("result").hidden = false;
  by("prediction").textContent = prediction;
  by("latency").textContent = `${milliseconds.toFixed(1)} ms`;
  by("accepted").textContent = "";
  by("accepted").className = "";
  for (const button of by("feedback").querySelectorAll("button")) setBusy(button, false);
  ({ binary: showBinary, multiclass: showClasses, regression: showValue })[model.task](found);
}

function showBinary(found) {
  const threshold = Number(model.threshold);
  by("score").textContent = percent(found.score);
  by("label").textContent = `${found.label} (threshold ${percent(threshold)})`;
  by("bars").replaceChildren(bar("", found.score, true, threshold));
}

function showClasses(found) {
  const scores = Object.entries(found.scores);
  const best = scores.reduce((one, other) => (other[1] > one[1] ? other : one));
  by("score").textContent = `${best[0]} (${percent(best[1])})`;
  by("label").textContent = found.label;
  by("bars").replaceChildren(...scores.map(([name, score]) => bar(name, score, name === best[0])));
}

function showValue(found) {
  by("score").textContent = found.score.toLocaleString("en", { maximumSignificantDigits: 6 });
}

function bar(name, share, chosen, threshold) {
  const row = element("div", chosen ? "bar chosen" : "bar");
  if (name) row.append(element("span", "name", name));
  const track = element("span", "track");
  const filled = element("span", "filled");
  filled.style.width = `${100 * share}%`;
  track.append(filled);
  if (threshold) {
    const mark = element("span", "mark");
    mark.style.left = `${100 * threshold}%`;
    mark.title = `threshold ${percent(threshold)}`;
    track.append(mark);
  }
  row.append(track);
  if (name) row.append(element("span", "share", percent(share)));
  return row;
}

function showProblem(problem) {
  by("empty").hidden = by("result").hidden = true;
  by("problem").hidden = false;
  const name = problem.request_id ? [element("small", "", `Request ${problem.request_id}`)] : [];
  by("problem").replaceChildren(element("strong", "", problem.title), element("p", "", problem.detail), ...name);
  showFaults(problem.errors ?? []);
}

function showFaults(faults) {
  let first = null;
  for (const field of fields) {
    const fault = faults.find((each) => each.field === field.name);
    const place = by(`${field.id}-error`);
    place.hidden = !fault;
    place.textContent = fault ? `Expected ${fault.expected}; found ${fault.found}.` : "";
    if (fault) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
    first ??= fault ? field : null;
  }
  first?.focus();
}

async function sendFeedback(event) {
  event.preventDefault();
  if (isBusy(event.submitter)) return;
  const given = by("outcome") ?? event.submitter;
  const place = by("accepted");
  if (given.value === "" || !prediction) {
    place.className = "error";
    place.textContent = "Expected a number.";
    return;
  }
  try {
    const { ok, found } = await post("feedback", {
      prediction_id: prediction,
      outcome: JSON.parse(given.value),
      source: "page",
    });
    place.className = ok ? "good" : "error";
    const words = given.tagName === "BUTTON" ? given.textContent : given.value;
    place.textContent = ok ? `Accepted: ${words}.` : found.detail;
    if (ok) for (const button of by("feedback").querySelectorAll("button")) setBusy(button, true);
  } catch {
    place.className = "error";
    place.textContent = "Cannot connect to the service.";
  }
}

/* Small things. */

/* A button that is disabled loses the keyboard's focus, so one that must wait stays enabled and does nothing. */

function setBusy(button, busy) {
  if (busy) button.setAttribute("aria-disabled", "true");
  else button.removeAttribute("aria-disabled");
}

function isBusy(button) {
  return button?.getAttribute("aria-disabled") === "true";
}

function element(tag, kind, text = "") {
  const made = document.createElement(tag);
  made.className = kind;
  made.textContent = text;
  return made;
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function ago(date) {
  const seconds = Math.max(0, (Date.now() - date) / 1000);
  const steps = [[86400, "day"], [3600, "hour"], [60, "minute"], [1, "second"]];
  const [size, unit] = steps.find(([length]) => seconds >= length) ?? steps.at(-1);
  return new Intl.RelativeTimeFormat("en").format(-Math.floor(seconds / size), unit);
}

async function copy() {
  const code = by("curl");
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    getSelection().selectAllChildren(code);
    return;
  }
  by("copy").textContent = "Copied";
  setTimeout(() => (by("copy").textContent = "Copy"), 1500);
}

function writeCommand() {
  by("curl").textContent = command(readRow());
}

form.addEventListener("submit", predict);
form.addEventListener("input", writeCommand);
by("feedback").addEventListener("submit", sendFeedback);
by("copy").addEventListener("click", copy);
by("another").addEventListener("click", () => {
  shownRow = (shownRow + 1) % rows.length;
  fill(rows[shownRow]);
  showFaults([]);
  writeCommand();
});
by("copy").hidden = by("another").hidden = false;
by("send").disabled = false;
const since = by("since");
since.title = since.textContent;
since.textContent = ago(new Date(since.dateTime));
writeCommand();
