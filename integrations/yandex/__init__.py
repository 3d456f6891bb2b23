"""The client of Yandex ID and Yandex Metrika: no Django, no settings, no tables.

``oauth.OAuthClient`` links accounts, ``metrika.MetrikaClient`` reads counters and sends files.
Both take a ``config.YandexConfig``, return ``records`` and raise ``errors``; nothing of
``requests`` or of the vendor's JSON leaves this package.
"""
