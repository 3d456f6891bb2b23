"""Pulls calls from CallKeeper's v3 calls API, page by page, on a clock.

Why no call is lost
- The position (window and page) is stored in the transaction of the page's calls, so a process that
  dies on any line leaves a page either stored and passed, or neither. A page that is read again
  finds its calls as duplicates.
- The watermark moves after the last page only, and the next window begins PULL_OVERLAP_HOURS before
  it: a call whose record appears later than it began is met again.
- Pages are cut from a list that changes between two requests. A call that appears pushes others to
  a later page, where they are duplicates; one that disappears or moves pulls others to an earlier
  page, where they are not seen. The end of a window is fixed when it begins, so that new calls
  appear beyond it, and a window is a day at most, so few have a second page. What was passed over
  all the same is in the overlap of the next window, and in the last PULL_RECENT_HOURS, which are
  read again once an hour for late tags and statuses.
- The length of a page is not documented. Only a page without calls ends a window.

`claims` holds a source for one worker, `windows` chooses the period, `run` reads and stores,
`orders` are a person's.
"""
