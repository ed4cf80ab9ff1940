// Coupons of one policy: issued, listed, used.
//   MODE=users     100 virtual users
//   MODE=arrival   500 of these a second

import { arrival, counts, mode, options as make, p95, users } from './lib/modes.js';
import { coupon, plenty, prepare, settle as teardown } from './lib/flows.js';
import { warmUp } from './lib/shop.js';
import { handleSummary } from './lib/summary.js';

const scenario = { users: () => users('coupon', 100), arrival: () => arrival('coupon', 500, 100) }[mode]();

export const options = make({ [mode]: scenario }, { ...counts('issue', 'use-coupon'), ...p95(40) });
export const setup = () => prepare({ quantity: plenty });
export { coupon, handleSummary, teardown, warmUp };
