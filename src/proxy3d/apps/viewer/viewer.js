"use strict";
// The page around the 3D view: questions, frames, proxies, keys. All text goes in through textContent, never as HTML.

const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const state = { kind: null, index: null, hovered: null, colour: "looks", layers: {} };
const SEEN_SHARE = 0.02;  // a frame that gave a proxy less than this did not really show it
// What a colour can tell; the last only where it is known which proxy stands for which point.
const NAMES = { looks: "looks", share: "share", own: "proxy" };
const COLOURS = { looks: "proxies that look alike have like colours", share: "share of the scene's points, least to most",
  ...(data.cloud && data.cloud.proxy ? { own: "each proxy has one of its own, and so have the points that it stands for" } : {}) };
let stage = null;

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null));
  return made;
}
const plural = (n, one, many = one + "s") => `${n} ${n === 1 ? one : many}`;
const unit = data.unit ? ` ${data.unit}` : "";
const length = (value) => value.toFixed(2);
const position = (values) => `(${values.map(length).join(", ")})${unit}`;
const size = (values) => values.map(length).join(" × ") + unit;
const percent = (share) => `${(100 * share).toFixed(share < 0.0995 ? 1 : 0)} %`;
const framesOf = (k) => data.proxies[k].seen.filter(([, share]) => share >= SEEN_SHARE).map(([t]) => t);

/** The proxies, boxes and frames that belong to what is selected; null when nothing is. */
function choice() {
  const { kind, index } = state;
  if (kind === null) return null;
  const boxesWith = (test) => new Set(data.answers.flatMap((answer, a) => answer.boxes.flatMap((box, b) => (test(box) ? [`${a}/${b}`] : []))));
  if (kind === "answer") {
    const answer = data.answers[index];
    const all = (name) => new Set([answer, ...answer.boxes].flatMap((part) => part[name]));
    return { proxies: all("proxies"), frames: all("frames"), boxes: new Set(answer.boxes.map((_, b) => `${index}/${b}`)), colour: answerColour(index) };
  }
  if (kind === "proxy") {
    return { proxies: new Set([index]), frames: new Set(framesOf(index)), boxes: boxesWith((box) => box.proxies.includes(index)), colour: cssColour("--accent") };
  }
  const seen = data.proxies.map((_, k) => k).filter((k) => framesOf(k).includes(index));
  return { proxies: new Set(seen), frames: new Set([index]), boxes: boxesWith((box) => box.frames.includes(index)), colour: cssColour("--accent") };
}

function select(kind, index) {
  const again = state.kind === kind && state.index === index;
  Object.assign(state, again || kind === null ? { kind: null, index: null } : { kind, index });
  refresh();
}

function refresh() {
  const chosen = choice();
  if (stage) stage.show(chosen, state.colour, state.hovered);
  byId("answers").childNodes.forEach((button, i) => button.setAttribute("aria-pressed", state.kind === "answer" && state.index === i));
  byId("strip").classList.toggle("choosing", Boolean(chosen && chosen.frames.size));
  byId("strip").childNodes.forEach((button, t) => {
    const lit = Boolean(chosen && chosen.frames.has(t));
    button.classList.toggle("lit", lit);
    button.style.setProperty("--lit", lit ? chosen.colour : "");
  });
  const firstLit = byId("strip").querySelector(".lit");
  if (firstLit) byId("strip").scrollTo({ left: firstLit.offsetLeft - byId("strip").offsetLeft - 40, behavior: "smooth" });
  document.querySelectorAll("#list tbody tr").forEach((row, k) => {
    row.classList.toggle("lit", Boolean(chosen && chosen.proxies.has(k)));
    row.querySelector(".swatch").style.background = data.proxies[k][state.colour];
  });
  byId("ramp").hidden = state.colour !== "share";
  byId("ramptext").textContent = `colour: ${COLOURS[state.colour]}`;
  fillCard();
}

const link = (text, kind, index) => element("button", { className: "link number", textContent: text, onclick: () => select(kind, index) });
const listOf = (numbers, kind) => element("span", {}, ...(numbers.length ? numbers.flatMap((n, i) => (i ? [", ", link(n, kind, n)] : [link(n, kind, n)])) : ["none"]));

function facts(rows) {
  return element("dl", {}, ...rows.flatMap(([name, value]) => [element("dt", { textContent: name }), element("dd", { className: "number" }, value)]));
}

