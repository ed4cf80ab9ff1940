// The dashboard: reads /v1/live, shows it, and sends what an admin does. Plain functions and the DOM, no libraries.
// Whatever comes from outside gets into the page as text only.
"use strict";

const $ = (id) => document.getElementById(id);

/** An element with classes, text and children. */
function make(name, classes, ...children) {
  const element = document.createElement(name);
  if (classes) element.className = classes;
  element.append(...children);
  return element;
}

function svg(name, attributes) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

/** Writes only what differs: a selection in the page survives, and nothing is laid out again for nothing. */
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// MARK: Numbers and times

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const compact = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

const rate = (value) => (value === null || value === undefined ? "–" : value < 10 ? tenths.format(value) : whole.format(value));
const short = (value) => (value < 100000 ? whole.format(value) : compact.format(value));

function milliseconds(value) {
  if (value === null || value === undefined) return "–";
  return value < 1 ? value.toFixed(2) : value < 100 ? value.toFixed(1) : whole.format(value);
}

function bytes(value) {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let place = 0;
  while (value >= 1024 && place < units.length - 1) {
    value /= 1024;
    place += 1;
  }
  return `${value < 10 && place > 0 ? tenths.format(value) : whole.format(value)} ${units[place]}`;
}

const dateTime = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit" });
const timeOfDay = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** With a unit that fits: a number and what stands behind it. */
function duration(ms) {
  if (ms < 1000) return [whole.format(ms), "ms"];
  return ms < 60000 ? [tenths.format(ms / 1000), "s"] : [countdown(ms), ""];
}

/** Such as `2 d 03:04:05`. */
function countdown(ms) {
  const all = Math.max(0, Math.ceil(ms / 1000));
  const two = (number) => String(number).padStart(2, "0");
  const days = Math.floor(all / 86400);
  const clock = `${two(Math.floor(all / 3600) % 24)}:${two(Math.floor(all / 60) % 60)}:${two(all % 60)}`;
  return days > 0 ? `${days} d ${clock}` : clock;
}

// The engine's clock decides when a sale starts and ends. This machine's clock may be wrong or be set while the page is
// open, so only its steady one is used: the engine's time is that of the last event, and what has passed since.
let engineAhead = null;
const engineNow = () => (engineAhead === null ? null : engineAhead + performance.now());

// MARK: The token

const tokenKey = "timesale-token";
let token = sessionStorage.getItem(tokenKey);

function headers(more = {}) {
  return token ? { Authorization: `Bearer ${token}`, ...more } : more;
}

function askForToken(why) {
  const dialog = $("token-dialog");
  showFault(dialog, why);
  if (!dialog.open) {
    for (const other of document.querySelectorAll("dialog[open]")) other.close();
    dialog.querySelector("input").value = "";
    dialog.showModal();
  }
}

function setToken(value) {
  token = value;
  if (value) sessionStorage.setItem(tokenKey, value);
  else sessionStorage.removeItem(tokenKey);
  $("forget").hidden = !value;
}

$("token-dialog").addEventListener("cancel", (event) => event.preventDefault());
$("token-dialog").querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const value = event.target.elements.token.value.trim();
  // What cannot stand in a header cannot be a token.
  if (!/^[\x21-\x7e]+$/.test(value)) {
    showFault($("token-dialog"), "A token has no spaces and no letters beyond ASCII.");
    return;
  }
  setToken(value);
  $("token-dialog").close();
  connect();
});
$("forget").addEventListener("click", () => {
  setToken(null);
  state = null;
  forgetAll();
  connect();
});

// MARK: The stream

const silenceMs = 20000;
const waitFirstMs = 500;
const waitMaxMs = 10000;

let state = null;
let current = null;
let lostAt = null;
let waitMs = waitFirstMs;
let retryTimer = null;
let retryAt = null;

class Denied extends Error {}

