// The live page: server-sent events of the running job, tables of the store when something ended, and what the address asks for
// (#run=ID&filter=WORDS&sort=COLUMN&down=1). Text of the store is only ever set as text.
"use strict";
const at = (id) => document.getElementById(id);
const mostRows = 500; // in the page; the filter finds the others
const wanted = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
let runs = [];

function made(name, text, kind) {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (kind) element.className = kind;
  return element;
}

function cellText(column, value) {
  if (value === null || value === undefined) return "—";
  if (column === "at_ms") return new Date(value).toLocaleString();
  if (column.includes("accuracy") || column.includes("F1")) return typeof value === "number" ? (100 * value).toFixed(2) + " %" : String(value);
  if (column === "time" || column === "left") return typeof value === "number" ? duration(value) : String(value);
  if (typeof value === "number" && !Number.isInteger(value)) return String(Number(value.toPrecision(5)));
  return String(value);
}

function duration(seconds) {
  const whole = Math.round(seconds);
  if (whole >= 3600) return Math.floor(whole / 3600) + " h " + Math.floor(whole / 60 % 60) + " min";
  return whole >= 60 ? Math.floor(whole / 60) + " min " + whole % 60 + " s" : whole + " s";
}

// A table of objects. `link`: what a cell of the column "run" leads to; `sorted`: what a click on a heading does.
function show(place, rows, caption, options = {}) {
  if (!rows.length) return place.replaceChildren(made("p", options.none || "Nothing there."));
  const table = made("table"), head = table.createTHead().insertRow(), columns = Object.keys(rows[0]);
  table.append(made("caption", caption));
  table.caption.hidden = true;
  for (const column of columns) {
    const cell = head.appendChild(made("th"));
    cell.scope = "col";
    if (!options.sorted) { cell.textContent = column; continue; }
    const button = cell.appendChild(made("button", column + (wanted.sort === column ? (wanted.down ? " ↓" : " ↑") : "")));
    button.type = "button";
    cell.setAttribute("aria-sort", wanted.sort !== column ? "none" : wanted.down ? "descending" : "ascending");
    button.addEventListener("click", () => options.sorted(column));
  }
  const body = table.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const column of columns) {
      const cell = line.insertCell(), text = cellText(column, row[column]);
      if (typeof row[column] === "number") cell.className = "number";
      else if (text.length > 60) cell.className = "long";
      if (column === "run" && row.run) {
        const link = cell.appendChild(made("a", text));
        link.href = "#" + new URLSearchParams({...wanted, run: row.run});
      } else cell.textContent = text;
    }
  }
  place.replaceChildren(table);
}

async function fetched(path) {
  const response = await fetch(path);
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error || response.statusText);
  return answer;
}

function say(place, error) { place.replaceChildren(made("p", String(error.message || error))); }

function setAddress(changes) {
  Object.assign(wanted, changes);
  for (const key of Object.keys(wanted)) if (!wanted[key]) delete wanted[key];
  history.replaceState(null, "", "#" + new URLSearchParams(wanted));
}

function showRuns() {
  const words = (wanted.filter || "").toLowerCase().split(/\s+/).filter(Boolean);
  let found = runs.filter((row) => words.every((word) => Object.values(row).some((value) => String(value).toLowerCase().includes(word))));
  const column = wanted.sort, sign = wanted.down ? -1 : 1;
  if (column && runs.length && column in runs[0]) {
    const last = (value) => value === null || value === undefined;
    found = [...found].sort((a, b) => last(a[column]) || last(b[column]) ? last(a[column]) - last(b[column])
      : sign * (typeof a[column] === "number" ? a[column] - b[column] : String(a[column]).localeCompare(String(b[column]))));
  }
  at("runs-count").textContent = `${found.length} of ${runs.length} runs` + (found.length > mostRows ? `, the first ${mostRows} are shown` : "");
  show(at("runs"), found.slice(0, mostRows), "Runs", {
    none: "No run matches.",
    sorted: (name) => { setAddress({sort: name, down: wanted.sort === name && !wanted.down ? "1" : ""}); showRuns(); },
  });
}

