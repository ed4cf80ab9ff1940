// timesale over HTTP, with nothing but Node itself (18 or newer).
//
//     node timesale.mjs BASE SALE USER QUANTITY KEY [TRIES [PATIENCE]]
//
// orders, prints the answer and exits with 0; 1: refused; 2: not done; 3: the outcome is not known.

import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

/** The answer is no. Not `certain`: an attempt before it may still be on its way, and be carried out after it. */
export class Refused extends Error {
  constructor(status, problem, certain) {
    super(`${problem.code ?? status}: ${problem.detail ?? ''}`);
    Object.assign(this, { status, code: problem.code, certain });
  }
}
/** No attempt was carried out. Try again later, or leave it. */
export class NotDone extends Error {}
/** It may have been carried out. Only the same request with the same key can tell: go on with them later. */
export class OutcomeUnknown extends Error {}

// Nothing has left this machine when one of these comes.
const notSent = ['ECONNREFUSED', 'EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT'];

export class Timesale {
  // A try may take a quarter of the patience, in seconds. Pauses are drawn from 0 up to a bound that doubles.
  constructor(base, { token, tries = 8, patience = 20, pause = 0.1, pauseMax = 3 } = {}) {
    Object.assign(this, { base: base.replace(/\/$/, ''), token, tries, patience, pause, pauseMax });
  }

  order(sale, userId, quantity, key) {
    return this.call('POST', `/v1/timesales/${sale}/orders`, { userId, quantity }, key);
  }

  // Idempotent by nature; with a key the server can also say that a retry is safe.
  confirm(order) {
    return this.call('POST', `/v1/orders/${order}/confirm`, {}, order);
  }

  /** Sends one request until it is decided, always with the same key, but not beyond the tries and the patience. */
  async call(method, path, body, key) {
    const headers = {};
    if (body !== undefined) headers['Content-Type'] = 'application/json';
    if (key) headers['Idempotency-Key'] = key;
    if (this.token) headers.Authorization = `Bearer ${this.token}`;
    const end = performance.now() + this.patience * 1000;
    let certain = true;
    let reason;
    for (let number = 0; number < this.tries; number++) {
      let wait = 0;
      try {
        const signal = AbortSignal.timeout(this.patience * 250);
        const response = await fetch(this.base + path, { method, headers, body: JSON.stringify(body), signal });
        const answer = parse(await response.text());
        if (response.ok && answer !== undefined) return answer;
        const { status } = response;
        const problem = answer ?? {};
        reason = `${status} ${problem.code ?? ''}`;
        // An answer without a code is not of timesale: a proxy does not know what happened behind it.
        const decided = problem.code ? problem.code !== 'OUTCOME_UNKNOWN' : status >= 400 && status < 500;
        certain &&= decided;
        if (!(problem.retryable ?? [429, 502, 503, 504].includes(status))) {
          if (decided) throw new Refused(status, problem, certain);
          break;
        }
        wait = seconds(response.headers.get('Retry-After'));
      } catch (fault) {
        if (fault instanceof Refused) throw fault;
        reason = fault.cause ?? fault;
        certain &&= notSent.includes(fault.cause?.code);
      }
      wait += Math.random() * Math.min(this.pauseMax, this.pause * 2 ** number);
      if (number + 1 === this.tries || performance.now() + wait * 1000 > end) break;
      await sleep(wait * 1000);
    }
    throw certain ? new NotDone(reason) : new OutcomeUnknown(reason);
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Seconds, or a date (RFC 9110, 10.2.3). */
function seconds(retryAfter) {
  if (!retryAfter) return 0;
  return /^\d+$/.test(retryAfter) ? Number(retryAfter) : Math.max(0, (Date.parse(retryAfter) - Date.now()) / 1000 || 0);
}

/** Numbers below 2^64 and UUIDs are user ids; any other key of a shop becomes a UUID of version 5. */
export function userId(key) {
  if (/^(\d{1,20}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/i.test(key)) return key;
  const urls = Buffer.from('6ba7b8119dad11d180b400c04fd430c8', 'hex'); // RFC 9562: the namespace of URLs
  const hash = createHash('sha1').update(urls).update(`https://shop.example/users/${key}`).digest();
  hash[6] = (hash[6] & 0x0f) | 0x50;
  hash[8] = (hash[8] & 0x3f) | 0x80;
  return hash.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [base, sale, user, quantity, key, tries = 8, patience = 20] = process.argv.slice(2);
  const shop = new Timesale(base, { tries: Number(tries), patience: Number(patience) });
  try {
    console.log(JSON.stringify(await shop.order(sale, userId(user), Number(quantity), key)));
  } catch (outcome) {
    console.error(`${outcome.constructor.name}: ${outcome.message}`);
    process.exitCode = { Refused: 1, NotDone: 2, OutcomeUnknown: 3 }[outcome.constructor.name] ?? 70;
  }
}
