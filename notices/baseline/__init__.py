"""Statistics of alerts: what is usual in an hour of the week, and what is far from it.

Pure functions of numbers, without the framework: the conditions give them the hourly counts of the
summary tables, the simulation (`devtools.tools.alert_simulation`) its own.
"""
