# Targets: `product`, one image for every service of docker-compose.yml (the command decides which
# service it is), and `sandbox`, the stand-in for Yandex of its trial.
FROM python:3.11-slim AS base

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

RUN useradd --system --uid 10001 --create-home callkeeper \
    && install -d -o callkeeper /var/lib/callkeeper /var/lib/installation /var/lib/scratch

WORKDIR /app

# What helps to try and to test is not part of the product, in no layer of its image.
FROM base AS source
COPY . /source
RUN rm -rf /source/devtools

# It needs nothing but the standard library.
FROM base AS sandbox
COPY devtools/__init__.py devtools/
COPY devtools/sandbox devtools/sandbox
USER callkeeper
EXPOSE 8001
CMD ["python", "-m", "devtools.sandbox", "--host=0.0.0.0", "--port=8001"]

FROM base AS product
ENV DJANGO_SETTINGS_MODULE=callkeeper_metrika.settings
COPY requirements.txt constraints.txt ./
# The tested versions only; an index that lacks one stops the build.
RUN pip install --no-cache-dir -r requirements.txt -c constraints.txt
COPY --from=source /source .
RUN python -m accounts.catalogues
# Collecting static files needs no server and no secret; these values exist in this step only.
RUN SECRET_KEY=build SEALING_KEYS=b25seS1mb3ItdGhlLWJ1aWxkLi4uLi4uLi4uLi4uLi4= \
    YANDEX_CLIENT_ID=build YANDEX_CLIENT_SECRET=build \
    DATABASE_URL=postgres://build/build REDIS_URL=redis://build \
    python manage.py collectstatic --no-input

USER callkeeper
EXPOSE 8000
CMD ["gunicorn", "callkeeper_metrika.wsgi:application", "--bind=0.0.0.0:8000", \
     "--worker-class=callkeeper_metrika.web_server.worker.BufferedWorker", \
     "--workers=2", "--threads=4", "--worker-tmp-dir=/dev/shm", "--no-control-socket"]
