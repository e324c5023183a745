-- Asks for every operation in turn, in a scattered order; prints what was counted as one line of JSON.
-- Arguments: the number of operations (0: one path), and the milliseconds to wait before each request.

local requests, at, pause = {}, 0, 0
local STRIDE = 7919 -- prime: shares no factor with the counts in use, so every operation is met

function init(args)
  local count = tonumber(args[1])
  pause = tonumber(args[2])
  for i = 0, math.max(count, 1) - 1 do
    local path = string.format("/c%d/r%d/%d", math.floor(i / 100), i % 100, 1000000 + i)
    requests[i] = wrk.format("GET", path)
  end
  requests.count = math.max(count, 1)
  if pause > 0 then
    delay = function() return pause end
  end
end

function request()
  at = (at + STRIDE) % requests.count
  return requests[at]
end

function done(summary, latency, _)
  local e = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %.6f, "p50": %.6f, "p99": %.6f, "errors": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    e.connect + e.read + e.write + e.status + e.timeout))
end
