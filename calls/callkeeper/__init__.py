"""The client of CallKeeper's v3 calls API: no Django, no settings, no tables.

``client.CallsApi`` reads one page of a period at a time. It takes a ``config.ApiConfig``, returns
the records as they came and raises ``errors``; nothing of ``requests`` leaves this package, and no
exception or log line of it holds the key. The API, as CallKeeper publishes it:
https://github.com/yuferev/callkeeper/blob/master/documentation/api/api_methods/getCalls.md
"""
