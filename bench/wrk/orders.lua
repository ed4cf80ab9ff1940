-- Orders through wrk: one in each request, or ORDERS of them in a batch, of a million users in turns. Each single
-- one has a key of its own. The environment has SALE, ORDERS and RUN.

local sale = os.getenv("SALE")
local orders = tonumber(os.getenv("ORDERS"))
local run = os.getenv("RUN")
local number = 0

local function user()
  number = number + 1
  return number % 1000000 + 1
end

function request()
  if orders == 1 then
    local body = string.format('{"userId":"%d","quantity":1}', user())
    local headers = { ["Content-Type"] = "application/json", ["Idempotency-Key"] = run .. "-" .. number }
    return wrk.format("POST", "/v1/timesales/" .. sale .. "/orders", headers, body)
  end
  local lines = {}
  for index = 1, orders do
    lines[index] = string.format('{"timeSaleId":"%s","userId":"%d","quantity":1}', sale, user())
  end
  local body = '{"orders":[' .. table.concat(lines, ",") .. "]}"
  return wrk.format("POST", "/v1/orders/batch", { ["Content-Type"] = "application/json" }, body)
end

-- A line of JSON for run.py. Times in microseconds.
function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\nRESULT {"requests": %d, "microseconds": %d, "statuses": %d, "lost": %d, "p50": %d, "p99": %d}\n',
    summary.requests, summary.duration, errors.status, errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50), latency:percentile(99)))
end
