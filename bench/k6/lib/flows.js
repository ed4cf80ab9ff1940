// What one iteration of each scenario does, and what has to exist before it.

import { Gauge } from 'k6/metrics';
import { accepted, admin, errors, get, post, unknown, wrong } from './shop.js';

// More than any run can ask for.
export const plenty = 100000000;

// What the server says at the end, for `verdict`.
const finals = {
  stock: new Gauge('final_stock'),
  sold: new Gauge('final_sold'),
  available: new Gauge('final_available'),
  quantity: new Gauge('final_quantity'),
  issued: new Gauge('final_issued'),
  used: new Gauge('final_used'),
};

/** What this run needs: a sale (if `stock` is given), a policy (if `quantity` is), and users that no other run has. */
export function prepare({ stock, quantity, holdSeconds = 0 }) {
  const data = { run: `k6-${Date.now()}`, users: (Math.floor(Date.now() / 1000) % 100000) * 10000000000 };
  if (stock) data.sale = admin('POST', '/v1/timesales', { name: 'k6', stock, holdSeconds, unitPrice: 4900 }).id;
  if (quantity) {
    data.policy = admin('POST', '/v1/coupon-policies', {
      name: 'k6', quantity, perUserLimit: 1, discountType: 'percent', discountValue: 10,
    }).id;
  }
  // So that thresholds have something to look at where nothing of it happens.
  for (const metric of [accepted, unknown, wrong]) metric.add(0);
  errors.add(false);
  return data;
}

/** Asks for the counts when all iterations are over. */
export function settle({ sale, policy }) {
  if (sale) {
    const { stock, sold, held, available } = admin('GET', `/v1/timesales/${sale}`);
    finals.stock.add(stock);
    finals.sold.add(sold + held);
    finals.available.add(available);
  }
  if (policy) {
    const { quantity, issued, used } = admin('GET', `/v1/coupon-policies/${policy}`);
    finals.quantity.add(quantity);
    finals.issued.add(issued);
    finals.used.add(used);
  }
}

/** A user that has never been there, one for each iteration. */
function newUser(data, group) {
  return `${data.users + group * 1000000000 + __VU * 100000 + __ITER}`;
}

/** A user of this virtual user alone. */
function ownUser(data, group) {
  return `${data.users + group * 1000000000 + __VU}`;
}

export function timesale(data) {
  const path = `/v1/timesales/${data.sale}/orders`;
  post(data.run, 'order', path, { userId: newUser(data, 1), quantity: 1 }, ['SOLD_OUT']);
}

export function coupon(data) {
  const userId = newUser(data, 2);
  const issued = post(data.run, 'issue', `/v1/coupon-policies/${data.policy}/coupons`, { userId }, ['EXHAUSTED']);
  const listed = get('coupons', `/v1/users/${userId}/coupons`);
  if (!issued || !listed) return;
  const [coupon, list] = [issued.json(), listed.json()];
  if (list.items.length !== 1 || list.items[0].couponId !== coupon.couponId) wrong.add(1);
  post(data.run, 'use-coupon', `/v1/coupons/${coupon.couponId}/use`, { userId, purchaseAmount: 9800 });
}

// The balance of this virtual user's own user; null while an outcome is unknown.
let balance = 0;

export function point(data) {
  const path = `/v1/users/${ownUser(data, 3)}/points`;
  move(post(data.run, 'earn', `${path}/earn`, { amount: 500, reason: 'k6' }), 500);
  const read = get('balance', path)?.json();
  if (balance === null && read) balance = read.balance;
  else if (read && read.balance !== balance) wrong.add(1);
  move(post(data.run, 'use-points', `${path}/use`, { amount: 200, reason: 'k6' }), -200);
}

function move(response, amount) {
  const answer = response?.json();
  if (!answer || balance === null) {
    balance = answer ? answer.balance : null;
    return;
  }
  balance += amount;
  if (answer.balance !== balance) wrong.add(1);
}

/** Points, a coupon, an order held, both spent on it, paid. */
export function full(data) {
  const userId = newUser(data, 4);
  const earned = post(data.run, 'earn', `/v1/users/${userId}/points/earn`, { amount: 500, reason: 'k6' });
  const coupon = post(
    data.run, 'issue', `/v1/coupon-policies/${data.policy}/coupons`, { userId }, ['EXHAUSTED'])?.json();
  const order = post(
    data.run, 'order', `/v1/timesales/${data.sale}/orders`, { userId, quantity: 1 }, ['SOLD_OUT'])?.json();
  if (!order) return;
  if (order.userId !== userId) wrong.add(1);
  if (coupon) {
    post(data.run, 'use-coupon', `/v1/coupons/${coupon.couponId}/use`,
      { userId, orderId: order.orderId, purchaseAmount: 4900 });
  }
  if (earned) {
    const spent = post(
      data.run, 'use-points', `/v1/users/${userId}/points/use`, { amount: 500, reason: 'k6' })?.json();
    if (spent && spent.balance !== 0) wrong.add(1);
  }
  const paid = post(data.run, 'confirm', `/v1/orders/${order.orderId}/confirm`, {})?.json();
  if (paid && paid.state !== 'confirmed') wrong.add(1);
}
