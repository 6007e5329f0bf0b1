# Labels brain scans on the processor; docs/where_it_runs.md says how to use it.
FROM python:3.11-slim AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*
COPY . /source
RUN python -m venv /opt/brainfcn \
    && /opt/brainfcn/bin/pip install --no-cache-dir --constraint /source/constraints.txt /source

FROM python:3.11-slim
COPY --from=build /opt/brainfcn /opt/brainfcn
ENV PATH=/opt/brainfcn/bin:$PATH MPLCONFIGDIR=/tmp/matplotlib
RUN useradd --create-home brainfcn
USER brainfcn
WORKDIR /data
ENTRYPOINT ["brainfcn-eval"]
CMD ["--help"]
