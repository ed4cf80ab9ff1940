// Requests to the sidecar, and what is counted of them.

import exec from 'k6/execution';
import http from 'k6/http';
import { sleep } from 'k6';
import { Counter, Rate } from 'k6/metrics';

export const base = (__ENV.BASE_URL || 'http://127.0.0.1:8080').replace(/\/$/, '');

// Of finished operations: done; refused with a reason that a promotion gives; of unknown outcome.
export const accepted = new Counter('accepted');
export const refused = new Counter('refused');
export const unknown = new Counter('unknown');
// Everything else that came, as a share.
export const errors = new Rate('errors');
// Answers that contradict earlier ones, such as a balance that is not what was earned.
export const wrong = new Counter('wrong');

// In a run that outlives its engine, each operation is sent again until it is decided.
const retries = Number(__ENV.RETRIES || (__ENV.MODE === 'restart' ? 60 : 0));
const headers = { 'Content-Type': 'application/json' };
if (__ENV.TOKEN) headers.Authorization = `Bearer ${__ENV.TOKEN}`;

// A refusal is an answer: only other statuses count as failed requests.
http.setResponseCallback(http.expectedStatuses(200, 201, 409));

/** One key for one operation of one iteration. (`exec` would say the same, and costs more than the request's text.) */
function newKey(what, run) {
  return `${run}-${__VU}-${__ITER}-${what}`;
}

// k6 shares the machine with what it measures, so what every request has in common is made once.
const made = {};
const params = (what) => {
  made[what] ||= { headers: { ...headers }, tags: { name: what, kind: 'load' }, timeout: '10s', counted: { what } };
  return made[what];
};

/**
 * One operation under load. `what` names it in the results; `may` has the codes of refusals that are part of the game.
 * Retries have the same key. Gives the response if it was accepted, else null.
 */
export function post(run, what, path, body, may = []) {
  const request = params(what);
  request.headers['Idempotency-Key'] = newKey(what, run);
  const text = JSON.stringify(body);
  return finish(request.counted, may, () => http.post(base + path, text, request));
}

export function get(what, path) {
  const request = params(what);
  return finish(request.counted, [], () => http.get(base + path, request));
}

function finish(counted, may, send) {
  let response = send();
  let maybe = isUnknown(response);
  for (let number = 0; number < retries && mayPass(response); number++) {
    sleep(Number(response.headers['Retry-After'] || 0) + Math.random() * Math.min(1, 0.05 * 2 ** number));
    response = send();
    maybe = maybe || isUnknown(response);
  }
  const { status } = response;
  if (status === 200 || status === 201) {
    accepted.add(1, counted);
    errors.add(false);
    return response;
  }
  const code = status >= 400 && response.body ? problemCode(response) : '';
  if (status === 409 && may.includes(code)) {
    refused.add(1, counted);
    errors.add(false);
    return null;
  }
  // Not to be counted as not done: the end of the run compares counts.
  if (maybe) unknown.add(1, counted);
  errors.add(true);
  return null;
}

function isUnknown(response) {
  return response.status === 0 || response.status === 502 || response.status === 504;
}

function mayPass(response) {
  return isUnknown(response) || response.status === 503 || response.status === 429;
}

function problemCode(response) {
  try {
    return response.json('code') || '';
  } catch (fault) {
    return '';
  }
}

/** Opens the connection of this virtual user. */
export function warmUp() {
  http.get(`${base}/readyz`, { tags: { name: 'warm-up', kind: 'warm-up' }, timeout: '10s' });
}

/** A request of `setup` or `teardown`: it has to succeed, and is not measured. */
export function admin(method, path, body) {
  const params = { headers, tags: { name: 'admin', kind: 'admin' }, timeout: '30s' };
  const response = http.request(method, base + path, body ? JSON.stringify(body) : null, params);
  if (response.status !== 200 && response.status !== 201) {
    exec.test.abort(`${method} ${path}: ${response.status} ${response.body || response.error}`);
  }
  return response.json();
}
