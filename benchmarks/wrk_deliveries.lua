-- Sends signed deliveries with wrk: bodies and signatures from a file, a fresh GUID for each request.
-- Arguments: the file (a signature and a path of a body a line), and a prefix that no other run uses.
local bodies, signatures, thread_count = {}, {}, 0

function setup(thread)
  thread_count = thread_count + 1
  thread:set("thread_number", thread_count)
end

function init(arguments)
  for line in io.lines(arguments[1]) do
    local signature, path = line:match("^(%S+) (.+)$")
    local file = assert(io.open(path, "rb"))
    table.insert(signatures, signature)
    table.insert(bodies, file:read("*a"))
    file:close()
  end
  prefix = arguments[2] .. "-" .. thread_number .. "-"
  sent = 0
end

function request()
  sent = sent + 1
  local number = sent % #bodies + 1
  return wrk.format("POST", "/webhooks", {
    ["Content-Type"] = "application/json",
    ["User-Agent"] = "GitHub-Hookshot/benchmark",
    ["X-GitHub-Event"] = "pull_request",
    ["X-GitHub-Delivery"] = prefix .. string.format("%08d", sent),
    ["X-Hub-Signature-256"] = signatures[number],
  }, bodies[number])
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    "RESULT %d %d %d %d %d\n", summary.requests, summary.duration, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(95)
  ))
end
