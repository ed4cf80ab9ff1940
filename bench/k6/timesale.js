// Orders of one sale.
//   MODE=rush      1,000 virtual users ask for three times the 10,000 units: all are sold, none twice
//   MODE=users     1,000 virtual users, stock above any demand: how many orders a second
//   MODE=arrival   3,600 orders a second, stock above any demand: how long an order takes
//   MODE=restart   200 virtual users who retry with the same key, while somebody kills and starts the engine

import { arrival, counts, mode, options as make, p95, shared, users } from './lib/modes.js';
import { plenty, prepare, settle as teardown, timesale } from './lib/flows.js';
import { warmUp } from './lib/shop.js';
import { handleSummary } from './lib/summary.js';

const stock = Number(__ENV.STOCK || 10000);

const modes = {
  rush: () => make({ rush: shared('timesale', 1000, 3 * stock) },
    { ...counts(), 'accepted{what:order}': [`count==${stock}`], final_available: ['value==0'] }),
  users: () => make({ users: users('timesale', 1000) }, { ...counts(), 'accepted{what:order}': ['rate>=6000'], ...p95(1000) }),
  arrival: () => make({ arrival: arrival('timesale', 3600) }, { ...counts('order'), ...p95(85) }),
  restart: () => make({ restart: users('timesale', 200) }, { ...counts('order'), unknown: ['count==0'] }),
};

export const options = modes[mode]();
export const setup = () => prepare({ stock: mode === 'rush' ? stock : plenty });
export { handleSummary, teardown, timesale, warmUp };
