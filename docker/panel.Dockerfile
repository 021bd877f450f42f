# syntax=docker/dockerfile:1
# The panel and the API.
# Build from the top of the checkout: docker build -f docker/panel.Dockerfile -t lintas-panel .

# Debian's own Python 3.11 everywhere: it is the one that FreeRADIUS carries inside.
FROM debian:12-slim AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3.11-venv ca-certificates nodejs npm \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/lintas
COPY scripts/uv-requirements.txt scripts/
RUN /usr/bin/python3.11 -m venv /opt/uv && /opt/uv/bin/pip install --no-cache-dir --require-hashes -r scripts/uv-requirements.txt
COPY pyproject.toml uv.lock README.md ./
RUN /opt/uv/bin/uv sync --frozen --no-dev --no-install-project --python /usr/bin/python3.11
COPY . .
RUN /opt/uv/bin/uv sync --frozen --no-dev --python /usr/bin/python3.11
RUN npm ci --ignore-scripts --no-audit --no-fund && /usr/bin/python3.11 scripts/frontend && rm -rf node_modules
# The panel may not write into its own image, so its words are made ready here.
RUN .venv/bin/python -c 'from webadmin.panel.language import compile_catalogues; compile_catalogues()'

FROM debian:12-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3.11 \
       libpango-1.0-0 libpangoft2-1.0-0 fonts-dejavu-core \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/lintas --create-home lintas \
    && install -d -o lintas -m 0700 /var/lib/lintas/secrets
COPY --from=build /opt/lintas /opt/lintas
EXPOSE 8080
ENV LINTAS_HOME=/opt/lintas LINTAS_VAR_DIR=/var/lib/lintas LINTAS_LOG_FORMAT=json PATH=/opt/lintas/.venv/bin:$PATH
WORKDIR /opt/lintas
USER lintas
CMD ["lintas", "run", "panel"]
