# SPDX-License-Identifier: Apache-2.0
"""A hub on loopback: the listings and files of Hugging Face and ModelScope, with faults on demand.

Weights are answered by a redirect to a second port, as a hub sends to its store of large files.
"""
import hashlib
import http.server
import json
import threading
import urllib.parse

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def git_sha1(data):
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


class Hub:
    """files: {path: bytes}; faults: {path: [fault, ...]}, one used up a request of that path."""

    def __init__(self, files, repository="Org/Demo-1.0"):
        self.files, self.repository = files, repository
        self.faults = {}
        self.listing_faults = []
        self.listing = None  # replaces the listing of Hugging Face
        self.token = None  # asked for, when set
        self.log = []  # (port name, path, headers)
        self.gate = None  # an Event: file bodies stop half way until it is set
        self.servers = {name: self._start(name) for name in ("hub", "store")}

    def _start(self, name):
        hub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_GET(self):
                hub.log.append((name, self.path, dict(self.headers)))
                try:
                    hub.answer(name, self)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def url(self, name="hub"):
        return f"http://127.0.0.1:{self.servers[name].server_address[1]}"

    def close(self):
        if self.gate:
            self.gate.set()
        for server in self.servers.values():
            server.shutdown()
            server.server_close()

    def requests(self, part):
        return [entry for entry in self.log if part in entry[1]]

    # ---- answers ----

    @staticmethod
    def send(request, status, body=b"", headers=None):
        request.send_response(status)
        for key, value in (headers or {}).items():
            request.send_header(key, value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def is_large(self, path):
        return path.endswith((".safetensors", ".bin"))

    def hugging_face_listing(self):
        siblings = []
        for path, data in self.files.items():
            entry = {"rfilename": path, "size": len(data), "blobId": git_sha1(data)}
            if self.is_large(path):
                entry["lfs"] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
                entry["blobId"] = git_sha1(b"pointer")
            siblings.append(entry)
        return {"id": self.repository, "sha": COMMIT, "siblings": siblings}

    def scope_listing(self):
        files = [{"Path": "folder", "Name": "folder", "Type": "tree", "Size": 0}]
        for path, data in self.files.items():
            files.append({"Path": path, "Name": path.split("/")[-1], "Type": "blob", "Size": len(data),
                          "Sha256": hashlib.sha256(data).hexdigest(), "IsLFS": self.is_large(path)})
        return {"Code": 200, "Success": True, "Data": {"Files": files}}

    def answer(self, name, request):
        address = urllib.parse.urlsplit(request.path)
        path, query = address.path, urllib.parse.parse_qs(address.query)
        if name == "store":
            return self.send_file(request, urllib.parse.unquote(path.lstrip("/")))
        if self.token:
            given = request.headers.get("Authorization") or request.headers.get("Cookie")
            if given not in (f"Bearer {self.token}", f"m_session_id={self.token}"):
                return self.send(request, 401, headers={"X-Error-Message": "Invalid credentials"})
        if path.startswith("/api/"):
            if self.listing_faults:
                status, headers = self.listing_faults.pop(0)
                return self.send(request, status, b"no", headers)
            if path == f"/api/models/{self.repository}/revision/main" and query == {"blobs": ["true"]}:
                return self.send(request, 200, json.dumps(self.listing or self.hugging_face_listing()).encode())
            if path == f"/api/models/{self.repository}/revision/refs%2Fpr%2F1":
                return self.send(request, 200, json.dumps(self.hugging_face_listing()).encode())
            if path.startswith(f"/api/models/{self.repository}/revision/"):
                return self.send(request, 404, headers={"X-Error-Code": "RevisionNotFound"})
            if path == f"/api/v1/models/{self.repository}/repo/files" and query["Revision"] == ["master"]:
                return self.send(request, 200, json.dumps(self.scope_listing()).encode())
            if path == f"/api/v1/models/{self.repository}/repo" and query["Revision"] == ["master"]:
                return self.redirect_or_send(request, query["FilePath"][0])
            return self.send(request, 404, headers={"X-Error-Code": "RepoNotFound"})
        prefix = f"/{self.repository}/resolve/{COMMIT}/"
        if path.startswith(prefix):
            return self.redirect_or_send(request, urllib.parse.unquote(path[len(prefix):]))
        return self.send(request, 404)

    def redirect_or_send(self, request, path):
        if self.is_large(path):
            place = f"{self.url('store')}/{urllib.parse.quote(path)}"
            return self.send(request, 302, headers={"Location": place, "X-Repo-Commit": COMMIT})
        return self.send_file(request, path)

    def send_file(self, request, path):
        data = self.files.get(path)
        if data is None:
            return self.send(request, 404, headers={"X-Error-Code": "EntryNotFound"})
        fault = self.faults[path].pop(0) if self.faults.get(path) else None
        if isinstance(fault, tuple):  # a status with headers
            return self.send(request, fault[0], b"no", fault[1])
        if fault == "corrupt":
            data = data[:-1] + bytes([data[-1] ^ 1])
        start, wanted = 0, request.headers.get("Range")
        if wanted and fault != "no range":
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(data):
                return self.send(request, 416)
        request.send_response(206 if start else 200)
        if start:
            told = start + 1 if fault == "wrong range" else start
            request.send_header("Content-Range", f"bytes {told}-{len(data) - 1}/{len(data)}")
        body = data[start:]
        if fault == "longer":
            body += b"x"
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if fault == "cut":
            request.wfile.write(body[:len(body) // 2])
            request.wfile.flush()
            request.close_connection = True
            return None
        if self.gate and self.is_large(path):
            request.wfile.write(body[:len(body) // 2])
            request.wfile.flush()
            self.gate.wait(60)
            body = body[len(body) // 2:]
        request.wfile.write(body)
        return None
