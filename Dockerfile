# syntax=docker/dockerfile:1
# Builds the environment in one stage and carries only that into the next: no compiler, no pip. The request path is
# compiled (setup.py).
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY .locks .locks
# What builds stays in this stage; what runs is the locked releases, known by their hashes.
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes --only-binary :all: -r .locks/build.txt -r .locks/compile.txt \
 && python -m venv --without-pip /opt/figway \
 && /opt/build/bin/pip --python /opt/figway install --require-hashes --only-binary :all: -r .locks/run.txt
COPY pyproject.toml setup.py README.md LICENSE ./
COPY adapters adapters
COPY shadow shadow
COPY gateway gateway
RUN FIGWAY_COMPILE=1 /opt/build/bin/pip wheel --no-build-isolation --no-deps --wheel-dir /wheels . \
 && /opt/build/bin/pip --python /opt/figway install --no-index --no-deps /wheels/figway-*.whl \
 && /opt/figway/bin/python -m compileall -q /opt/figway/lib

FROM python:${PYTHON}-slim
# Nothing is written but to /var/lib/figway (the store) and /tmp: run it with a read-only root and mount those two.
ENV PATH=/opt/figway/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 FIGWAY_STORE=/var/lib/figway/figway.db
COPY --from=build /opt/figway /opt/figway
RUN install -d -o 65532 -g 65532 /var/lib/figway /etc/figway
WORKDIR /etc/figway
USER 65532:65532
VOLUME ["/var/lib/figway"]
EXPOSE 8080 9090
# uvicorn drains on SIGTERM: readiness goes off, calls in flight finish.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 CMD ["python", "-c", "import sys, urllib.request as u; sys.exit(u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:9090/readyz', timeout=2).status != 200)"]
ENTRYPOINT ["figway"]
CMD ["serve", "--config", "/etc/figway/routes.yaml", "--listen", "0.0.0.0:8080", "--admin", "0.0.0.0:9090"]
