"""The face for Vercel's AI SDK: `useChat` and its `DefaultChatTransport` (``ai`` 6 and 7).

A chat is a thread, a UI message of the assistant is everything one run said, and its id is the id
of that run: a run keeps its id while it waits for an approval, so what follows belongs to the same
message. Streams and the listing come from one encoder over the event log.
"""
