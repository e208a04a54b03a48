# SPDX-License-Identifier: Apache-2.0
"""A scripted server: serves the chat page as octet does and answers by what the last message says."""
import http.server
import json
import pathlib
import socket
import threading
import time

PAGE = pathlib.Path(__file__).resolve().parents[2] / "src/server/assets/chat.html"
# What octet sends with the page.
POLICY = ("default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
          "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; "
          "frame-ancestors 'none'")


class FakeServer:
    """Serves below prefix. scripts maps a message to a function of the handler; an unknown message
    is answered with itself. requests has every chat request's body, keys their API keys."""

    def __init__(self, prefix="/"):
        self.prefix = prefix
        self.scripts = {}
        self.requests, self.keys, self.aborted = [], [], threading.Event()
        self.loading = 0  # so many requests of any kind are still told that the model loads
        self.api_key = None
        self.models = ["demo"]
        self.connections = []

    def __enter__(self):
        server = self

        class Handler(FakeHandler):
            fake = server

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}{self.prefix}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.http.shutdown()
        self.http.server_close()
        for connection in self.connections:  # a browser opens some before it needs them
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class FakeHandler(http.server.BaseHTTPRequestHandler):
    fake = None
    protocol_version = "HTTP/1.1"

    def setup(self):
        self.fake.connections.append(self.request)
        super().setup()

    def log_message(self, *_):
        pass

    def reply(self, status, body, kind="application/json", **headers):
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def fail(self, status, message, code=None, **headers):
        self.reply(status, {"error": {"message": message, "type": "invalid_request_error",
                                      "param": None, "code": code}}, **headers)

    def refused(self):
        """Whether the request was answered with a refusal that needs no script."""
        self.fake.keys.append(self.headers.get("Authorization"))
        if self.fake.loading > 0:
            self.fake.loading -= 1
            self.fail(503, "The model is being loaded.", "loading", Retry_After="0.2")
        elif self.fake.api_key and self.headers.get("Authorization") != f"Bearer {self.fake.api_key}":
            self.fail(401, "Incorrect API key provided.", "invalid_api_key")
        else:
            return False
        return True

    def do_GET(self):
        if self.path in (self.fake.prefix, self.fake.prefix.rstrip("/")):
            self.reply(200, PAGE.read_text(), "text/html; charset=utf-8",
                       Content_Security_Policy=POLICY)
        elif self.path == self.fake.prefix + "v1/models":
            if not self.refused():
                self.reply(200, {"object": "list", "data": [
                    {"id": name, "object": "model", "created": 1, "owned_by": "octet"}
                    for name in self.fake.models]})
        else:
            self.fail(404, f"no such path: {self.path}")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path != self.fake.prefix + "v1/chat/completions":
            self.fail(404, f"no such path: {self.path}")
            return
        if self.refused():
            return
        self.fake.requests.append(body)
        message = body["messages"][-1]["content"]
        script = self.fake.scripts.get(message, lambda handler: handler.stream(content=message))
        try:
            script(self)
        except (BrokenPipeError, ConnectionResetError):
            self.fake.aborted.set()
        self.close_connection = True

    # ---- Streams

    def begin(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Connection", "close")
        self.end_headers()

    def event(self, data):
        text = data if isinstance(data, str) else json.dumps(data)
        self.wfile.write(f"data: {text}\n\n".encode())
        self.wfile.flush()

    def delta(self, finish=None, **delta):
        self.event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
                    "model": "demo", "choices": [{"index": 0, "delta": delta, "logprobs": None,
                                                  "finish_reason": finish}]})

    def stream(self, content="", reasoning="", finish="stop", pause=0.0, usage=None):
        """A whole answer, a few characters an event, as octet streams it."""
        count = 1
        self.begin()
        self.delta(role="assistant", content="")
        self.wfile.write(b": ping\n\n")
        for field, text in (("reasoning", reasoning), ("content", content)):
            pieces = [text[i:i + 4] for i in range(0, len(text), 4)]
            for piece in pieces:
                self.delta(**({"reasoning": piece, "reasoning_content": piece}
                              if field == "reasoning" else {"content": piece}))
                count += 1
                time.sleep(pause)
        self.delta(finish=finish)
        self.event({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1,
                    "model": "demo", "choices": [], "usage": usage or {
                        "prompt_tokens": 21, "completion_tokens": count, "total_tokens": 21 + count,
                        "prompt_tokens_details": {"cached_tokens": 16}}})
        self.event("[DONE]")
