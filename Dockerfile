# The service with one sealed bundle. `make image` builds it and passes every argument.

# The record of the official images gives this digest to python:3.13.15-slim-bookworm, for amd64 and arm64 alike:
# github.com/docker-library/repo-info, repos/python/remote/3.13.15-slim-bookworm.md, commit 422f3cfe488d.
# A newer one: docker buildx imagetools inspect python:3.13-slim-bookworm. Any Debian with Python 3.11 to 3.13 will do.
ARG BASE=python:3.13.15-slim-bookworm@sha256:ed86c82274b3c69b52fb5820f358f0bd7df0b603332063cb5c6e32bd220c3e6e

FROM ${BASE} AS base

FROM base AS uv
# A machine behind a proxy or a mirror of its own passes its settings as secrets (ca, pip_conf, uv_toml): they are there
# while something is fetched and in no layer.
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYC_INVALIDATION_MODE=UNCHECKED_HASH \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never
# The version that the Makefile fetches too; the hashes are those of the wheels for x86-64 and for ARM.
RUN echo "uv==0.13.9" \
    "--hash=sha256:d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19" \
    "--hash=sha256:ecb6028d79dc96fbeafffe5c8af62a7099487ebc05a701e76714eebcffd06375" > /uv.txt
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    python3 -m venv /uv && /uv/bin/pip install --quiet --require-hashes --only-binary :all: -r /uv.txt
ENV PATH=/uv/bin:$PATH

# A stage of its own: another version of a development tool in the lock does not install the service again.
FROM uv AS lock
WORKDIR /build
COPY pyproject.toml uv.lock ./
# ONNX Runtime names these two for its conversion tools; running a model imports neither.
RUN uv export --quiet --frozen --only-group service --no-emit-project --no-header --no-annotate \
    --no-emit-package flatbuffers --no-emit-package protobuf --output-file /service.txt

FROM uv AS dependencies
COPY --from=lock /service.txt /service.txt
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=secret,id=uv_toml,target=/etc/uv/uv.toml \
    uv venv --quiet --python python3 /app/.venv && \
    uv pip install --python /app/.venv --no-deps --require-hashes --only-binary :all: -r /service.txt && \
    rm /app/.venv/.lock

FROM dependencies AS code
WORKDIR /build
COPY pyproject.toml ./
COPY src src
# The package names a readme; its text is nothing that a service needs.
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=secret,id=uv_toml,target=/etc/uv/uv.toml \
    touch README.md && \
    uv pip install --python /app/.venv --no-deps --target /app/code . && \
    rm /app/code/.lock

FROM base AS service
ENV PATH=/app/code/bin:/app/.venv/bin:$PATH \
    PYTHONPATH=/app/code
COPY --from=dependencies /app/.venv /app/.venv
COPY --from=code /app/code /app/code
# Fails the build if the image holds a module that it cannot import. It also leaves bytecode of what is used of the
# standard library, which official images come without: every start would compile it again.
RUN python -c "import importlib, pkgutil, flask, granian.server, onnxruntime, prometheus_client, slipway; \
    [importlib.import_module(found.name) for found in pkgutil.walk_packages(slipway.__path__, 'slipway.')]" && \
    install --directory --mode 1777 /var/log/slipway
# Nothing is written but the log; the mode of that folder lets --user name anyone.
ENV DO_NOT_TRACK=1 \
    ORT_DISABLE_TELEMETRY=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SLIPWAY_BUNDLE=/bundle \
    SLIPWAY_HOST=0.0.0.0 \
    SLIPWAY_LOG=/var/log/slipway \
    SLIPWAY_PORT=8080
VOLUME /var/log/slipway
EXPOSE 8080
USER 10001:0
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["slipway", "health"]
# The kernel drops a SIGTERM that the first process of a container has no handler for yet, so a stop during the first
# 0.3 s would wait for the kill. Blocked, it stays pending until the service has its handlers. env is no second process.
ENTRYPOINT ["env", "--block-signal=TERM", "slipway"]
CMD ["serve"]

# The bundle is verified here, as the service verifies it at every start.
FROM service AS bundle
ARG BUNDLE_DIGEST
ARG SEALED=bundle
# hadolint ignore=DL3002 # only to set the modes; this stage is not the image
USER 0
COPY ${SEALED} /bundle
RUN chmod -R a=rX /bundle && slipway verify --bundle /bundle --json > /verified.json && \
    if ! grep --quiet "\"digest\":\"$BUNDLE_DIGEST\"" /verified.json; then \
        echo "The label would be wrong. Expected --build-arg BUNDLE_DIGEST=... (as make image passes it) to be that of:"; \
        cat /verified.json; exit 1; \
    fi

FROM service
# The last layer and the only one that another model changes.
COPY --from=bundle /bundle /bundle
ARG BUNDLE_DIGEST
ARG REVISION
ARG SOURCE
ARG TITLE=slipway
LABEL org.opencontainers.image.title="$TITLE" \
    org.opencontainers.image.source="$SOURCE" \
    org.opencontainers.image.revision="$REVISION" \
    slipway.bundle.digest="$BUNDLE_DIGEST"
