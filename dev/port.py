"""Fails if nobody can serve the port PORT. cargo-lambda would end without an error. Standard library only."""

import os
import socket

from console import Failure


def main():
    text = os.environ["PORT"]
    if not (text.isascii() and text.isdecimal() and 1 <= int(text) <= 65_535):
        raise Failure("PORT: expected a number from 1 to 65535, found %r" % text)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(text)))
        except PermissionError:
            raise Failure("you may not serve port %s. Choose one above 1023: PORT=..." % text)
        except OSError:
            raise Failure("port %s is in use. Stop the program that uses it, or choose another port: PORT=..." % text)


if __name__ == "__main__":
    main()
