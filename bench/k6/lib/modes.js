// How the load comes: so many virtual users that wait for each answer, or so many iterations a second, however long
// answers take. The environment can change each number.

const number = (name, standard) => Number(__ENV[name] || standard);
const duration = __ENV.DURATION || '20s';

export const mode = __ENV.MODE || 'users';

/** How long the start of an open loop is put off, in seconds; 0 for the other modes. */
export const warmUpSeconds = mode === 'arrival' ? 5 : 0;

/** `vus` users at once, without a pause. */
export function users(exec, vus) {
  return { executor: 'constant-vus', exec, vus: number('VUS', vus), duration, gracefulStop: '30s' };
}

/** `vus` users who share so many iterations. */
export function shared(exec, vus, iterations) {
  return {
    executor: 'shared-iterations', exec, vus: number('VUS', vus), iterations: number('ITERATIONS', iterations),
    maxDuration: '5m',
  };
}

/** An open loop: `rate` iterations a second, from the end of the warm-up on. */
export function arrival(exec, rate, vusMax = 1000) {
  return {
    executor: 'constant-arrival-rate', exec, rate: number('RATE', rate), timeUnit: '1s', duration,
    startTime: `${warmUpSeconds}s`, preAllocatedVUs: number('VUS', vusMax), gracefulStop: '30s',
  };
}

// Before an open loop, each virtual user opens its connection: k6 would else open a thousand in the first tenths of a
// second, and skip the iterations that were due meanwhile. (Scenarios one after the other share virtual users, and a
// virtual user keeps its connection.)
const warmUp = (vus) => ({
  executor: 'per-vu-iterations', exec: 'warmUp', vus, iterations: 1, maxDuration: `${warmUpSeconds - 1}s`, gracefulStop: '0s',
});

/** What holds for all: thresholds of the scenario itself come on top. */
export function options(scenarios, thresholds) {
  const open = Object.values(scenarios).filter((scenario) => scenario.executor === 'constant-arrival-rate');
  const isOpen = open.length > 0;
  const vus = open.reduce((sum, scenario) => sum + scenario.preAllocatedVUs, 0);
  return {
    scenarios: isOpen ? { warm_up: warmUp(vus), ...scenarios } : scenarios,
    thresholds: {
      errors: ['rate<0.001'],
      wrong: ['count==0'],
      // Always true: the summary shows what has a threshold.
      'http_req_duration{kind:load}': ['p(95)>=0'],
      ...(isOpen ? { dropped_iterations: ['count==0'] } : {}),
      ...thresholds,
    },
    // Of the tags only those that something here asks for: each value of each costs k6 a series.
    systemTags: ['scenario'],
    summaryTrendStats: ['avg', 'med', 'p(90)', 'p(95)', 'p(99)', 'max'],
    setupTimeout: '60s',
    teardownTimeout: '60s',
  };
}

/** Quantiles of the requests under load, without those of setup and teardown. */
export const p95 = (ms) => ({ 'http_req_duration{kind:load}': [`p(95)<${ms}`] });

/** A threshold of each operation, which also makes the summary show it by itself. */
export const counts = (...operations) =>
  Object.fromEntries(operations.map((what) => [`accepted{what:${what}}`, ['count>=0']]));
