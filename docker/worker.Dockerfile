# syntax=docker/dockerfile:1
# Background jobs: changes to live sessions, sweeps. Run once more with the command "lintas run beat" for the clock.
# Build from the top of the checkout: docker build -f docker/worker.Dockerfile -t lintas-worker .

# Debian's own Python 3.11 everywhere: it is the one that FreeRADIUS carries inside.
FROM debian:12-slim AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3.11-venv ca-certificates \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/lintas
COPY scripts/uv-requirements.txt scripts/
RUN /usr/bin/python3.11 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir --require-hashes -r scripts/uv-requirements.txt
COPY pyproject.toml uv.lock README.md ./
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-install-project --python /usr/bin/python3.11
COPY . .
RUN /opt/uv/bin/uv sync --frozen --no-dev --python /usr/bin/python3.11

FROM debian:12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3.11 \
       libpango-1.0-0 libpangoft2-1.0-0 fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/lintas --create-home lintas
COPY --from=build /opt/lintas /opt/lintas
ENV LINTAS_HOME=/opt/lintas LINTAS_VAR_DIR=/var/lib/lintas LINTAS_LOG_FORMAT=json PATH=/opt/lintas/.venv/bin:$PATH
WORKDIR /opt/lintas
USER lintas
CMD ["lintas", "run", "worker"]
