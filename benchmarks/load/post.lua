-- One request, over and over: what it is comes from the environment, what became of it is printed as JSON.
--   BENCH_METHOD, BENCH_BODY (a file), BENCH_HEADERS (a file, one "name: value" a line)
--   BENCH_UNIQUE: when set, each request has an id of its own, as requests of one session must
-- Without that there is no request() function: wrk writes the same bytes each time, which costs it nothing.

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read("*a")
  file:close()
  return text
end

wrk.method = os.getenv("BENCH_METHOD") or "POST"
wrk.body = read(os.getenv("BENCH_BODY"))
for line in io.lines(os.getenv("BENCH_HEADERS")) do
  local name, value = line:match("^([^:]+): (.*)$")
  wrk.headers[name] = value
end

if os.getenv("BENCH_UNIQUE") then
  local before, after = wrk.body:match('^(.-"id": )%d+(.*)$')
  local id = 1000000
  function request()
    id = id + 1
    return wrk.format(nil, nil, nil, before .. id .. after)
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    'bench {"requests": %d, "microseconds": %d, "bytes": %d, "status": %d, "broken": %d, "timeouts": %d, '
      .. '"p50": %d, "p90": %d, "p99": %d}\n',
    summary.requests, summary.duration, summary.bytes, errors.status,
    errors.connect + errors.read + errors.write, errors.timeout,
    latency:percentile(50), latency:percentile(90), latency:percentile(99)))
end
