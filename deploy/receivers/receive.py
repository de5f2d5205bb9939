#!/usr/bin/env python3
"""Takes callbacks of scribed, and prints each once if it comes from there.

    pip install standardwebhooks
    ./receive.py --port 8080 --secret "$(scribed account callback-secret newsroom)"

What it has seen is in memory here; yours belongs into the database where the result goes, written
together with it.
"""

import argparse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError


def checked(secret, headers, body):
    """What was said, if it was said by whoever knows the secret, within five minutes; else None."""
    try:
        return Webhook(secret).verify(body, dict(headers))
    except WebhookVerificationError:
        return None


class Receiver(BaseHTTPRequestHandler):
    seen = set()

    def do_POST(self):
        # The bytes as they came: another spelling of the same JSON has another signature.
        body = self.rfile.read(int(self.headers["Content-Length"]))
        event = checked(self.server.secret, self.headers, body)
        if event is None:
            self.answer(401)
            return
        # The same call may come again, under the same id.
        if self.headers["webhook-id"] not in self.seen:
            self.seen.add(self.headers["webhook-id"])
            print(event["job"], event["state"], event.get("reference", ""), flush=True)
        self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description="Takes callbacks of scribed and prints each once.")
    parser.add_argument("--port", type=int, default=8080, help="0 takes a free one")
    parser.add_argument("--secret", required=True, help="whsec_…, of the account that submits")
    options = parser.parse_args()
    server = ThreadingHTTPServer(("127.0.0.1", options.port), Receiver)
    server.secret = options.secret
    print(f"listening on {server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