/** Reads the stream until it ends; throws why it did. */
async function stream(controller) {
  const answer = await fetch("/v1/live", {
    headers: headers({ Accept: "text/event-stream" }), signal: controller.signal, cache: "no-store",
  });
  if (answer.status === 401) throw new Denied(token ? "That is not one of this sidecar's tokens." : "");
  if (answer.status === 403) throw new Denied("That token may not see this: it takes one with the scope admin.");
  if (!answer.ok || !answer.body) throw new Error(await sentence(answer));
  const reader = answer.body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let silence = null;
  const listen = () => {
    clearTimeout(silence);
    silence = setTimeout(() => controller.abort(), silenceMs);
  };
  try {
    for (;;) {
      listen();
      const { done, value } = await reader.read();
      if (done) throw new Error("The sidecar ended the stream.");
      text += decoder.decode(value, { stream: true });
      let end;
      while ((end = text.indexOf("\n\n")) >= 0) {
        event(text.slice(0, end));
        text = text.slice(end + 2);
      }
      if (text.length > 8000000) throw new Error("An event has no end.");
    }
  } finally {
    clearTimeout(silence);
  }
}

function event(text) {
  let name = "message";
  const data = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("event:")) name = line.slice(6).trim();
    else if (line.startsWith("data:")) data.push(line.slice(5));
  }
  if (name !== "state" || data.length === 0) return;
  state = JSON.parse(data.join("\n"));
  engineAhead = Date.parse(state.time) - performance.now();
  lostAt = null;
  waitMs = waitFirstMs;
  remember(state);
  draw();
}

async function connect() {
  clearTimeout(retryTimer);
  retryAt = null;
  current?.abort();
  const controller = new AbortController();
  current = controller;
  showStatus();
  try {
    await stream(controller);
  } catch (error) {
    // A newer connection has taken over.
    if (current !== controller) return;
    current = null;
    if (error instanceof Denied) {
      setToken(null);
      state = null;
      forgetAll();
      showStatus();
      askForToken(error.message);
      return;
    }
    if (lostAt === null) lostAt = performance.now();
    // A little chance, so that pages that lost the same sidecar do not come back at the same instant.
    const wait = waitMs * (0.75 + Math.random() / 2);
    waitMs = Math.min(waitMs * 2, waitMaxMs);
    retryAt = performance.now() + wait;
    retryTimer = setTimeout(connect, wait);
    showStatus();
  }
}

/** Whoever comes back to the page does not wait for the next attempt. */
function connectSoon() {
  if (retryAt !== null) connect();
}
addEventListener("online", connectSoon);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) connectSoon();
});

function showStatus() {
  let kind = "connecting";
  let text = "Connecting";
  let banner = "";
  if (lostAt !== null) {
    kind = "lost";
    const at = engineAhead === null ? null : timeOfDay.format(lostAt + engineAhead);
    const seconds = Math.floor((performance.now() - lostAt) / 1000);
    text = at === null ? "No connection" : `Connection lost since ${at}`;
    if (seconds >= 5) text += retryAt === null ? ", trying" : `, next try in ${Math.max(0, Math.ceil((retryAt - performance.now()) / 1000))} s`;
    banner = state === null ? "The sidecar does not answer." : "The sidecar does not answer. What stands here is what was seen last.";
  } else if (state && !state.engine.isAvailable) {
    kind = "away";
    text = state.engine.awaySince ? `Engine away since ${timeOfDay.format(Date.parse(state.engine.awaySince))}` : "Engine away";
    banner = "The engine does not answer. Orders are refused until it is back; what stands here is what was seen last.";
  } else if (state) {
    kind = "live";
    text = "Live";
  }
  if ($("status").dataset.state !== kind) $("status").dataset.state = kind;
  write($("status-text"), text);
  write($("banner"), banner);
  $("banner").hidden = banner === "";
  document.body.classList.toggle("stale", kind === "lost" || kind === "away");
}

// MARK: What is remembered for the curves

const chartMs = 300000;
const sparkMs = 120000;
let orders = [];
const stocks = new Map();

function forgetAll() {
  orders = [];
  stocks.clear();
  draw();
}

function remember(now) {
  const at = Date.parse(now.time);
  if (orders.length > 0 && at <= orders[orders.length - 1].at) orders = [];
  orders.push({ at, accepted: now.rates?.ordersAccepted ?? null, refused: now.rates?.ordersRefused ?? null });
  while (orders[0].at < at - chartMs) orders.shift();
  const present = new Set();
  for (const [kind, offers, left] of [["sale", now.sales, "available"], ["policy", now.policies, "remaining"]]) {
    for (const offer of offers) {
      const key = `${kind} ${offer.id}`;
      present.add(key);
      let points = stocks.get(key);
      if (!points) stocks.set(key, (points = []));
      if (points.length > 0 && at <= points[points.length - 1].at) points.length = 0;
      points.push({ at, left: offer[left] });
      while (points[0].at < at - sparkMs) points.shift();
    }
  }
  for (const key of stocks.keys()) if (!present.has(key)) stocks.delete(key);
}

