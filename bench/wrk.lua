-- Questions of a file, one after the other: a path and a tag on each line. Tells what happened as one JSON object.
local questions, at = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    local path, tag = line:match("^(%S+)\t(.*)$")
    local headers = { ["Host"] = "localhost" }
    if tag ~= "" then headers["If-None-Match"] = tag end
    questions[#questions + 1] = wrk.format("GET", path, headers)
  end
end

function request()
  at = at % #questions + 1
  return questions[at]
end

function done(summary, latency)
  local errors = summary.errors
  io.stderr:write(string.format(
    '{"requests":%d,"took":%f,"p50":%f,"p99":%f,"errors":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e6, latency:percentile(99) / 1e6,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
