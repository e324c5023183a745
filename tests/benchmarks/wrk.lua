-- Asks for TARGETS different paths, of all operations alike and in a scattered order; prints what was counted as one line of JSON.
-- Arguments: the number of operations, the milliseconds to wait before each request, 1 for fields of its own in each.

local TARGETS = 10000
local STRIDE = 7919 -- shares no factor with TARGETS, so every path is met
local requests, at = {}, 0

function init(args)
  local operations, pause, fresh = math.max(tonumber(args[1]), 1), tonumber(args[2]), args[3] == "1"
  for i = 0, TARGETS - 1 do
    local operation = i % operations
    local path = string.format("/c%d/r%d/%d", math.floor(operation / 100), operation % 100, 1000000 + i)
    if fresh then
      wrk.headers["X-Correlation-Id"] = string.format("bench-%08d", i)
      wrk.headers["traceparent"] = string.format("00-%032x-%016x-01", i + 1, i + 1)
    end
    requests[i] = wrk.format("GET", path)
  end
  if pause > 0 then
    -- Pauses of chance, as between people who know nothing of each other: with one length, all connections would ask at
    -- the same moment, again and again. wrk waits for whole milliseconds; chance decides which of the nearest two.
    delay = function() return math.floor(-pause * math.log(1 - math.random()) + math.random()) end
  end
end

function request()
  at = (at + STRIDE) % TARGETS
  return requests[at]
end

function done(summary, latency, _)
  local e = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %.6f, "p50": %.6f, "p99": %.6f, "errors": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    e.connect + e.read + e.write + e.status + e.timeout))
end