/** Lines through points, with a gap where nothing is known; and the area below them. */
function lines(points, x, y, bottom) {
  let line = "";
  let area = "";
  let first = null;
  let last = null;
  const close = () => {
    if (first !== null) area += `L${last} ${bottom}L${first} ${bottom}Z`;
    first = null;
  };
  for (const point of points) {
    const height = y(point);
    if (height === null) {
      close();
      continue;
    }
    const place = x(point).toFixed(1);
    const step = `${first === null ? "M" : "L"}${place} ${height.toFixed(1)}`;
    line += step;
    area += step;
    if (first === null) first = place;
    last = place;
  }
  close();
  return [line, area];
}

/** A round number that is not below the value. */
function roundUp(value) {
  if (value <= 5) return 5;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((factor) => factor * power).find((number) => number >= value);
}

const chartPaths = {};
for (const name of ["accepted-area", "accepted", "refused"]) {
  chartPaths[name] = svg("path", { class: name });
  $("chart").append(chartPaths[name]);
}
let chartToldAt = -Infinity;

function drawChart() {
  const end = orders.length > 0 ? orders[orders.length - 1].at : 0;
  const top = roundUp(orders.reduce((most, point) => Math.max(most, point.accepted ?? 0, point.refused ?? 0), 0));
  const x = (point) => 600 - ((end - point.at) / chartMs) * 600;
  const y = (name) => (point) => (point[name] === null ? null : 118 - (point[name] / top) * 114);
  const [line, area] = lines(orders, x, y("accepted"), 120);
  chartPaths.accepted.setAttribute("d", line);
  chartPaths["accepted-area"].setAttribute("d", area);
  chartPaths.refused.setAttribute("d", lines(orders, x, y("refused"), 120)[0]);
  write($("chart-max"), `${whole.format(top)}/s`);
  // Who listens to the page hears a summary on asking for it; it need not change twice a second.
  if (performance.now() - chartToldAt > 5000 && state) {
    chartToldAt = performance.now();
    $("chart").setAttribute("aria-label", `Orders per second, last five minutes: now ${rate(state.rates?.ordersAccepted)} accepted and ` +
      `${rate(state.rates?.ordersRefused)} refused, at most ${whole.format(top)}`);
  }
}

// MARK: Drawing

let isDrawing = false;

/** At most once a frame. */
function draw() {
  if (isDrawing) return;
  isDrawing = true;
  requestAnimationFrame(() => {
    isDrawing = false;
    showStatus();
    drawChart();
    if (state) drawState(state);
    tick();
    $("main").hidden = state === null && lostAt === null && $("token-dialog").open;
  });
}

/** Numbers with labels, kept from one event to the next: `[key, label, value, unit, class]`. */
function tiles(list, rows) {
  for (const [key, label, value, unit, classes] of rows) {
    let tile = list.querySelector(`[data-key="${key}"]`);
    if (!tile) {
      tile = make("div", `tile ${classes ?? ""}`, make("dt", ""), make("dd", "", make("span", ""), make("small", "")));
      tile.dataset.key = key;
      list.append(tile);
    }
    write(tile.querySelector("dt"), label);
    write(tile.querySelector("dd span"), value);
    write(tile.querySelector("small"), unit ?? "");
  }
}

