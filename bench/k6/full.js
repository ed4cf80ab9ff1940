// A whole purchase: points earned, a coupon, an order held, both spent on it, confirmed. Six requests.
//   MODE=users     100 virtual users
//   MODE=arrival   250 purchases a second

import { arrival, counts, mode, options as make, p95, users } from './lib/modes.js';
import { full, plenty, prepare, settle as teardown } from './lib/flows.js';
import { warmUp } from './lib/shop.js';
import { handleSummary } from './lib/summary.js';

const scenario = { users: () => users('full', 100), arrival: () => arrival('full', 250, 100) }[mode]();

export const options = make({ [mode]: scenario },
  { ...counts('order', 'issue', 'use-coupon', 'earn', 'use-points', 'confirm'), ...p95(40) });
export const setup = () => prepare({ stock: plenty, quantity: plenty, holdSeconds: 900 });
export { full, handleSummary, teardown, warmUp };
