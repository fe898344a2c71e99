"""The service: one sealed bundle over HTTP. It needs nothing but `slipway[serve]`.

A row's way: `server.service` starts `server.supervisor`, which starts each `server.worker`; `app.application` guards
the routes and hands a request to `api.predict` (or to one of `protocols`); `api.rows` reads the row by the contract,
`api.predictor` scores it, `log.writer` logs it, then the response leaves. `metrics` counts; `site` has the page,
OpenAPI, metrics and version. Where there is a second bundle, `shadow.loop` scores the logged rows again, in a process
of its own.
"""