function drawState(now) {
  const { rates, totals, requests, log } = now;
  const perSecond = (name) => rate(rates?.[name]);
  const orderRate = rates === null ? null : rates.ordersAccepted + rates.ordersRefused;
  tiles($("tiles"), [
    ["orders", "orders", rate(orderRate), "/s"],
    ["accepted", "accepted", perSecond("ordersAccepted"), "/s", "accepted"],
    ["refused", "refused", perSecond("ordersRefused"), "/s", "refused"],
    ["confirms", "confirmed later", perSecond("confirms"), "/s"],
    ["p50", "latency p50", milliseconds(requests.p50Ms), "ms"],
    ["p99", "latency p99", milliseconds(requests.p99Ms), "ms"],
    ["sync", "log sync p99", milliseconds(log.syncP99Ms), "ms"],
    ["holds", "open holds", short(now.shards.reduce((sum, shard) => sum + shard.openHolds, 0)), ""],
  ]);
  tiles($("points"), [
    ["issued", `coupons issued, ${short(totals.couponsIssued)} in all`, perSecond("couponsIssued"), "/s"],
    ["couponUses", `coupons used, ${short(totals.couponUses)} in all`, perSecond("couponUses"), "/s"],
    ["earnings", `earnings of points, ${short(totals.pointEarnings)} in all`, perSecond("pointEarnings"), "/s"],
    ["uses", `uses of points, ${short(totals.pointUses)} in all`, perSecond("pointUses"), "/s"],
    ["checkouts", `checkouts, ${short(totals.checkouts)} in all`, perSecond("checkouts"), "/s"],
  ]);
  tiles($("log"), [
    ["events", "log events", rate(log.eventsPerSecond), "/s"],
    ["bytes", "log bytes", bytes(log.bytesPerSecond), "/s"],
    ["blocks", "log blocks", rate(log.blocksPerSecond), "/s"],
    ["sequence", "last durable block", whole.format(now.engine.sequence), ""],
    ["connections", "engine connections", whole.format(now.engine.connections), ""],
    ["restarts", "engine restarts seen", whole.format(now.engine.restarts), ""],
    ["requests", "HTTP requests", rate(requests.perSecond), "/s"],
    ["viewers", "viewers of this page", whole.format(requests.viewers), ""],
  ]);
  drawOffers("sales", "sale", now.sales, saleCard, drawSale);
  drawOffers("policies", "policy", now.policies, policyCard, drawPolicy);
  $("sales-cut").hidden = !now.salesCut;
  $("policies-cut").hidden = !now.policiesCut;
  drawShards(now.shards);
  drawMirror(now.mirror);
  write($("version"), `timesale-http ${now.version}`);
}

// MARK: Sales and policies

const isOver = (offer) => offer.state === "ended" || offer.state === "closed";
const stateNames = { scheduled: "scheduled", open: "open", soldOut: "sold out", exhausted: "exhausted", ended: "ended", closed: "closed" };
const cards = new Map();

/** What both kinds of cards have: a head, what is left with its curve, a bar, its parts, a countdown, two buttons. */
function offerCard(kind, parts) {
  const card = make("article", "card");
  const part = {};
  part.name = make("h3", "");
  part.badge = make("span", "badge");
  part.meta = make("p", "meta");
  part.left = make("span", "number");
  part.leftOf = make("small", "");
  part.spark = svg("svg", { class: "spark", viewBox: "0 0 120 36", preserveAspectRatio: "none", "aria-hidden": "true" });
  part.stockArea = svg("path", { class: "stock-area" });
  part.stock = svg("path", { class: "stock" });
  part.spark.append(part.stockArea, part.stock);
  part.bar = make("div", "bar");
  part.bar.setAttribute("role", "img");
  part.parts = make("p", "parts");
  for (const [name, label] of parts) {
    part[`${name}Bar`] = make("i", name);
    part.bar.append(part[`${name}Bar`]);
    part[name] = make("b", "");
    part.parts.append(make("span", name, make("i", ""), part[name], ` ${label}`));
  }
  part.countdown = make("p", "countdown", make("span", ""), make("b", ""), make("span", "quiet"));
  part.restock = make("button", "", "Restock");
  part.close = make("button", "", "Close");
  for (const button of [part.restock, part.close]) button.type = "button";
  part.actions = make("div", "actions", part.restock, part.close);
  part.restock.addEventListener("click", () => openOfferDialog("restock", kind, card.offer));
  part.close.addEventListener("click", () => openOfferDialog("close", kind, card.offer));
  card.append(
    make("div", "card-head", make("div", "", part.name, part.meta), part.badge),
    make("div", "amount", make("span", "left", part.left, part.leftOf), part.spark),
    part.bar, part.parts, part.countdown, part.actions);
  card.pieces = part;
  return card;
}

const saleCard = () => offerCard("sale", [["free", "free"], ["held", "held"], ["sold", "sold"]]);
const policyCard = () => offerCard("policy", [["free", "left"], ["held", "issued"], ["sold", "used"]]);

