"""An HTTP server between a client and a service's public listener, which may change what passes."""

import contextlib
import http.client
import http.server
import threading


class Between:
    """Hands on GET and POST. `changes` is {path prefix: function(body) -> body, or None for a 503};
    it may be changed at any time. `seen` has (method, path, status) of what was asked."""

    def __init__(self, port):
        between = self
        self.target = ("127.0.0.1", port)
        self.changes = {}
        self.seen = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.hand_on(None)

            def do_POST(self):
                self.hand_on(self.rfile.read(int(self.headers["Content-Length"])))

            def hand_on(self, asked):
                status, headers, body = between.ask(self.command, self.path, asked, self.headers)
                between.seen.append((self.command, self.path, status))
                with contextlib.suppress(OSError):
                    self.send_response(status)
                    for name, value in headers.items():
                        self.send_header(name, value)
                    if status != 304:
                        self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def ask(self, method, path, asked, headers):
        change = next((self.changes[prefix] for prefix in sorted(self.changes, reverse=True)
                       if path.startswith(prefix)), "as it is")
        if change is None:
            return 503, {}, b""
        connection = http.client.HTTPConnection(*self.target, timeout=30)
        try:
            kept = {name: headers[name] for name in ("Content-Type", "If-None-Match")
                    if name in headers and (change == "as it is" or name == "Content-Type")}
            connection.request(method, path, asked, kept)
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        back = {name: answer.headers[name] for name in ("Content-Type", "ETag")
                if name in answer.headers}
        if change != "as it is":
            back.pop("ETag", None)
            body = change(body)
        return answer.status, back, body

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
