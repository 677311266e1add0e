"""The mailbox: how runs get into their thread's queue and out of it (native API, mailbox).

Lock order, for everybody: lane, then run, then thread. The lane's row lock (on SQLite the write
transaction itself) makes changes of one thread's queue serial.
"""
