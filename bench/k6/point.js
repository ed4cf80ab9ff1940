// Points: earned, read, spent; each virtual user has a user of its own and knows what the balance has to be.
//   MODE=users     100 virtual users
//   MODE=arrival   500 of these a second

import { arrival, counts, mode, options as make, p95, users } from './lib/modes.js';
import { point, prepare, settle as teardown } from './lib/flows.js';
import { warmUp } from './lib/shop.js';
import { handleSummary } from './lib/summary.js';

const scenario = { users: () => users('point', 100), arrival: () => arrival('point', 500, 100) }[mode]();

export const options = make({ [mode]: scenario }, { ...counts('earn', 'use-points'), ...p95(40) });
export const setup = () => prepare({});
export { handleSummary, point, teardown, warmUp };