function drawOffers(list, kind, offers, newCard, drawCard) {
  const now = offers.filter((offer) => !isOver(offer));
  const past = offers.filter(isOver);
  const present = new Set();
  for (const [place, some] of [[$(`${list}-now`), now], [$(`${list}-past`), past]]) {
    some.forEach((offer, index) => {
      const key = `${kind} ${offer.id}`;
      present.add(key);
      let card = cards.get(key);
      if (!card) {
        card = newCard();
        card.dataset.id = offer.id;
        cards.set(key, card);
      }
      card.offer = offer;
      // Moved only if it stands elsewhere: a move takes the focus away.
      if (place.children[index] !== card) place.insertBefore(card, place.children[index] ?? null);
      drawOffer(card, key, offer);
      drawCard(card, offer);
    });
  }
  for (const [key, card] of cards) {
    if (key.startsWith(`${kind} `) && !present.has(key)) {
      card.remove();
      cards.delete(key);
    }
  }
  $(`${list}-none`).hidden = now.length > 0;
  $(`${list}-past-box`).hidden = past.length === 0;
  write($(`${list}-count`), now.length > 0 ? whole.format(now.length) : "");
  write($(`${list}-past-count`), whole.format(past.length));
}

function drawOffer(card, key, offer) {
  const part = card.pieces;
  write(part.name, offer.name || `No. ${offer.id}`);
  write(part.badge, stateNames[offer.state] ?? offer.state);
  part.badge.dataset.state = offer.state;
  card.classList.toggle("over", isOver(offer));
  part.restock.hidden = offer.state === "closed";
  part.close.hidden = offer.state === "closed";
  for (const [button, word] of [[part.restock, "Restock"], [part.close, "Close"]]) {
    const label = `${word} ${offer.name || offer.id}`;
    if (button.getAttribute("aria-label") !== label) button.setAttribute("aria-label", label);
  }
  const points = stocks.get(key) ?? [];
  const most = points.reduce((most, point) => Math.max(most, point.left), 1);
  const end = points.length > 0 ? points[points.length - 1].at : 0;
  const [line, area] = lines(
    points, (point) => 120 - ((end - point.at) / sparkMs) * 120, (point) => 34 - (point.left / most) * 31, 36);
  part.stock.setAttribute("d", line);
  part.stockArea.setAttribute("d", area);
}

function drawBar(card, all, values) {
  const part = card.pieces;
  for (const [name, value] of Object.entries(values)) {
    part[`${name}Bar`].style.width = `${all > 0 ? Math.min(100, (value / all) * 100) : 0}%`;
    write(part[name], short(value));
  }
}

function drawSale(card, sale) {
  const part = card.pieces;
  const more = [`No. ${sale.id}`];
  if (sale.unitPrice > 0) more.push(`price ${whole.format(sale.unitPrice)}`);
  if (sale.perUserLimit > 0) more.push(`${whole.format(sale.perUserLimit)} a user`);
  if (sale.holdSeconds > 0) more.push(`held for ${tenths.format(sale.holdSeconds)} s`);
  write(part.meta, more.join(" · "));
  write(part.left, whole.format(sale.available));
  write(part.leftOf, `of ${whole.format(sale.stock)} left`);
  drawBar(card, sale.stock, { free: sale.available, held: sale.held, sold: sale.sold });
  part.bar.setAttribute("aria-label", `${percent(sale.available, sale.stock)} of the stock is left`);
  card.beginsAt = Date.parse(sale.startsAt);
  card.endsAt = sale.endsAt === null ? null : Date.parse(sale.endsAt);
}

function drawPolicy(card, policy) {
  const part = card.pieces;
  const more = [`No. ${policy.id}`];
  let worth = policy.discountType === "percent" ? `${policy.discountValue} % off` : `${whole.format(policy.discountValue)} off`;
  if (policy.maxDiscount !== null) worth += `, at most ${whole.format(policy.maxDiscount)}`;
  more.push(worth);
  if (policy.minPurchase !== null) more.push(`from ${whole.format(policy.minPurchase)}`);
  if (policy.perUserLimit > 0) more.push(`${whole.format(policy.perUserLimit)} a user`);
  write(part.meta, more.join(" · "));
  write(part.left, whole.format(policy.remaining));
  write(part.leftOf, `of ${whole.format(policy.quantity)} left`);
  const unused = Math.max(0, policy.issued - policy.used);
  drawBar(card, policy.quantity, { free: policy.remaining, held: unused, sold: policy.used });
  write(part.held, short(policy.issued));
  part.bar.setAttribute("aria-label", `${percent(policy.remaining, policy.quantity)} of the coupons are left`);
  card.beginsAt = Date.parse(policy.validFrom);
  card.endsAt = policy.validUntil === null ? null : Date.parse(policy.validUntil);
}