function fillCard() {
  const { kind, index } = state, card = byId("card");
  card.hidden = kind !== "proxy" && kind !== "frame";
  if (card.hidden) return;
  const close = element("button", { id: "close", textContent: "×", title: "Clear the selection (Esc)", onclick: () => select(null) });
  if (kind === "proxy") {
    const proxy = data.proxies[index];
    const asked = data.answers.flatMap((answer, a) => ([answer, ...answer.boxes].some((part) => part.proxies.includes(index)) ? [a] : []));
    card.replaceChildren(close, element("h3", { textContent: `Proxy ${index}` }), facts([
      ["stands for", `${plural(proxy.points, "point")}, ${percent(proxy.weight)} of the scene`],
      ["position", position(proxy.position)],
      ["size", size(proxy.extent.map((half) => 2 * half))],
      ["frames", listOf(framesOf(index), "frame")],
      ...(asked.length ? [["used in", element("span", {}, ...asked.map((a) => element("div", {}, link(data.answers[a].question, "answer", a))))]] : []),
    ]));
  } else {
    const frame = data.frames[index];
    card.replaceChildren(close, element("h3", { textContent: `Frame ${index}` }),
      frame.jpeg ? element("img", { src: `data:image/jpeg;base64,${frame.jpeg}`, alt: `frame ${index}` }) : "",
      facts([["name", frame.name], ["time", `${frame.time_s} s`], ["camera", position(frame.centre)], ...(data.proxies.length ? [["proxies", listOf([...choice().proxies], "proxy")]] : [])]),
      stage ? element("p", {}, element("button", { className: "link", textContent: "Look from here", onclick: () => stage.lookFrom(index) })) : "");
  }
}

function fillPanel() {
  const proxies = data.proxies.length ? [plural(data.proxies.length, "proxy", "proxies")] : [];
  byId("about").textContent = [...proxies, plural(data.frames.length, "frame"), data.scale].join(" · ");
  for (const id of ["all", "proxylegend", "ramptext"]) byId(id).hidden = !proxies.length;
  byId("heading").hidden = !data.answers.length;
  byId("answers").replaceChildren(...data.answers.map((answer, a) => {
    const holds = [plural(answer.boxes.length, "box", "boxes")];
    if (proxies.length) holds.push(plural(new Set([answer, ...answer.boxes].flatMap((part) => part.proxies)).size, "proxy", "proxies"));
    const button = element("button", { className: "answer", onclick: () => select("answer", a) },
      element("b", { textContent: answer.question }), element("span", { textContent: answer.text || "(no text)" }), element("small", { textContent: holds.join(" · ") }));
    button.style.setProperty("--lit", answerColour(a));
    return button;
  }));
  byId("strip").hidden = !data.frames.length;
  byId("strip").replaceChildren(...data.frames.map((frame, t) => element("button", { title: `${frame.name} (${frame.time_s} s)`, onclick: () => select("frame", t) },
    frame.jpeg ? element("img", { src: `data:image/jpeg;base64,${frame.jpeg}`, alt: "" }) : element("div", { className: "blank", textContent: "no picture" }),
    element("span", { textContent: `${t} · ${frame.name}` }))));
  const head = ["", "points", "share", `x y z${unit && `, ${data.unit}`}`];
  byId("list").append(element("table", {}, element("thead", {}, element("tr", {}, ...head.map((text) => element("th", { textContent: text })))),
    element("tbody", {}, ...data.proxies.map((proxy, k) => element("tr", {},
      element("td", {}, element("span", { className: "swatch" }), link(k, "proxy", k)),
      ...[proxy.points, percent(proxy.weight), proxy.position.map(length).join(" ")].map((text) => element("td", { className: "number", textContent: text })))))));
  byId("ramp").style.background = `linear-gradient(90deg, ${data.ramp.join(", ")})`;
  const keys = [["drag", "turn; with the right button or two fingers: move"], ["wheel, pinch", "nearer, farther"], ["click", `a proxy${data.cloud && data.cloud.proxy ? ", a point," : ","} a frame or a question to see what belongs to it`],
    ["1 - 9", "question"], ["P O B C G", "points, proxies, boxes, cameras, grid on or off"], ["K", `colour by ${Object.keys(COLOURS).map((name) => NAMES[name]).join(", ")}`], ["T, R", "from above, reset the view"], ["Esc", "clear the selection"]];
  byId("keys").append(...keys.map(([key, text]) => element("tr", {}, element("td", {}, element("kbd", { textContent: key })), element("td", { textContent: text }))));
  byId("encoders").append(...Object.entries(data.encoders).map(([role, name]) => element("tr", {}, element("td", { textContent: `${role}: ${name}` }))));
  byId("square").textContent = !data.unit ? "ground; no metres, because the scale is unknown" : `ground; a square is ${stage ? stage.step : 1} m wide`;
}

