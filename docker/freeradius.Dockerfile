# syntax=docker/dockerfile:1
# The RADIUS servers: logins, with the policy inside, and accounting; the command says which.
# Build from the top of the checkout: docker build -f docker/freeradius.Dockerfile -t lintas-freeradius .

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
    && apt-get install -y --no-install-recommends python3.11 freeradius freeradius-python3 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/lintas --create-home lintas \
    && install -d -o lintas -m 0700 /var/lib/lintas/spool /var/lib/lintas/secrets
COPY --from=build /opt/lintas /opt/lintas
EXPOSE 1812/udp 1813/udp 2083/tcp
ENV LINTAS_HOME=/opt/lintas LINTAS_VAR_DIR=/var/lib/lintas LINTAS_LOG_FORMAT=json PATH=/opt/lintas/.venv/bin:$PATH
WORKDIR /opt/lintas
USER lintas
CMD ["lintas", "run", "radius-login"]
