// The end of a run: what was answered against what the server holds, and the results as a file.

import { warmUpSeconds } from './modes.js';

const count = (data, name) => data.metrics[name]?.values.count ?? 0;
const final = (data, name) => data.metrics[`final_${name}`]?.values.value;

/** Each comparison as {what, wanted, got, ok}. What was of unknown outcome may have been done. */
function verdict(data) {
  const unknown = count(data, 'unknown');
  const rows = [];
  const compare = (what, operation, got) => {
    const answered = count(data, `accepted{what:${operation}}`);
    const wanted = unknown > 0 ? `${answered} to ${answered + unknown}` : `${answered}`;
    rows.push({ what, wanted, got, ok: got >= answered && got <= answered + unknown });
  };
  const [stock, sold, available] = ['stock', 'sold', 'available'].map((name) => final(data, name));
  if (stock !== undefined) {
    compare('units sold == orders accepted', 'order', sold);
    rows.push({ what: 'nothing oversold', wanted: `at most ${stock}`, got: sold, ok: sold <= stock });
    rows.push({ what: 'sold + available == stock', wanted: stock, got: sold + available, ok: sold + available === stock });
  }
  const [quantity, issued, used] = ['quantity', 'issued', 'used'].map((name) => final(data, name));
  if (quantity !== undefined) {
    compare('coupons issued == accepted', 'issue', issued);
    compare('coupons used == accepted', 'use-coupon', used);
    rows.push({ what: 'no coupon too many', wanted: `at most ${quantity}`, got: issued, ok: issued <= quantity });
  }
  return rows;
}

function thresholds(data) {
  return Object.entries(data.metrics).flatMap(([metric, { values, thresholds = {} }]) =>
    // Those that are there only so that the summary shows the metric say nothing.
    Object.entries(thresholds).filter(([rule]) => !rule.endsWith('>=0')).map(([rule, { ok }]) => {
      const name = rule.match(/^[a-z]+(\(\d+\))?/)[0];
      return { what: `${metric}: ${rule}`, got: values[name], ok };
    }));
}

const shown = (value) => (typeof value === 'number' && !Number.isInteger(value) ? value.toFixed(3) : `${value}`);

/** `handleSummary` of all scripts: a table on stdout; everything as JSON in the file SUMMARY, if it is set. */
export function handleSummary(data) {
  const seconds = data.state.testRunDurationMs / 1000 - warmUpSeconds;
  const duration = data.metrics['http_req_duration{kind:load}']?.values ?? {};
  const checked = verdict(data);
  const judged = thresholds(data);
  const lines = [
    `  ${shown(count(data, 'accepted') / seconds)} accepted/s, ${count(data, 'accepted')} in all; ` +
      `${count(data, 'refused')} refused, ${count(data, 'unknown')} unknown; ` +
      `p95 ${shown(duration['p(95)'])} ms, p99 ${shown(duration['p(99)'])} ms`,
  ];
  for (const { what, got, ok } of judged) lines.push(`  ${ok ? 'ok  ' : 'MISS'} ${what} (${shown(got)})`);
  for (const { what, wanted, got, ok } of checked) {
    lines.push(`  ${ok ? 'ok  ' : 'FAIL'} ${what}: ${shown(got)}${ok ? '' : `, wanted ${wanted}`}`);
  }
  const out = { stdout: `${lines.join('\n')}\n` };
  if (__ENV.SUMMARY) {
    const result = { thresholds: judged, checks: checked, metrics: data.metrics, seconds };
    out[__ENV.SUMMARY] = JSON.stringify(result, null, 2);
  }
  return out;
}
