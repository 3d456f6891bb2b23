"""Settings of Celery that depend on nothing; `callkeeper_metrika.settings` imports them."""

from __future__ import annotations

# Sending has a queue of its own: slow uploads never hold up the other steps. A worker that is
# started without -Q consumes both. The routing keys differ, or each task would go to both queues.
CELERY_TASK_QUEUES = {"celery": {"routing_key": "celery"}, "send": {"routing_key": "send"}}
CELERY_TASK_ROUTES = {"calls.send_due": {"queue": "send"}}
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT = 210
CELERY_TASK_TIME_LIMIT = 240
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
# Tasks of a lost worker are redelivered after the visibility timeout plus one sweep; the defaults
# of the sweep (10 s x 10) would add 100 s. Tasks carry no data: rows in the database hold the work.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 600,
    "unacked_restore_interval": 2,
    "unacked_restore_throttle": 1,
    "socket_timeout": 15,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
}
