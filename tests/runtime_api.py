"""Lambda's Runtime API ("Using the Lambda runtime API", Lambda developer guide). Standard library only."""

import queue
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class RuntimeApi:
    """Hands out events to a function, on a free port of the loopback interface."""

    def __init__(self):
        self.events, self.answers = queue.Queue(), queue.Queue()

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            events, answers = self.events, self.answers

            def do_GET(self):
                self.reply(200, self.events.get(), {
                    "Lambda-Runtime-Aws-Request-Id": "1",
                    "Lambda-Runtime-Deadline-Ms": "0",
                    "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-west-1:1:function:test",
                })

            def do_POST(self):
                if self.headers.get("Transfer-Encoding") == "chunked":
                    body = b""
                    while size := int(self.rfile.readline(), 16):
                        body += self.rfile.read(size)
                        self.rfile.readline()
                    self.rfile.readline()
                else:
                    body = self.rfile.read(int(self.headers["Content-Length"]))
                self.answers.put(body)
                self.reply(202, b"", {})

            def reply(self, status, body, headers):
                self.send_response(status)
                for name, value in {**headers, "Content-Length": len(body)}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        # A function that is killed leaves its connection.
        server.handle_error = lambda *_: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.environment = {
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}",
            "AWS_LAMBDA_FUNCTION_NAME": "test",
            "AWS_LAMBDA_FUNCTION_VERSION": "1",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def answer(self, event, function, patience=120):
        """The answer of the function, a process, to an event."""
        self.events.put(event)
        for _ in range(patience):
            try:
                return self.answers.get(timeout=1)
            except queue.Empty:
                assert function.poll() is None, f"the function has ended with {function.returncode}"
        raise AssertionError(f"no answer within {patience} seconds")