const percent = (part, all) => `${all > 0 ? Math.round((part / all) * 100) : 0} %`;

/** What moves with the clock alone. */
function tick() {
  const now = engineNow();
  if (lostAt !== null) showStatus();
  if (now === null) return;
  write($("clock"), timeOfDay.format(now));
  for (const card of cards.values()) {
    const [label, number, when] = card.pieces.countdown.children;
    let texts;
    if (card.offer.state === "closed") texts = ["Closed for good", "", ""];
    else if (card.beginsAt > now) texts = ["Starts in ", countdown(card.beginsAt - now), `, ${dateTime.format(card.beginsAt)}`];
    else if (card.endsAt === null) texts = ["No end", "", ""];
    else if (card.endsAt > now) texts = ["Ends in ", countdown(card.endsAt - now), `, ${dateTime.format(card.endsAt)}`];
    else texts = ["Ended", "", `, ${dateTime.format(card.endsAt)}`];
    write(label, texts[0]);
    write(number, texts[1]);
    write(when, texts[2]);
  }
}
setInterval(tick, 250);

// MARK: Shards, log, mirror

function drawShards(shards) {
  const place = $("shards");
  while (place.children.length > shards.length) place.lastChild.remove();
  shards.forEach((shard, index) => {
    let card = place.children[index];
    if (!card) {
      card = make("article", "card", make("h3", "", `Shard ${shard.shard}`), make("dl", ""), make("div", "uses"));
      place.append(card);
    }
    const rows = [
      ["orders", `${rate(shard.ordersPerSecond)}/s`], ["requests", `${rate(shard.framesPerSecond)}/s`],
      ["connections", whole.format(shard.connections)], ["loop turns", `${rate(shard.turnsPerSecond)}/s`],
      ["open holds", short(shard.openHolds)], ["busy", `${rate(shard.busyPerSecond)}/s`],
      ["log sync p50", shard.syncP50Ms === null ? "–" : `${milliseconds(shard.syncP50Ms)} ms`],
      ["log sync p99", shard.syncP99Ms === null ? "–" : `${milliseconds(shard.syncP99Ms)} ms`],
      ["log", `${bytes(shard.logBytesPerSecond)}/s`], ["not durable yet", bytes(shard.durableLag)],
    ];
    const list = card.querySelector("dl");
    rows.forEach(([label, value], row) => {
      let pair = list.children[row];
      if (!pair) list.append((pair = make("div", "", make("dt", "", label), make("dd", ""))));
      write(pair.lastChild, value);
    });
    const uses = card.querySelector(".uses");
    shard.capacities.forEach((table, row) => {
      let line = uses.children[row];
      if (!line) {
        const meter = make("meter", "");
        meter.max = 1;
        meter.high = 0.9;
        line = make("div", "use", make("span", "quiet", table.name), meter, make("span", ""));
        uses.append(line);
      }
      const share = table.capacity > 0 ? table.used / table.capacity : 0;
      const meter = line.children[1];
      meter.value = share;
      line.title = `${whole.format(table.used)} of ${whole.format(table.capacity)} ${table.name}`;
      meter.setAttribute("aria-label", `${table.name} remembered`);
      write(line.lastChild, share > 0 && share < 0.01 ? "<1 %" : percent(table.used, table.capacity));
    });
  });
}

const mirrorTexts = {
  closed: ["in step", ""],
  behind: ["behind", "Redis answers, and does not have everything yet."],
  open: ["away", "Redis does not answer, or refuses. Orders go on without it; what it misses is written when it is back."],
  halfOpen: ["away", "Redis is being tried again. Orders go on without it; what it misses is written when it is back."],
  superseded: ["superseded", "An engine that was started later writes to this Redis, so this one leaves it alone."],
};
/** A copy that is less behind than this is in step. */
const mirrorBehindMs = 2000;

