"""The web server: a worker class of gunicorn that reads requests before a thread serves them.

`--worker-class=callkeeper_metrika.web_server.worker.BufferedWorker`. gunicorn keeps the processes,
waitress reads and writes in one loop per process, and the limits of this package close what is too
slow. `docs/decisions/0041-buffering-web-worker.md` says why.
"""
