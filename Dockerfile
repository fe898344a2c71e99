# Three images from one lock: `service` (answers requests with the model of one sealed bundle), `mlflow` (the tracking server
# of the stack) and `follow` (reconciles a server with the ledger). `make image`, `make mlflow-image` and `make follow-image`
# build them and pass every argument.

# The record of the official images gives this digest for python:3.13.15-slim-bookworm, on amd64 and arm64:
# github.com/docker-library/repo-info, repos/python/remote/3.13.15-slim-bookworm.md, commit 422f3cfe488d.
# A newer one: docker buildx imagetools inspect python:3.13-slim-bookworm. Any Debian with Python 3.11 to 3.13 will do.
ARG BASE=python:3.13.15-slim-bookworm@sha256:ed86c82274b3c69b52fb5820f358f0bd7df0b603332063cb5c6e32bd220c3e6e
# In the same record: repos/docker/remote/29.6.2-cli.md, commit 0f48b77a71f3.
ARG CLIENT=docker:29.6.2-cli@sha256:be132a9f282288de4afaf63379dff75711fda0147c6b72a9df44e51841402144

FROM ${CLIENT} AS client

FROM ${BASE} AS base

FROM base AS uv
# A machine behind a proxy or a package mirror passes its settings as secrets (ca, pip_conf, uv_toml): they are mounted only
# while packages are fetched and are in no layer.
ENV PIP_CERT=/etc/ssl/certs/ca-certificates.crt \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYC_INVALIDATION_MODE=UNCHECKED_HASH \
    UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_PYTHON_DOWNLOADS=never
# The same version as in the Makefile; the hashes are those of the wheels for x86-64 and for ARM.
RUN echo "uv==0.13.9" \
    "--hash=sha256:d7f459fe4fd247d830351c75686d3996ace3c6f3f728eb0e85a30b7ada0cef19" \
    "--hash=sha256:ecb6028d79dc96fbeafffe5c8af62a7099487ebc05a701e76714eebcffd06375" > /uv.txt
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=secret,id=pip_conf,target=/etc/pip.conf \
    python3 -m venv /uv && /uv/bin/pip install --quiet --require-hashes --only-binary :all: -r /uv.txt
ENV PATH=/uv/bin:$PATH

# Three lists in a stage of their own, so that a new version of a development tool in the lock reinstalls nothing.
FROM uv AS lock
WORKDIR /build
COPY pyproject.toml uv.lock ./
COPY packages/slipway/pyproject.toml packages/slipway/
# ONNX Runtime names flatbuffers and protobuf for its conversion tools; running a model imports neither.
RUN uv export --quiet --frozen --only-group serve --no-emit-workspace --no-header --no-annotate \
    --no-emit-package flatbuffers --no-emit-package protobuf --output-file /service.txt && \
    uv export --quiet --frozen --only-group deliver --no-emit-workspace --no-header --no-annotate \
    --output-file /follow.txt && \
    uv export --quiet --frozen --only-group tracking-server --no-emit-workspace --no-header --no-annotate \
    --output-file /mlflow.txt

# The machinery, outside any environment: one copy for the two images that run it.
FROM uv AS machinery
WORKDIR /build
COPY packages/slipway .
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=secret,id=uv_toml,target=/etc/uv/uv.toml \
    uv venv --quiet --python python3 /app/.venv && \
    uv pip install --python /app/.venv --no-deps --target /app/code . && \
    rm /app/code/.lock

FROM uv AS mlflow-packages
COPY --from=lock /mlflow.txt /mlflow.txt
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=secret,id=uv_toml,target=/etc/uv/uv.toml \
    uv venv --quiet --python python3 /app/.venv && \
    uv pip install --python /app/.venv --no-deps --require-hashes --only-binary :all: -r /mlflow.txt

FROM base AS mlflow
COPY --from=mlflow-packages /app/.venv /app/.venv
COPY packages/slipway/src/slipway/stack/mlflow_server.py /app/
RUN install --directory --owner 10001 --group 0 --mode 770 /var/lib/mlflow
# No telemetry, no unpickling of models, no jobs, nothing written outside /var/lib/mlflow.
ENV PATH=/app/.venv/bin:$PATH \
    DO_NOT_TRACK=1 \
    GIT_PYTHON_REFRESH=quiet \
    HOME=/tmp \
    MLFLOW_ALLOW_PICKLE_DESERIALIZATION=false \
    MLFLOW_DISABLE_TELEMETRY=true \
    MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONWARNINGS=ignore
