"""Why a request to an address given by a user was not made."""


class EgressRefused(Exception):
    """The target or its answer is against the rules for outgoing requests.

    `reason` is one sentence that is safe to show to whoever gave the address: it names the rule and
    the host, never resolved addresses, credentials or anything else of the URL.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
