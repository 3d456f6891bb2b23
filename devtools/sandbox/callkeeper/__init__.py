"""A stand-in for CallKeeper's v3 calls API, at `/api/` of the sandbox.

Made from its published documentation; what that leaves open (the order of the calls, the length of
a page, whether a list has gaps) can be set per account, so that nothing relies on a guess:
https://github.com/yuferev/callkeeper/blob/master/documentation/api/api_methods/getCalls.md
"""