/** There may be no mirror: then nothing is said of one. */
function drawMirror(mirror) {
  $("mirror-box").hidden = !mirror;
  if (!mirror) return;
  const name = mirror.state === "closed" && mirror.lagMs >= mirrorBehindMs ? "behind" : mirror.state;
  const [word, about] = mirrorTexts[name] ?? [mirror.state, ""];
  const [lag, unit] = duration(mirror.lagMs);
  tiles($("mirror"), [
    ["mirrorState", "Redis", word, "", "state"],
    ["mirrorLag", "behind the log by", lag, unit],
    ["mirrorLagEvents", "events it lacks", short(mirror.lagEvents), ""],
    ["mirrorLagBytes", "of log it lacks", bytes(mirror.lagBytes), ""],
    ["mirrorWrites", `counts written, ${short(mirror.writes)} in all`, rate(mirror.writesPerSecond), "/s"],
    ["mirrorErrors", "refusals and failed calls", short(mirror.errors), ""],
    ["mirrorRewrites", `written anew, ${short(mirror.repairs)} keys repaired`, short(mirror.rewrites), ""],
    ["mirrorEvents", `events streamed, ${short(mirror.eventGaps)} gaps`, short(mirror.eventsWritten), ""],
  ]);
  $("mirror").querySelector("[data-key=mirrorState]").dataset.state = name;
  write($("mirror-about"), about);
  $("mirror-about").hidden = about === "";
}

// MARK: What an admin does

/** The problem of an answer (RFC 9457) as a sentence. */
async function sentence(answer) {
  const problem = await answer.json().catch(() => ({}));
  return problemText(problem, answer.status);
}

function problemText(problem, status) {
  let text = String(problem.detail ?? problem.title ?? `The sidecar answered ${status}`);
  // The field is named by where the sentence stands.
  if (problem.field && text.startsWith(`${problem.field}: `)) text = text.slice(problem.field.length + 2);
  text = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** Above the fields; empty: none. */
function showFault(dialog, text) {
  const fault = dialog.querySelector(".fault");
  write(fault, text ?? "");
  fault.hidden = !text;
}

/** At a field, which is focused; above the fields if there is no such field. */
function showFieldFault(dialog, name, text) {
  const input = dialog.querySelector("form").elements[name];
  if (!(input instanceof HTMLElement)) {
    showFault(dialog, text);
    return;
  }
  const fault = make("span", "field-fault", text);
  fault.id = `${dialog.id}-${name}-fault`;
  input.closest("label").append(fault);
  input.setAttribute("aria-invalid", "true");
  input.setAttribute("aria-describedby", fault.id);
  input.focus();
}

function clearFaults(dialog) {
  showFault(dialog, "");
  for (const fault of dialog.querySelectorAll(".field-fault")) fault.remove();
  for (const input of dialog.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  }
}

let toastTimer = null;
function toast(text) {
  write($("toast"), text);
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => write($("toast"), ""), 6000);
}

