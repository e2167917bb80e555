"use strict";
// The step explorer and the theme switch. Texts of models enter the page through textContent alone.
(() => {
  const root = document.documentElement;
  document.getElementById("theme").addEventListener("click", () => {
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  });

  // on paper nothing can be clicked open
  let closed = [];
  addEventListener("beforeprint", () => {
    closed = [...document.querySelectorAll("details:not([open])")];
    for (const d of closed) d.open = true;
  });
  addEventListener("afterprint", () => { for (const d of closed) d.open = false; });

  const app = document.getElementById("app");
  const index = JSON.parse(document.getElementById("index").textContent);
  const chunkTexts = [...document.querySelectorAll("script.chunk")];
  const chunks = [];
  const detailOf = (i) => {
    const c = Math.floor(i / index.chunk);
    chunks[c] ??= JSON.parse(chunkTexts[c].textContent);
    return chunks[c][i % index.chunk];
  };
  const NO_ERROR = -1, UNDECIDED = -2, ROW_HEIGHT = 52;
  const rows = index.rows.map((r, i) => ({
    i, run: r[0], id: r[1], part: r[2], split: r[3], policy: r[4], outcome: r[5], n: r[6],
    problem: r[7], filtered: r[8], truth: r[9], mc: r[10], judge: r[11], prms: r[12], given: r[13],
  }));
  const byKey = new Map(rows.map((r) => [r.run + ":" + r.id, r.i]));
  const known = (place) => place !== null && place !== undefined && place !== UNDECIDED;
  const differ = (a, b) => known(a) && known(b) && a !== b;
  const spread = (r) => new Set(Object.values(r.prms).filter(known)).size;

  const el = (tag, props = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(props)) {
      if (value === undefined || value === null || value === false) continue;
      if (key === "class") node.className = value;
      else if (key === "on") for (const [name, f] of Object.entries(value)) node.addEventListener(name, f);
      else node.setAttribute(key, value === true ? "" : value);
    }
    for (const child of children.flat()) {
      if (child !== null && child !== undefined && child !== "") node.append(child);
    }
    return node;
  };

  const LOOKS = {
    "": ["everything", () => true],
    "all": ["shares, verdict and scores", (r) => r.mc !== null && r.judge !== null && Object.keys(r.prms).length > 0],
    "process": ["right answer, wrong process", (r) => r.outcome === "c" && known(r.truth) && r.truth !== NO_ERROR],
    "mc-judge": ["Monte Carlo and judge differ", (r) => differ(r.mc, r.judge)],
    "mc-given": ["Monte Carlo and the given label differ", (r) => differ(r.mc, r.given)],
    "mc-truth": ["Monte Carlo is wrong", (r) => differ(r.mc, r.truth)],
    "judge-truth": ["judge is wrong", (r) => differ(r.judge, r.truth)],
    "prms": ["PRMs differ", (r) => spread(r) > 1],
    "prm-truth": ["a PRM is wrong", (r) => Object.values(r.prms).some((p) => differ(p, r.truth))],
    "prm-blind": ["no PRM finds the error", (r) => known(r.truth) && r.truth !== NO_ERROR && spread(r) > 0 && !Object.values(r.prms).includes(r.truth)],
    "undecided": ["somebody is undecided", (r) => [r.mc, r.judge, ...Object.values(r.prms)].includes(UNDECIDED)],
  };
  const SORTS = {
    "": ["in order", null],
    "long": ["longest first", (a, b) => b.n - a.n],
    "short": ["shortest first", (a, b) => a.n - b.n],
    "early": ["earliest true error", (a, b) => rank(a.truth) - rank(b.truth)],
    "prms": ["most different PRMs", (a, b) => spread(b) - spread(a)],
  };
  const rank = (place) => (known(place) && place !== NO_ERROR ? place : Infinity);
  const OUTCOMES = { c: "right answer", i: "wrong answer", u: "unscored answer" };
  const TONE = { c: "good", i: "bad", u: "unknown" };

  const state = { q: "", run: "", part: "", split: "", policy: "", outcome: "", filtered: "", look: "", sort: "", s: "" };
  let shown = [], current = -1;

  const options = (values, names = {}) => [...new Set(values)].filter((v) => v !== "").map((v) => [String(v), names[v] ?? String(v)]);
  const FILTERS = [
    ["run", "all runs", options(rows.map((r) => r.run), index.runs)],
    ["part", "all parts", options(rows.map((r) => r.part))],
    ["split", "all splits", options(rows.map((r) => r.split))],
    ["policy", "all policies", options(rows.map((r) => r.policy))],
    ["outcome", "all answers", options(rows.map((r) => r.outcome), OUTCOMES)],
    ["filtered", "filter: all", options(rows.map((r) => r.filtered)).map(([v, n]) => [v, v === "kept" ? "kept by the filter" : "dropped: " + n.replaceAll("_", " ")])],
  ];
  const controls = {};
  const select = (name, label, choices) => {
    const box = el("select", { "aria-label": label, on: { change: () => { state[name] = box.value; refresh(); } } },
      choices.map(([value, text]) => el("option", { value }, text)));
    controls[name] = box;
    return box;
  };
  const search = el("input", { type: "search", placeholder: "Search ids, questions, steps, verdicts  ( / )", "aria-label": "Search" });
  controls.q = search;
  let waiting = 0;
  search.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => { state.q = search.value; refresh(); }, 150);
  });
  const count = el("span", { class: "count", role: "status" });
  const bar = el("div", { class: "bar-filters" }, search,
    select("look", "Look for", Object.entries(LOOKS).filter(([v, [, test]]) => !v || rows.some(test)).map(([v, [text, test]]) => [v, `${text} (${rows.filter(test).length.toLocaleString("en")})`])),
    FILTERS.filter(([, , choices]) => choices.length > 1).map(([name, all, choices]) => select(name, all, [["", all], ...choices])),
    select("sort", "Order", Object.entries(SORTS).map(([v, [text]]) => [v, text])),
    el("button", { type: "button", on: { click: clear } }, "Clear"), count);
  const pad = el("div", { class: "pad" });
  const list = el("div", { class: "list", tabindex: "0", role: "listbox", "aria-label": "Solutions" }, pad);
  const detail = el("div", { class: "detail", tabindex: "-1", "aria-live": "polite" });
  app.append(bar, el("div", { class: "panes" }, list, detail));

  function clear() {
    for (const key of Object.keys(state)) if (key !== "s") state[key] = "";
    for (const box of Object.values(controls)) box.value = "";
    refresh();
  }

  const textOf = [];
  const matches = (i, words) => {
    textOf[i] ??= [rows[i].id, ...index.problems[rows[i].problem], ...detailOf(i).steps,
      ...(detailOf(i).votes ?? []).map((v) => v[2])].join("\n").toLowerCase();
    return words.every((w) => textOf[i].includes(w));
  };

  function refresh() {
    const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
    const test = (LOOKS[state.look] ?? LOOKS[""])[1];
    shown = rows.filter((r) => test(r) && FILTERS.every(([name]) => state[name] === "" || String(r[name]) === state[name]));
    if (words.length) shown = shown.filter((r) => matches(r.i, words));
    const order = (SORTS[state.sort] ?? SORTS[""])[1];
    if (order) shown = [...shown].sort((a, b) => order(a, b) || a.i - b.i);
    pad.style.height = shown.length * ROW_HEIGHT + "px";
    count.textContent = `${shown.length.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
    const at = shown.findIndex((r) => r.i === selected());
    current = at;
    if (at < 0 && shown.length && !isPhone()) choose(0, false);
    else { list.scrollTop = at < 0 ? 0 : list.scrollTop; drawList(); }
    if (!shown.length) drawDetail(null);
    save();
  }
  const isPhone = () => matchMedia("(max-width: 46rem)").matches;
  const selected = () => byKey.get(state.s) ?? -1;

  let drawn = false;
  list.addEventListener("scroll", () => {
    if (drawn) return;
    drawn = true;
    requestAnimationFrame(() => { drawn = false; drawList(); });
  });

  function drawList() {
    const first = Math.max(0, Math.floor(list.scrollTop / ROW_HEIGHT) - 5);
    const last = Math.min(shown.length, first + Math.ceil((list.clientHeight || 600) / ROW_HEIGHT) + 10);
    pad.replaceChildren(...shown.slice(first, last).map((r, k) => item(r, first + k)));
  }

  const firstKnown = (r) => [r.truth, r.given, r.mc, r.judge, ...Object.values(r.prms)].find(known);
  function item(r, at) {
    const place = firstKnown(r);
    const cells = Array.from({ length: Math.min(r.n, 24) }, (_, s) =>
      el("i", { class: "cell " + (place === undefined ? "plain" : place === NO_ERROR || s < place ? "good" : s === place ? "bad" : "plain after") }));
    const node = el("div", { class: "item" + (at === current ? " on" : ""), role: "option", "aria-selected": String(at === current), on: { click: () => choose(at, true) } },
      el("div", { class: "l1" }, el("span", { class: "mark " + r.outcome, title: OUTCOMES[r.outcome] }, { c: "✓", i: "✗", u: "?" }[r.outcome]),
        el("span", { class: "id" }, r.id), el("span", { class: "muted" }, index.runs.length > 1 ? index.runs[r.run] : r.split)),
      el("div", { class: "strip" }, cells));
    node.style.top = at * ROW_HEIGHT + "px";
    return node;
  }

  function choose(at, open) {
    if (!shown.length) return;
    current = Math.min(Math.max(at, 0), shown.length - 1);
    const r = shown[current];
    state.s = r.run + ":" + r.id;
    const top = current * ROW_HEIGHT;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW_HEIGHT > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW_HEIGHT - list.clientHeight;
    if (open) app.classList.add("open");
    drawList();
    drawDetail(r);
    save();
  }

  const placeWords = (place) => place === UNDECIDED ? "undecided" : place === NO_ERROR ? "no error" : "step " + place;
  const chipOf = (name, place, truth) => !known(place) && place !== UNDECIDED ? null :
    el("span", { class: "chip " + (place === UNDECIDED ? "unknown" : !known(truth) ? "" : place === truth ? "good" : "bad") }, `${name}: ${placeWords(place)}`);

  function drawDetail(r) {
    if (!r) {
      detail.replaceChildren(el("p", { class: "empty" }, shown.length ? "Choose a solution." : "No solution is like that. Clear a filter."));
      return;
    }
    const d = detailOf(r.i), [problem, question, answer] = index.problems[r.problem];
    const others = rows.filter((o) => o.problem === r.problem && o.i !== r.i).slice(0, 40);
    const title = el("h3", {}, r.id);
    detail.replaceChildren(
      el("div", { class: "row-buttons" },
        el("button", { type: "button", class: "only-phone", on: { click: () => app.classList.remove("open") } }, "Back to the list"),
        el("button", { type: "button", title: "k", on: { click: () => choose(current - 1, true) } }, "Previous"),
        el("button", { type: "button", title: "j", on: { click: () => choose(current + 1, true) } }, "Next"),
        el("button", { type: "button", title: "c", on: { click: copyLink } }, "Copy link"),
        el("span", { class: "muted small" }, "keys: j k / c Esc")),
      title,
      el("div", { class: "chips" },
        el("span", { class: "chip " + TONE[r.outcome] }, OUTCOMES[r.outcome] + (d.reason ? `: ${d.reason}` : "")),
        d.answer !== undefined || answer ? el("span", { class: "chip" }, `answered ${d.answer ?? "nothing"}${answer ? `, reference ${answer}` : ""}`) : null,
        [r.part, r.split, r.policy && "by " + r.policy].filter(Boolean).map((t) => el("span", { class: "chip" }, t)),
        r.filtered ? el("span", { class: "chip " + (r.filtered === "kept" ? "good" : "unknown") }, r.filtered === "kept" ? "kept by the filter" : "dropped: " + r.filtered.replaceAll("_", " ")) : null),
      el("div", { class: "chips" }, el("span", { class: "muted small" }, "first error:"),
        known(r.truth) ? el("span", { class: "chip" }, `truth: ${placeWords(r.truth)}${d.kind ? ", " + d.kind.replaceAll("_", " ") : ""}`) : el("span", { class: "muted small" }, "truth not known;"),
        chipOf(`given${d.givenBy ? ` (${d.givenBy})` : ""}`, r.given, r.truth), chipOf("Monte Carlo", r.mc, r.truth), chipOf("judge", r.judge, r.truth),
        Object.entries(r.prms).map(([arm, place]) => chipOf(arm, place, r.truth))),
      d.learnt ? el("p", { class: "note small" }, `Seen in training by ${d.learnt.join(", ")} (marked *), whose scores here are of what was shown.`) : "",
      el("div", { class: "question" }, question),
      stepTable(r, d),
      ...verdicts(d),
      d.evidence ? el("details", {}, el("summary", {}, "Why it was dropped"), el("div", { class: "verdict" }, d.evidence)) : "",
      d.mcUnscored ? el("p", { class: "note" }, `Monte Carlo: ${d.mcUnscored}`) : "",
      Object.entries(d.unscored ?? {}).map(([arm, why]) => el("p", { class: "note" }, `${arm}: not scored, ${why}`)),
      others.length ? el("div", { class: "others" }, el("span", { class: "muted small" }, `Also for ${problem}:`),
        others.map((o) => el("button", { type: "button", on: { click: () => go(o) } }, (index.runs.length > 1 ? index.runs[o.run] + " " : "") + o.id.slice(o.id.startsWith(problem) ? problem.length + 1 : 0)))) : "");
    detail.scrollTop = 0;
  }

  function stepTable(r, d) {
    const arms = Object.keys(d.scores ?? {});
    const seen = new Set(d.learnt);
    const columns = [known(r.truth) && "truth", known(r.given) && "given", d.mc && "MC", known(r.judge) && "judge", ...arms.map((arm) => seen.has(arm) ? arm + " *" : arm)].filter(Boolean);
    const head = el("tr", {}, el("th", {}, ""), el("th", {}, "step"), columns.map((name) => el("th", { class: "v" }, name)));
    const cut = index.decisions[r.run];
    const body = d.steps.map((text, s) => {
      const error = known(r.truth) && s === r.truth, later = known(r.truth) && r.truth !== NO_ERROR && s > r.truth;
      const cells = [];
      const add = (name, node) => cells.push(el("td", { class: "v", "data-name": name }, node));
      if (known(r.truth)) add("truth", byPlace(r.truth, s, "first error"));
      if (known(r.given)) add("given", byPlace(r.given, s, "first error"));
      if (d.mc) add("MC", drawCell(d, s, r.mc));
      if (known(r.judge)) add("judge", byPlace(r.judge, s, "first error"));
      for (const arm of arms) add(seen.has(arm) ? arm + " *" : arm, scoreCell(d.scores[arm][s], cut, s === r.prms[arm]));
      return el("tr", { class: error ? "error" : later ? "later" : "" }, el("td", { class: "no" }, String(s)), el("td", { class: "text" }, text), cells);
    });
    return el("div", { class: "scroll" }, el("table", { class: "steps" }, el("thead", {}, head), el("tbody", {}, body)));
  }
  const pill = (tone, text, first, title) => el("span", { class: `pill ${tone}${first ? " first" : ""}`, title }, text);
  const byPlace = (place, s, word) => place === NO_ERROR || s < place ? pill("good", "✓") : s === place ? pill("bad", "✗", true, word) : el("span", { class: "muted" }, "·");
  function drawCell(d, s, place) {
    const found = d.mc[s];
    if (!found) return el("span", { class: "muted", title: "no draws were made" }, "·");
    const [letters, hard, isKnown] = found;
    if (!letters && !isKnown) return el("span", { class: "muted", title: "not looked at" }, "·");
    const tone = hard === null ? "unknown" : hard ? "good" : "bad";
    if (isKnown) return pill(tone, hard ? "✓" : "✗", s === place, "known: the solution's own answer");
    const right = [...letters].filter((c) => c === "c").length, scored = [...letters].filter((c) => c !== "u").length;
    const words = `${right} of ${scored} draws right${scored < letters.length ? `, ${letters.length - scored} unscored` : ""}; ${d.by[0]}, K = ${d.by[1]}, threshold ${d.by[2]}`;
    return el("span", {}, pill(tone, `${right}/${letters.length}`, s === place, words),
      el("span", { class: "draws", "aria-hidden": "true" }, [...letters].map((c) => el("i", { class: "cell " + TONE[c] }))));
  }
  const scoreCell = (score, cut, first) => pill(score < cut ? "bad" : "good", score.toFixed(2), first, first ? "first step below " + cut : "score");
  function verdicts(d) {
    return (d.votes ?? []).map(([place, unscored, text], i) => el("details", { open: i === 0 },
      el("summary", {}, `Judge ${d.judge}${d.votes.length > 1 ? `, vote ${i + 1}` : ""}: ${unscored ? "unreadable, " + unscored : placeWords(place ?? NO_ERROR)}`),
      el("div", { class: "verdict" }, text || "(no text)")));
  }

  function go(r) {
    let at = shown.findIndex((o) => o.i === r.i);
    if (at < 0) { clear(); at = shown.findIndex((o) => o.i === r.i); }
    choose(at, true);
  }

  function save() {
    const wanted = new URLSearchParams(Object.entries(state).filter(([, v]) => v !== ""));
    if (started) history.replaceState(null, "", "#explore?" + wanted);
  }
  let started = false;
  function load() {
    const at = location.hash.indexOf("?");
    const isDeep = location.hash.startsWith("#explore");
    const wanted = new URLSearchParams(isDeep && at >= 0 ? location.hash.slice(at + 1) : "");
    for (const key of Object.keys(state)) {
      state[key] = wanted.get(key) ?? (isDeep ? "" : state[key]);
      if (controls[key]) controls[key].value = state[key];
    }
    refresh();
    if (byKey.has(state.s) && isDeep) {
      if (!shown.some((r) => r.i === selected())) { const s = state.s; clear(); state.s = s; }
      go(rows[byKey.get(state.s)]);
    }
    if (isDeep) document.getElementById("explorer").scrollIntoView();
    else {  // start where there is most to see
      const whole = rows.find((r) => LOOKS.all[1](r) && differ(r.mc, r.judge)) ?? rows.find(LOOKS.all[1]);
      if (whole && current <= 0) go(whole);
    }
    started = true;
  }
  function copyLink() {
    save();
    navigator.clipboard?.writeText(location.href).then(() => { count.textContent = "link copied"; }, () => {});
  }

  const isTyping = (e) => /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName);
  document.addEventListener("keydown", (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === "Escape") {
      if (document.activeElement === search && search.value) { search.value = state.q = ""; refresh(); }
      else if (app.classList.contains("open")) app.classList.remove("open");
      document.activeElement?.blur();
      return;
    }
    if (isTyping(e)) {
      if (e.key === "Enter" && e.target === search) { search.blur(); list.focus(); choose(Math.max(current, 0), true); }
      return;
    }
    const inList = list.contains(document.activeElement) || document.activeElement === list;
    const page = Math.max(1, Math.floor(list.clientHeight / ROW_HEIGHT) - 1);
    const moves = { j: 1, k: -1, ...(inList ? { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity } : {}) };
    if (e.key === "/") { e.preventDefault(); document.getElementById("explorer").scrollIntoView(); search.focus(); search.select(); }
    else if (e.key === "c") copyLink();
    else if (e.key in moves) { e.preventDefault(); choose(current + moves[e.key], true); }
  });
  addEventListener("hashchange", () => { if (location.hash.startsWith("#explore?")) load(); });
  addEventListener("resize", drawList);
  load();
})();