const TOGGLES = [["points", "Points", "p"], ["proxies", "Proxies", "o"], ["boxes", "Boxes", "b"], ["cameras", "Cameras", "c"], ["grid", "Grid", "g"]];
const nextOf = (names) => names[(names.indexOf(state.colour) + 1) % names.length];
const ACTIONS = { k: () => setColour(nextOf(Object.keys(COLOURS))), t: () => stage && stage.above(), r: () => stage && stage.overview(), escape: () => select(null) };

function setColour(name) {
  state.colour = name;
  const menu = byId("colour");
  if (menu) menu.value = name;
  refresh();
}

function fillTools() {
  const drawn = { points: data.cloud, proxies: data.proxies.length, boxes: data.answers.some((answer) => answer.boxes.length), cameras: data.frames.length, grid: true };
  for (const [name, text, key] of TOGGLES.filter(([name]) => drawn[name])) {
    const button = element("button", { textContent: text, title: `key ${key.toUpperCase()}` });
    button.setAttribute("aria-pressed", "true");
    button.onclick = ACTIONS[key] = () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", on);
      stage.toggle(name, on);
    };
    byId("tools").append(button);
  }
  const menu = element("select", { id: "colour", onchange: (event) => setColour(event.target.value) },
    ...Object.keys(COLOURS).map((name) => element("option", { value: name, textContent: NAMES[name] })));
  if (data.proxies.length) byId("tools").append(element("label", {}, "colour by", menu));
  if (data.cloud) {
    const slider = element("input", { type: "range", min: 0.05, max: 1, step: 0.01, value: 1, oninput: (event) => stage.cut(Number(event.target.value)) });
    byId("tools").append(element("label", { title: "Hide points above this height" }, "cut at height", slider));
  }
  byId("tools").append(element("button", { textContent: "Top", title: "key T", onclick: ACTIONS.t }), element("button", { textContent: "Reset", title: "key R", onclick: ACTIONS.r }));
  byId("tools").hidden = false;
}

function hover(k, x, y) {
  const tip = byId("tip");
  tip.hidden = k === null;
  if (k !== null) {
    const proxy = data.proxies[k];
    tip.textContent = `proxy ${k}: ${plural(proxy.points, "point")}, ${percent(proxy.weight)}, at ${position(proxy.position)}`;
    tip.style.left = `${Math.min(x + 14, byId("stage").clientWidth - tip.offsetWidth - 6)}px`;
    tip.style.top = `${Math.min(y + 14, byId("stage").clientHeight - tip.offsetHeight - 6)}px`;
  }
  if (k === state.hovered) return;
  state.hovered = k;
  stage.show(choice(), state.colour, k);
}

try {
  stage = makeStage(data, { pick: (k) => select(k === null ? null : "proxy", k), hover });
  byId("notice").remove();
} catch (error) {
  console.error(error);
  byId("notice").textContent = "This browser cannot draw in 3D here (WebGL is missing or switched off). Questions, answers, frames and proxies are listed all the same.";
}
fillPanel();
if (stage) fillTools();
refresh();
window.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  const key = event.key.toLowerCase();
  if (/^[1-9]$/.test(key) && Number(key) <= data.answers.length) select("answer", Number(key) - 1);
  else if (ACTIONS[key]) ACTIONS[key]();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);
// "page.html#answer=1" opens with the second question chosen; a link can point at a proxy or a frame just as well, and "&colour=share" may follow.
const wanted = /^#(answer|proxy|frame)=(\d+)\b/.exec(location.hash), painted = /[#&]colour=(\w+)$/.exec(location.hash);
if (painted) Object.keys(COLOURS).filter((name) => NAMES[name] === painted[1]).forEach(setColour);
if (wanted && Number(wanted[2]) < data[{ answer: "answers", proxy: "proxies", frame: "frames" }[wanted[1]]].length) select(wanted[1], Number(wanted[2]));
// Where there are boxes and no proxies, all boxes of all questions at once would hide the place: begin with one question.
else if (!data.proxies.length && data.answers.length) select("answer", 0);
