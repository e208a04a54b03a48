# SPDX-License-Identifier: Apache-2.0
"""A server of `octet serve` on a free port, its log read line by line."""
import http.client
import json
import os
import queue
import re
import signal
import subprocess
import threading

from conftest import BINARY, ROOT

READY = "INFO:     Application startup complete."
WAIT_S = 120  # against hanging for ever, not a bound on speed


class Serving:
    """with Serving(model, flags...) as server: waits for the ready line unless ready=False."""

    def __init__(self, *args, env=None, ready=True):
        words = [str(BINARY), "serve", *map(str, args)]
        if "--port" not in words and "--uds" not in words:
            words += ["--host", "127.0.0.1", "--port", "0"]
        self.lines, self.arrived = [], queue.Queue()
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, cwd=ROOT,
                                        env={**os.environ, "NO_COLOR": "1", **(env or {})})
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.port = None
        if ready:
            self.wait_for(re.escape(READY))
            found = re.search(r"Starting server on \w+://[^ ]*:(\d+)$", self.log(), re.M)
            self.port = int(found[1]) if found else None

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)
            self.arrived.put(line)
        self.arrived.put(None)

    def wait_for(self, pattern):
        """The first line from now on in which the pattern is found."""
        while True:
            line = self.arrived.get(timeout=WAIT_S)
            assert line is not None, f"ended before {pattern!r}:\n{self.log()}"
            if re.search(pattern, line):
                return line

    def log(self):
        return "".join(self.lines)

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        """The exit code, after all of the log has been read."""
        code = self.process.wait(timeout=WAIT_S)
        self.reader.join(timeout=WAIT_S)
        return code

    def stop(self):
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.wait()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/v1"

    def open(self, method, path, body=None, key=None):
        """A response whose headers have been read; the caller closes .connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=WAIT_S)
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        response.connection = connection
        return response

    def ask(self, method, path, body=None, key=None):
        """(status, JSON or None)"""
        response = self.open(method, path, body, key)
        data = response.read()
        response.connection.close()
        return response.status, json.loads(data) if data else None
