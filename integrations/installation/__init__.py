"""Whether this database may send: an installation is known by marks outside its database.

A database that was restored from a dump, copied, or failed over to a lagging replica does not know
what was sent since; sending from it would double calls in Metrika for ever.
"""
