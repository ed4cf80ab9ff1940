// How the load comes: so many virtual users that wait for each answer, or so many iterations a second, however long
// answers take. The environment can change each number.

const number = (name, standard) => Number(__ENV[name] || standard);
const duration = __ENV.DURATION || '20s';

export const mode = __ENV.MODE || 'users';

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

/** An open loop: `rate` iterations a second. */
export function arrival(exec, rate, vusMax = 1000) {
  return {
    executor: 'constant-arrival-rate', exec, rate: number('RATE', rate), timeUnit: '1s', duration,
    preAllocatedVUs: number('VUS', vusMax), gracefulStop: '30s',
  };
}

/** What holds for all: thresholds of the scenario itself come on top. */
export function options(scenarios, thresholds) {
  const isOpen = Object.values(scenarios).some((scenario) => scenario.executor === 'constant-arrival-rate');
  return {
    scenarios,
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
