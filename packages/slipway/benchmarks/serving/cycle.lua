-- wrk: cycle through the bodies of a file, one a line; the summary as one line of JSON.
local requests, next_request = {}, 0

function init(arguments)
  for body in io.lines(arguments[1]) do
    requests[#requests + 1] = wrk.format("POST", nil, nil, body)
  end
end

function request()
  next_request = next_request % #requests + 1
  return requests[next_request]
end

function done(summary)
  local failed = summary.errors
  io.write(string.format('{"requests":%d,"microseconds":%d,"refused":%d,"broken":%d}\n', summary.requests,
    summary.duration, failed.status, failed.connect + failed.read + failed.write + failed.timeout))
end