// One panel: lines over epochs, drawn with attributes alone, since the page's policy allows no inline style.
function panel(title, epochs, lines) {
  const space = "http://www.w3.org/2000/svg", width = 480, height = 240, left = 50, bottom = 30, top = 24;
  const node = (name, attributes, text) => {
    const element = document.createElementNS(space, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (text !== undefined) element.textContent = text;
    return element;
  };
  const values = lines.flatMap((line) => epochs.map((row) => row[line.key])).filter((value) => typeof value === "number");
  if (!values.length) return made("p", title + ": no numbers yet.");
  const low = Math.min(...values), high = Math.max(...values), last = epochs[epochs.length - 1].epoch, first = epochs[0].epoch;
  const x = (epoch) => left + (width - left - 10) * (last === first ? 0.5 : (epoch - first) / (last - first));
  const y = (value) => height - bottom - (height - bottom - top) * (high === low ? 0.5 : (value - low) / (high - low));
  const newest = epochs[epochs.length - 1];
  const picture = node("svg", {viewBox: `0 0 ${width} ${height}`, role: "img",
    "aria-label": `${title} over ${epochs.length} epochs, last ` + lines.map((line) => `${line.name} ${newest[line.key]}`).join(", ")});
  picture.append(node("text", {x: left, y: 14}, title), node("line", {class: "axis", x1: left, y1: height - bottom, x2: width - 10, y2: height - bottom}),
    node("line", {class: "axis", x1: left, y1: top, x2: left, y2: height - bottom}), node("text", {x: 2, y: y(low)}, high === low ? "" : low.toPrecision(3)),
    node("text", {x: 2, y: y(high) + 10}, high.toPrecision(3)), node("text", {x: left, y: height - 8}, `epoch ${first}`),
    node("text", {x: width - 10, y: height - 8, "text-anchor": "end"}, String(last)));
  lines.forEach((line, i) => {
    const points = epochs.filter((row) => typeof row[line.key] === "number").map((row) => `${x(row.epoch).toFixed(1)},${y(row[line.key]).toFixed(1)}`);
    picture.append(node("polyline", {class: i ? "second" : "first", points: points.join(" ")}),
      node("text", {x: width - 12, y: 14 + 14 * i, "text-anchor": "end"}, (i ? "- - " : "— ") + line.name));
  });
  return picture;
}

async function showRun() {
  const id = wanted.run;
  at("run-section").hidden = !id;
  if (!id) return;
  at("run-name").textContent = id;
  try {
    const run = await fetched("/run?" + new URLSearchParams({id}));
    if (id !== wanted.run) return;
    at("curves").replaceChildren(
      panel("Loss", run.epochs, [{key: "train_loss", name: "training"}, {key: "validation_loss", name: "validation"}]),
      panel("Validation accuracy", run.epochs, [{key: "validation_accuracy", name: "accuracy"}]));
    const place = at("run-tables");
    place.replaceChildren();
    for (const [title, rows] of [["Attempts", run.attempts], ["Events", run.events], ["Epochs", run.epochs]]) {
      place.append(made("h3", title));
      show(place.appendChild(made("div")), rows, title);
    }
  } catch (error) { at("curves").replaceChildren(); say(at("run-tables"), error); }
}

async function refresh() {
  const jobs = [["/sweeps", (rows) => show(at("sweeps"), rows, "Sweeps")], ["/runs", (rows) => { runs = rows; showRuns(); }],
    ["/events", (rows) => show(at("events"), rows, "Events")]];
  const places = ["sweeps", "runs", "events"];
  await Promise.all(jobs.map(([path, use], i) => fetched(path).then(use).catch((error) => say(at(places[i]), error))));
}

// The store is asked again only when a run began, ended or failed, or the job did.
let seen, shownEpoch;
function onLive(live) {
  const state = live ? [live.pid, live.sweep_id, live.complete, live.failed, live.running, live.failures.length].join(" ") : "none";
  at("sweep-name").textContent = live ? live.sweep : "";
  at("state").textContent = live ? `running on ${live.host}: ${live.complete} of ${live.runs} runs complete, ${live.epochs_done} of ${live.epochs_planned} epochs, ` +
    `${Math.round(live.windows_per_second)} windows a second` + (live.seconds_left >= 0 ? `, ${duration(live.seconds_left)} left` : "") : "no job is at work";
  const bar = live && made("progress");
  if (bar) { bar.max = Math.max(1, live.epochs_planned); bar.value = live.epochs_done; bar.setAttribute("aria-label", "epochs done of " + live.sweep); }
  at("progress").replaceChildren(...(bar ? [bar] : []));
  const known = (value) => value < 0 ? null : value;
  show(at("workers"), live ? live.workers.map((worker) => ({worker: worker.rank, host: worker.host, state: worker.state, run: worker.run_id.slice(0, 10),
    "data set": worker.dataset, variant: worker.variant, fold: worker.fold, seed: worker.seed, epoch: `${worker.epoch} of ${worker.epochs}`, loss: known(worker.train_loss),
    "validation accuracy": known(worker.validation_accuracy), "windows a second": known(worker.windows_per_second), left: known(worker.seconds_left)})) : [],
    "Workers", {none: "Nobody is at work."});
  show(at("failures"), live ? live.failures.map((failure) => ({at_ms: failure.at_ms, run: failure.run_id.slice(0, 10), variant: failure.variant, reason: failure.reason,
    detail: failure.detail, "run since": failure.status})).reverse() : [], "Last failures of this job", {none: "None."});
  if (state !== seen) refresh();
  seen = state;
  const mine = live && wanted.run && live.workers.find((worker) => worker.run_id.startsWith(wanted.run));
  const epoch = mine ? `${mine.run_id} ${mine.epoch}` : state;
  if (epoch !== shownEpoch) showRun();
  shownEpoch = epoch;
}

at("filter").value = wanted.filter || "";
at("filter").addEventListener("input", () => { setAddress({filter: at("filter").value}); showRuns(); });
window.addEventListener("hashchange", () => {
  for (const key of Object.keys(wanted)) delete wanted[key];
  Object.assign(wanted, Object.fromEntries(new URLSearchParams(location.hash.slice(1))));
  at("filter").value = wanted.filter || "";
  showRuns();
  showRun();
});
at("ask").addEventListener("click", async () => {
  at("query-note").textContent = "asking";
  try {
    const answer = await fetched("/query?" + new URLSearchParams({sql: at("sql").value}));
    at("query-note").textContent = `${answer.rows.length} rows` + (answer.cut ? ", and more that are not shown" : "");
    show(at("answer"), answer.rows, "Answer");
  } catch (error) { at("query-note").textContent = ""; say(at("answer"), error); }
});
const source = new EventSource("/live");
source.addEventListener("message", (event) => onLive(JSON.parse(event.data)));
source.addEventListener("error", () => { at("state").textContent = "the server does not answer; trying again"; });
