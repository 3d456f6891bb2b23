# One image for every service of docker-compose.yml; the command decides which service it is.
FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    DJANGO_SETTINGS_MODULE=callkeeper_metrika.settings

RUN useradd --system --uid 10001 --create-home callkeeper \
    && install -d -o callkeeper /var/lib/callkeeper

WORKDIR /app
COPY requirements.txt constraints.txt ./
# The tested versions only; an index that lacks one stops the build.
RUN pip install --no-cache-dir -r requirements.txt -c constraints.txt
COPY . .
# Collecting static files needs no server and no secret; these values exist in this step only.
RUN SECRET_KEY=build SEALING_KEYS=b25seS1mb3ItdGhlLWJ1aWxkLi4uLi4uLi4uLi4uLi4= \
    YANDEX_CLIENT_ID=build YANDEX_CLIENT_SECRET=build \
    DATABASE_URL=postgres://build/build REDIS_URL=redis://build \
    python manage.py collectstatic --no-input

USER callkeeper
VOLUME /var/lib/callkeeper
EXPOSE 8000
CMD ["gunicorn", "callkeeper_metrika.wsgi:application", "--bind=0.0.0.0:8000", \
     "--worker-class=gthread", "--workers=2", "--threads=4", "--worker-tmp-dir=/dev/shm", \
     "--no-control-socket"]
