"""The drill: a database that goes back in time, with real servers, senders and a sandbox."""
