// All four at the same time, on one sale and one policy.
//   MODE=users     25 virtual users each
//   MODE=arrival   500 orders, 100 of coupon and point each, 50 whole purchases a second

import { arrival, counts, mode, options as make, p95, users } from './lib/modes.js';
import { coupon, full, point, plenty, prepare, settle as teardown, timesale } from './lib/flows.js';
import { warmUp } from './lib/shop.js';
import { handleSummary } from './lib/summary.js';

const rates = { timesale: 500, coupon: 100, point: 100, full: 50 };
const scenarios = Object.fromEntries(Object.entries(rates).map(([name, rate]) =>
  [name, mode === 'arrival' ? arrival(name, rate, 50) : users(name, 25)]));

export const options = make(scenarios,
  { ...counts('order', 'issue', 'use-coupon', 'earn', 'use-points', 'confirm'), ...p95(40) });
export const setup = () => prepare({ stock: plenty, quantity: plenty, holdSeconds: 900 });
export { coupon, full, handleSummary, point, teardown, timesale, warmUp };
