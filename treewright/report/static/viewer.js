// The tree viewer. All text reaches the page through textContent: nothing here makes HTML of data.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const stage = byId("stage");
  if (!stage) return;
  const index = JSON.parse(byId("index").textContent);
  const list = byId("problems"), search = byId("problem-search"), filter = byId("problem-filter");
  const runs = byId("tree-run"), panel = byId("node"), title = byId("tree-title");
  const find = byId("node-search"), hits = byId("node-hits");
  const NONE = -1, COLUMN = 46, ROW = { least: 62, most: 150 }, MARK = { correct: "✓", incorrect: "✗" };
  let run = 0, problem = -1, opening = 0, graph = null, tree = null, cy = null, quiet = false;

  // ---- data ------------------------------------------------------------------------------------

  const packs = new Map();

  function pack(number) {
    if (!packs.has(number)) packs.set(number, JSON.parse(byId(`trees-${number}`).textContent));
    return packs.get(number);
  }

  async function unpack(text) {
    const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
    const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return JSON.parse(await new Response(plain).text());
  }

  // A node of several steps becomes a chain, one link per step. A field without a value is not there.
  function links(data) {
    const text = (number) => (number === undefined ? "" : data.texts[number]);
    const ends = [], all = [];
    for (const node of data.nodes) {
      const { id, rank = NONE, chosen = false, prefix = null, policy = null, verifier = null } = node;
      let above = node.parent === undefined ? null : ends[node.parent];
      node.steps.forEach((step, at) => {
        const last = at === node.steps.length - 1, probability = step.probability ?? null;
        const link = {
          key: last ? id : `${id}@${at + 1}`, id, above, below: [], last,
          depth: above ? above.depth + 1 : 1,
          words: text(step.text), status: text(step.status), critique: text(step.critique),
          probability, shown: last && prefix !== null ? prefix : probability,
          prefix: last ? prefix : null, fate: text(node.fate), chosen, rank,
          outcome: last ? text(node.outcome) : "", unjudged: last ? text(node.unjudged) : "",
          stop: last ? text(node.stop) : "", reason: last ? text(node.reason) : "",
          policy: last ? policy : null, verifier: last ? verifier : null,
          answer: last ? text(node.answer) : "",
        };
        if (above) above.below.push(link);
        all.push(link);
        above = link;
      });
      ends.push(above);
    }
    return all;
  }

  // ---- layout: subtrees as close as they fit, parents above the middle (Reingold & Tilford 1981) --

  // Sets x and y of all nodes. A subtree's outline is kept per row below its top: lows and highs.
  function place(all) {
    const top = { below: all.filter((link) => !link.above), depth: 0 };
    const order = [top];
    for (let at = 0; at < order.length; at++) order.push(...order[at].below);
    for (const link of order.slice().reverse()) join(link);
    top.x = 0;
    for (const link of order) for (const child of link.below) child.x = link.x + child.shift;
    const wide = Math.max(...top.highs) - Math.min(...top.lows) + 2 * COLUMN;
    const deep = Math.max(1, top.lows.length - 1);
    const room = (wide * stage.clientHeight) / Math.max(1, stage.clientWidth) / (deep + 1);
    const row = Math.min(ROW.most, Math.max(ROW.least, room));
    for (const link of all) link.y = row * link.depth;
    return { x: 0, y: 0 };
  }

  function join(link) {
    const lows = [], highs = [];
    for (const child of link.below) {
      child.shift = 0;
      child.lows.forEach((low, row) => {
        if (row < highs.length) child.shift = Math.max(child.shift, highs[row] - low + COLUMN);
      });
      child.lows.forEach((low, row) => {
        if (row === lows.length) lows.push(low + child.shift);
        highs[row] = child.highs[row] + child.shift;
      });
    }
    const middle = link.below.length ? (link.below[0].shift + link.below.at(-1).shift) / 2 : 0;
    for (const child of link.below) child.shift -= middle;
    link.lows = [0, ...lows.map((low) => low - middle)];
    link.highs = [0, ...highs.map((high) => high - middle)];
  }

  // ---- colours -----------------------------------------------------------------------------------

  const STOPS = [[0, [178, 58, 22]], [0.5, [236, 214, 150]], [1, [13, 110, 105]]];

  function colour(probability) {
    const upper = Math.max(1, STOPS.findIndex(([at]) => probability <= at));
    const [[low, from], [high, to]] = [STOPS[upper - 1], STOPS[upper]];
    const share = (probability - low) / (high - low);
    return from.map((value, at) => Math.round(value + share * (to[at] - value)));
  }

  function dress(probability) {
    if (probability === null) return { fill: "#9aa3af", ink: "#111827" };
    const rgb = colour(probability);
    const light = 0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2] > 140;
    return { fill: `rgb(${rgb.join(",")})`, ink: light ? "#1f2328" : "#ffffff" };
  }

  const odds = (probability) => (probability === null ? "–" : probability.toFixed(2));

  // ---- drawing -----------------------------------------------------------------------------------

  function paint(all, top) {
    const ink = getComputedStyle(document.documentElement);
    const value = (name) => ink.getPropertyValue(name).trim();
    const nodes = all.map((link) => {
      const { fill, ink: text } = dress(link.shown);
      const mark = MARK[link.outcome] || (link.rank > NONE && link.last ? "·" : "");
      return {
        group: "nodes", data: { id: link.key, fill, ink: text, label: odds(link.shown) + mark },
        position: { x: link.x, y: link.y },
        classes: [link.fate, link.chosen ? "chosen" : "", link.last && link.rank > NONE ? "end" : ""]
          .join(" "),
      };
    });
    const edges = all.map((link) => ({
      group: "edges", data: { source: link.above ? link.above.key : "root:", target: link.key },
      classes: `${link.fate} ${link.chosen ? "chosen" : ""}`,
    }));
    nodes.push({ group: "nodes", data: { id: "root:", fill: value("--ink"), ink: value("--paper"),
      label: "Q" }, position: { x: top.x, y: top.y }, classes: "root" });
    if (cy) cy.destroy();
    cy = cytoscape({
      container: stage, elements: [...nodes, ...edges], layout: { name: "preset" },
      minZoom: 0.03, maxZoom: 3, boxSelectionEnabled: false, autoungrabify: true,
      hideEdgesOnViewport: all.length > 1500, textureOnViewport: all.length > 1500,
      style: [
        { selector: "node", style: { width: 38, height: 30, shape: "round-rectangle",
          "background-color": "data(fill)", label: "data(label)", color: "data(ink)",
          "font-size": 12, "font-family": "system-ui, sans-serif", "text-valign": "center",
          "text-halign": "center", "min-zoomed-font-size": 6, "border-width": 0 } },
        { selector: "node.end", style: { shape: "rectangle", width: 42, height: 34 } },
        { selector: "node.root", style: { shape: "ellipse", width: 34, height: 34 } },
        { selector: "node.pruned", style: { "background-opacity": 0.45, "border-width": 1.5,
          "border-style": "dashed", "border-color": value("--faint"), color: value("--ink") } },
        { selector: "edge", style: { width: 1.4, "line-color": value("--line-strong"),
          "curve-style": "haystack" } },
        { selector: "edge.pruned", style: { "line-style": "dashed", opacity: 0.55 } },
        { selector: "node.chosen", style: { "border-width": 3, "border-style": "solid",
          "border-color": value("--accent") } },
        { selector: "edge.chosen", style: { width: 4, "line-color": value("--accent"),
          "line-style": "solid", opacity: 1 } },
        { selector: "node.hit", style: { "underlay-color": value("--hit"), "underlay-padding": 7,
          "underlay-opacity": 0.9 } },
        { selector: "node.here", style: { "underlay-color": value("--accent"),
          "underlay-padding": 7, "underlay-opacity": 0.45 } },
      ],
    });
    cy.on("tap", "node", (event) => go(event.target.id() === "root:" ? "" : event.target.id()));
    view();
  }

  function view() {
    cy.fit(undefined, 24);
    if (cy.zoom() > 1.2) { cy.zoom(1.2); cy.center(); }
  }

  // ---- the panel beside the tree -----------------------------------------------------------------

  function element(name, kind, text) {
    const made = document.createElement(name);
    if (kind) made.className = kind;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  function chip(probability) {
    const made = element("span", "odds", odds(probability));
    const { fill, ink } = dress(probability);
    made.style.background = fill;
    made.style.color = ink;
    return made;
  }

  // The words of a verdict stand out, also of one that ends its chain; everything else is plain text.
  function critique(words) {
    const made = element("p", "critique");
    for (const piece of words.split(/(\\boxed\{\s*(?:in)?correct\s*(?:\}|$))/i)) {
      if (!/^\\boxed\{/i.test(piece)) made.append(piece);
      else made.append(element("mark", /incorrect/i.test(piece) ? "bad" : "good", piece));
    }
    return made;
  }

  const STATUS = {
    read: "read from the verdict", after_error: "after an earlier error: that step's probability",
    missing: "no verdict for this step", truncated: "the critique was cut before this step",
  };

  function step(link, at, here) {
    const made = element("li", here ? "step here" : "step");
    const head = element("div", "step-head");
    head.append(element("span", "step-number", `Step ${at + 1}`), chip(link.probability));
    if (link.status) head.append(element("span", "quiet", STATUS[link.status] || link.status));
    if (link.prefix !== null) head.append(element("span", "quiet", `whole prefix ${odds(link.prefix)}`));
    const button = element("button", "link", link.key);
    button.type = "button";
    button.addEventListener("click", () => go(link.key));
    head.append(button);
    made.append(head, element("p", "words", link.words));
    if (link.critique) {
      const more = element("details", "");
      more.open = here;
      more.append(element("summary", "", "critique"), critique(link.critique));
      made.append(more);
    }
    return made;
  }

  function facts(link) {
    const told = [];
    const say = (name, value) => told.push([name, value]);
    if (link.prefix !== null) say("whole prefix", odds(link.prefix));
    say("fate", link.fate + (link.reason ? `: ${link.reason}` : ""));
    if (link.rank > NONE && link.last) say("candidate", String(link.rank + 1));
    if (link.answer) say("answer", link.answer);
    if (link.outcome) say("graded", link.outcome);
    if (link.stop && !["step_end", "eos"].includes(link.stop)) say("stopped by", link.stop);
    if (link.unjudged) say("no judgement", link.unjudged);
    if (link.policy !== null) say("policy tokens", link.policy.toLocaleString("en"));
    if (link.verifier !== null) say("verifier tokens", link.verifier.toLocaleString("en"));
    const made = element("dl", "facts");
    for (const [name, value] of told) made.append(element("dt", "", name), element("dd", "", value));
    return made;
  }

  function describe(key) {
    panel.replaceChildren();
    const link = graph.get(key);
    panel.append(element("h3", "", "Question"), element("p", "words", tree.question));
    if (!link) {
      const ends = [...graph.values()].filter((each) => each.last && each.rank > NONE);
      ends.sort((one, other) => one.rank - other.rank);
      panel.append(element("h3", "", `${ends.length} candidates`));
      const rows = element("ol", "candidates");
      for (const end of ends.slice(0, 256)) {
        const row = element("li"), button = element("button", "link", end.key);
        button.type = "button";
        button.addEventListener("click", () => go(end.key));
        row.append(button, chip(end.shown));
        row.append(element("span", `grade ${end.outcome}`, MARK[end.outcome] || "–"));
        row.append(element("span", "answer", end.answer || "no answer"));
        if (end.chosen) row.append(element("span", "tag", "chosen"));
        rows.append(row);
      }
      panel.append(rows);
      return;
    }
    const way = [];
    for (let each = link; each; each = each.above) way.unshift(each);
    panel.append(element("h3", "", `Node ${link.key}`), facts(link));
    const steps = element("ol", "steps");
    way.forEach((each, at) => steps.append(step(each, at, each === link)));
    panel.append(steps);
    panel.scrollTop = way.length > 1 ? steps.lastChild.offsetTop - panel.clientHeight / 3 : 0;
  }

  // ---- going places ------------------------------------------------------------------------------

  const here = () => (cy ? cy.$("node.here").map((node) => node.id())[0] || "" : "");

  function go(key) {
    const known = graph && graph.has(key) ? key : "";
    cy.$("node.here").removeClass("here");
    const node = cy.getElementById(known || "root:");
    node.addClass("here");
    describe(known);
    const box = node.renderedBoundingBox(), width = stage.clientWidth, height = stage.clientHeight;
    if (known && (box.x1 < 0 || box.y1 < 0 || box.x2 > width || box.y2 > height || cy.zoom() < 0.35)) {
      cy.zoom({ level: Math.max(cy.zoom(), 0.7), position: node.position() });
      cy.center(node);
    }
    const prefix = index.runs.length > 1 ? `${index.runs[run].label}:` : "";
    const address = `#${prefix}${encodeURIComponent(index.runs[run].problems[problem].id)}/${known}`;
    if (location.hash !== address) { quiet = true; history.replaceState(null, "", address); quiet = false; }
  }

  async function open(number, key) {
    const started = performance.now(), mine = ++opening;
    delete stage.dataset.opened; // until its tree is there: it takes a moment, and the last one still stands
    problem = number;
    const told = index.runs[run].problems[number];
    for (const row of list.children) row.firstChild.setAttribute("aria-current", row.dataset.at == number);
    title.textContent = told.id;
    const text = pack(run)[number];
    if (!text) {
      if (cy) { cy.destroy(); cy = null; }
      graph = new Map();
      hits.textContent = "";
      panel.replaceChildren(element("p", "quiet", told.ended
        ? "This tree was left out: with it the page would be too large. `treewright tree` draws it."
        : "The search of this problem has no result."));
      return;
    }
    const data = await unpack(text);
    if (mine !== opening) return;
    tree = data;
    const all = links(tree);
    graph = new Map(all.map((link) => [link.key, link]));
    paint(all, place(all));
    find.value = "";
    hits.textContent = tree.by ? `chosen by ${tree.by}` : "";
    if (tree.steered) hits.textContent += ` · search steered by ${tree.steered}`;
    if (tree.limit) hits.textContent += ` · ended by a limit: ${tree.limit}`;
    go(key);
    stage.dataset.opened = String(Math.round(performance.now() - started));
    stage.dataset.nodes = String(all.length);
  }

  function fill() {
    const rows = index.runs[run].problems.map((told, at) => {
      const row = element("li"), button = element("button", "problem");
      button.type = "button";
      row.dataset.at = at;
      row.dataset.kind = told.chosen || "none";
      row.dataset.words = `${told.id} ${told.question}`.toLowerCase();
      button.append(element("span", `grade ${told.chosen || ""}`, MARK[told.chosen] || "–"));
      const words = element("span", "problem-words");
      words.append(element("b", "", told.id), element("span", "", told.question));
      button.append(words, element("span", "quiet", told.ended ? `${told.right}/${told.n}` : "–"));
      button.addEventListener("click", () => open(at, ""));
      row.append(button);
      return row;
    });
    list.replaceChildren(...rows);
    sift();
  }

  function sift() {
    const wanted = search.value.trim().toLowerCase(), kind = filter.value;
    let shown = 0;
    for (const row of list.children) {
      const fits = row.dataset.words.includes(wanted) && (kind === "all" || row.dataset.kind === kind);
      row.hidden = !fits;
      shown += fits;
    }
    byId("problem-count").textContent = `${shown} of ${list.children.length}`;
  }

  function seek() {
    if (!cy) return;
    const wanted = find.value.trim().toLowerCase();
    cy.$("node.hit").removeClass("hit");
    if (!wanted) { hits.textContent = ""; return; }
    const fits = [...graph.values()].filter((link) =>
      `${link.key}\n${link.words}\n${link.critique}\n${link.answer}`.toLowerCase().includes(wanted));
    cy.batch(() => fits.forEach((link) => cy.getElementById(link.key).addClass("hit")));
    hits.textContent = `${fits.length} of ${graph.size} nodes`;
    return fits;
  }

  // `#problem/0/3/1`, with several runs `#B:problem/0/3/1`; true where it names a tree.
  function follow() {
    const [, label, name, key] = /^#(?:([A-Z]+):)?([^/]+)\/(.*)$/.exec(location.hash) || [];
    if (name === undefined) return false;
    let id;
    try { id = decodeURIComponent(name); } catch { return false; }
    const number = label === undefined ? 0 : index.runs.findIndex((each) => each.label === label);
    const at = number < 0 ? -1 : index.runs[number].problems.findIndex((each) => each.id === id);
    if (at < 0) return false;
    if (number !== run) { run = number; runs.value = String(run); fill(); }
    open(at, key);
    byId("trees").scrollIntoView();
    return true;
  }

  function beside(by) {
    const rows = [...list.children].filter((row) => !row.hidden);
    const at = rows.findIndex((row) => Number(row.dataset.at) === problem);
    const next = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
    if (next) { next.firstChild.scrollIntoView({ block: "nearest" }); open(Number(next.dataset.at), ""); }
  }

  function sibling(link, by) {
    const row = link.above ? link.above.below : [...graph.values()].filter((each) => !each.above);
    return row[row.indexOf(link) + by] || link;
  }

  const KEYS = {
    ArrowUp: (link) => go(link && link.above ? link.above.key : ""),
    ArrowDown: (link) => {
      const down = link ? link.below[0] : [...graph.values()].find((each) => !each.above);
      if (down) go(down.key);
    },
    ArrowLeft: (link) => link && go(sibling(link, -1).key),
    ArrowRight: (link) => link && go(sibling(link, 1).key),
    c: () => {
      const chosen = [...graph.values()].filter((each) => each.chosen).at(-1);
      if (chosen) go(chosen.key);
    },
    f: () => view(),
    n: () => beside(1),
    p: () => beside(-1),
    "/": () => search.focus(),
    Escape: () => go(""),
  };

  byId("viewer").addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, select");
    if (event.key === "Escape" && typing) { stage.focus(); return; }
    if (typing || event.ctrlKey || event.metaKey || event.altKey || !graph || !cy) return;
    const act = KEYS[event.key];
    if (!act) return;
    event.preventDefault();
    act(graph.get(here()));
  });
  search.addEventListener("input", sift);
  filter.addEventListener("change", sift);
  find.addEventListener("input", seek);
  find.addEventListener("keydown", (event) => {
    const fits = event.key === "Enter" ? seek() : null;
    if (fits && fits.length) {
      const at = fits.findIndex((link) => link.key === here());
      go(fits[(at + 1) % fits.length].key);
    }
  });
  runs.addEventListener("change", () => { run = Number(runs.value); fill(); open(0, ""); });
  byId("tree-fit").addEventListener("click", () => cy && view());
  byId("tree-chosen").addEventListener("click", () => cy && KEYS.c());
  window.addEventListener("hashchange", () => quiet || follow());
  document.addEventListener("themechange", () => problem >= 0 && open(problem, here()));

  fill();
  // Nothing is unpacked before it is looked at.
  if (!follow()) {
    const near = new IntersectionObserver((seen) => {
      if (!seen.some((each) => each.isIntersecting)) return;
      near.disconnect();
      if (problem < 0 && index.runs[run].problems.length) start();
    }, { rootMargin: "200px" });
    near.observe(stage);
  }

  // The first tree is opened without an address of its own: nobody asked for it.
  async function start() {
    const first = index.runs[run].problems.findIndex((each) => each.ended);
    const address = location.href;
    await open(Math.max(0, first), "");
    history.replaceState(null, "", address);
  }
})();