/** 128 random bits. `crypto.randomUUID` is missing where a page comes over plain HTTP from another machine. */
function drawKey() {
  return `dashboard-${Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

class FieldFault extends Error {
  constructor(field, text) {
    super(text);
    this.field = field;
  }
}

function wholeNumber(form, name, isRequired) {
  const text = form.elements[name].value.trim().replace(/[\s,_']/g, "");
  if (text === "") {
    if (isRequired) throw new FieldFault(name, "This is needed.");
    return undefined;
  }
  if (!/^\d{1,15}$/.test(text)) throw new FieldFault(name, "A whole number is wanted.");
  return Number(text);
}

function decimalNumber(form, name) {
  const text = form.elements[name].value.trim().replace(",", ".");
  if (text === "") return undefined;
  if (!/^\d{1,12}(\.\d+)?$/.test(text)) throw new FieldFault(name, "A number is wanted.");
  return Number(text);
}

/** What the field says is in this machine's time zone. */
function instant(form, name) {
  const input = form.elements[name];
  if (input.validity.badInput) throw new FieldFault(name, "This is no whole date and time.");
  if (input.value === "") return undefined;
  return new Date(input.value).toISOString();
}

function text(form, name) {
  const value = form.elements[name].value.trim();
  if (value === "") throw new FieldFault(name, "This is needed.");
  return value;
}

/**
 * A dialog that sends one request. Its Idempotency-Key is drawn when it opens and stays until it closes: however often it
 * is sent, a double click and a retry after a lost answer included, it is done once. (Refusals are not remembered, so what
 * was refused may be corrected and sent again with the same key.)
 */
function requestDialog(id, read, done) {
  const dialog = $(id);
  const form = dialog.querySelector("form");
  let key = null;
  let path = null;
  let isUnderWay = false;
  const open = (about) => {
    key = drawKey();
    path = about.path;
    form.reset();
    clearFaults(dialog);
    dialog.showModal();
  };
  dialog.querySelector("button[value=cancel]").addEventListener("click", () => dialog.close());
  form.addEventListener("submit", async (submit) => {
    submit.preventDefault();
    if (isUnderWay) return;
    clearFaults(dialog);
    const sent = key;
    const button = form.querySelector("button[type=submit]");
    try {
      const body = read(form);
      isUnderWay = true;
      button.disabled = true;
      const answer = await fetch(path, {
        method: "POST", body: JSON.stringify(body),
        headers: headers({ "Content-Type": "application/json", "Idempotency-Key": sent }), signal: AbortSignal.timeout(15000),
      });
      // It was closed meanwhile, and perhaps opened for something else.
      const isOurs = dialog.open && key === sent;
      if (answer.ok) {
        toast(done(await answer.json()));
        if (isOurs) dialog.close();
        return;
      }
      const problem = await answer.json().catch(() => ({}));
      if (answer.status === 401) {
        setToken(null);
        askForToken("That token is not valid any more.");
        return;
      }
      const text = problemText(problem, answer.status);
      if (!isOurs) toast(text);
      else if (problem.field) showFieldFault(dialog, problem.field, text);
      else showFault(dialog, answer.status === 403 ? `${text} It takes a token with the scope admin.` : text);
    } catch (error) {
      if (error instanceof FieldFault) showFieldFault(dialog, error.field, error.message);
      else showFault(dialog, "No answer came. Whether it was done is not known; sending it again does it only once.");
    } finally {
      isUnderWay = false;
      button.disabled = false;
    }
  });
  return open;
}

const openSaleDialog = requestDialog("sale-dialog", (form) => ({
  name: text(form, "name"), stock: wholeNumber(form, "stock", true), perUserLimit: wholeNumber(form, "perUserLimit"),
  startsAt: instant(form, "startsAt"), endsAt: instant(form, "endsAt"), holdSeconds: decimalNumber(form, "holdSeconds"),
  unitPrice: wholeNumber(form, "unitPrice"),
}), (sale) => `“${sale.name}” was created`);

const openPolicyDialog = requestDialog("policy-dialog", (form) => ({
  name: text(form, "name"), quantity: wholeNumber(form, "quantity", true), perUserLimit: wholeNumber(form, "perUserLimit"),
  discountType: form.elements.discountType.value, discountValue: wholeNumber(form, "discountValue", true),
  maxDiscount: wholeNumber(form, "maxDiscount"), minPurchase: wholeNumber(form, "minPurchase"),
  validFrom: instant(form, "validFrom"), validUntil: instant(form, "validUntil"),
}), (policy) => `“${policy.name}” was created`);

const openRestockDialog = requestDialog(
  "restock-dialog", (form) => ({ quantity: wholeNumber(form, "quantity", true) }), (offer) => `“${offer.name}” was restocked`);
const openCloseDialog = requestDialog("close-dialog", () => ({}), (offer) => `“${offer.name}” is closed`);

function openOfferDialog(action, kind, offer) {
  const name = offer.name || `No. ${offer.id}`;
  const path = `/v1/${kind === "sale" ? "timesales" : "coupon-policies"}/${offer.id}/${action}`;
  const left = kind === "sale" ? `${whole.format(offer.available)} of ${whole.format(offer.stock)} units` :
    `${whole.format(offer.remaining)} of ${whole.format(offer.quantity)} coupons`;
  if (action === "restock") {
    write($("restock-dialog").querySelector(".about"), `“${name}” has ${left} left.`);
    openRestockDialog({ path });
  } else {
    write($("close-dialog").querySelector(".about"), kind === "sale" ?
      `Nobody can order from “${name}” any more, and it cannot be opened again. Open holds may still be confirmed. ${left} are left.` :
      `“${name}” gives no more coupons, and cannot be opened again. Coupons that users have stay usable. ${left} are left.`);
    openCloseDialog({ path });
  }
}

$("new-sale").addEventListener("click", () => openSaleDialog({ path: "/v1/timesales" }));
$("new-policy").addEventListener("click", () => openPolicyDialog({ path: "/v1/coupon-policies" }));

$("forget").hidden = !token;
connect();