WORKDIR /var/lib/mlflow
VOLUME /var/lib/mlflow
EXPOSE 5000
USER 10001:0
HEALTHCHECK --interval=5s --timeout=5s --start-period=120s CMD ["python", "/app/mlflow_server.py", "health"]
ENTRYPOINT ["python", "/app/mlflow_server.py"]

FROM uv AS follow-packages
COPY --from=lock /follow.txt /follow.txt
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=secret,id=uv_toml,target=/etc/uv/uv.toml \
    uv venv --quiet --python python3 /app/.venv && \
    uv pip install --python /app/.venv --no-deps --require-hashes --only-binary :all: -r /follow.txt

FROM base AS follow
# Git verifies the signatures of the ledger with ssh-keygen, of openssh-client.
# hadolint ignore=DL3008 # the newest security updates of the base's Debian
RUN apt-get update -qq && \
    DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends \
    ca-certificates git openssh-client >/dev/null && \
    rm -rf /var/lib/apt/lists/*
COPY --from=client /usr/local/bin/docker /usr/local/bin/docker
COPY --from=client /usr/local/libexec/docker/cli-plugins/docker-compose /usr/local/libexec/docker/cli-plugins/
COPY --from=follow-packages /app/.venv /app/.venv
COPY --from=machinery /app/code /app/code
COPY packages/slipway/follow/askpass /app/askpass
ENV PATH=/app/code/bin:/app/.venv/bin:$PATH \
    PYTHONPATH=/app/code \
    GIT_ASKPASS=/app/askpass \
    GIT_TERMINAL_PROMPT=0 \
    HOME=/tmp \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /repository
ENTRYPOINT ["slipway"]

FROM uv AS service-packages
COPY --from=lock /service.txt /service.txt
RUN --mount=type=cache,target=/root/.cache/uv \
    --mount=type=secret,id=ca,target=/etc/ssl/certs/ca-certificates.crt \
    --mount=type=secret,id=uv_toml,target=/etc/uv/uv.toml \
    uv venv --quiet --python python3 /app/.venv && \
    uv pip install --python /app/.venv --no-deps --require-hashes --only-binary :all: -r /service.txt && \
    rm /app/.venv/.lock

FROM base AS runtime
# Nothing here needs another user's rights, or perl, which every Debian has.
RUN find / -xdev -type f -perm /6000 -exec chmod a-s {} + && \
    dpkg --purge --force-remove-essential --force-depends perl-base
ENV PATH=/app/code/bin:/app/.venv/bin:$PATH \
    PYTHONPATH=/app/code
COPY --from=service-packages /app/.venv /app/.venv
COPY --from=machinery /app/code /app/code
# Fail the build if this image cannot import a module of the service. This also writes the bytecode of the standard library,
# which official images lack: without it every start would compile it again.
RUN python -c "import importlib, pkgutil, flask, granian.server, onnxruntime, prometheus_client, slipway.cli, slipway.bundle, slipway.serving; \
    [importlib.import_module(found.name) for package in (slipway.bundle, slipway.serving) \
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + '.')]" && \
    install --directory --mode 1777 /var/log/slipway
# Only the log is written; the mode of its folder allows any --user.
ENV DO_NOT_TRACK=1 \
    ORT_DISABLE_TELEMETRY=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SLIPWAY_BUNDLE=/bundle \
    SLIPWAY_HOST=0.0.0.0 \
    SLIPWAY_LOG=/var/log/slipway
VOLUME /var/log/slipway
EXPOSE 8080
USER 10001:0
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s CMD ["slipway", "health"]
# The kernel drops a SIGTERM while the first process of a container has no handler for it, so a stop during the first
# 0.3 s would wait for the kill. Blocked, it stays pending until the service has its handlers; env execs the service.
ENTRYPOINT ["env", "--block-signal=TERM", "slipway"]
CMD ["serve"]

# Verify the bundle, as the service does at every start.
FROM runtime AS bundle
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

FROM runtime AS service
# The last layer, the only one that differs for another model.
COPY --from=bundle /bundle /bundle
ARG BUNDLE_DIGEST
ARG REVISION
ARG SOURCE
ARG TITLE=slipway
LABEL org.opencontainers.image.title="$TITLE" \
    org.opencontainers.image.source="$SOURCE" \
    org.opencontainers.image.revision="$REVISION" \
    slipway.bundle.digest="$BUNDLE_DIGEST"
