"""The AG-UI face, for clients of protocol 1.0 and of the 0.0.x releases before it.

`decode` reads what a client sent, `turns` decides which run answers it, `encode` translates the log
of that run, `listing` the stored messages; `stream` and `views` join them.
"""
