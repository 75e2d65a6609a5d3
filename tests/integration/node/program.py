"""The "image" of the node's tests: a program that does what its arguments say and tells what it sees.

Standard library only, started by the node with a clean environment.
"""

import http.server
import json
import os
import pathlib
import signal
import ssl
import sys
import threading
import time
import urllib.parse
import urllib.request


class Handler(http.server.BaseHTTPRequestHandler):
    """/env, /argv, /file?path=… and /touch?path=…"""

    def do_GET(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        path = pathlib.Path(urllib.parse.parse_qs(url.query).get("path", ["/"])[0])
        answer = ""
        if url.path == "/env":
            answer = json.dumps(dict(os.environ))
        elif url.path == "/argv":
            answer = json.dumps([*sys.argv, str(pathlib.Path.cwd())])
        elif url.path == "/file":
            answer = path.read_text()
        elif url.path == "/touch":
            path.touch()
        body = answer.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Only what the tests look for is printed."""


def serve() -> int:
    """Answer HTTP on the pod's own address until SIGTERM; then take $LAST_WORDS_SECONDS to say good-bye."""
    server = http.server.ThreadingHTTPServer((os.environ["POD_IP"], 8080), Handler)
    server.daemon_threads = True
    over = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("serving", flush=True)
    over.wait()
    print("SIGTERM received", flush=True)
    time.sleep(float(os.environ.get("LAST_WORDS_SECONDS", "0")))
    print("good-bye", flush=True)
    return 0


def whoami() -> int:
    """Ask the API server who it thinks that we are."""
    directory = pathlib.Path(os.environ["TOKEN_DIRECTORY"])
    server = f"https://{os.environ['KUBERNETES_SERVICE_HOST']}:{os.environ['KUBERNETES_SERVICE_PORT']}"
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    request = urllib.request.Request(
        f"{server}/apis/authentication.k8s.io/v1/selfsubjectreviews",
        data=json.dumps(review).encode(),
        headers={
            "Authorization": f"Bearer {(directory / 'token').read_text()}",
            "Content-Type": "application/json",
        },
    )
    context = ssl.create_default_context(cafile=str(directory / "ca.crt"))
    with urllib.request.urlopen(request, context=context) as response:
        user = json.load(response)["status"]["userInfo"]["username"]
    say(f"{user} in {(directory / 'namespace').read_text()}")
    return 0


def say(message: str) -> None:
    """Leave a termination message where the pod's environment says."""
    pathlib.Path(os.environ["MESSAGE_FILE"]).write_text(message)


def main() -> int:
    command, *arguments = sys.argv[1:]
    if command == "serve":
        return serve()
    if command == "whoami":
        return whoami()
    if command == "exit":
        code, *message = arguments
        if message:
            say(message[0])
        return int(code)
    if command == "print":
        print(*arguments, flush=True)
        return int(os.environ.get("EXIT_CODE", "0"))
    if command == "append":
        path, word = arguments
        with pathlib.Path(path).open("a") as file:
            file.write(f"{word}\n")
        return 0
    if command == "fail-once":
        marker = pathlib.Path(arguments[0])
        if marker.exists():
            return 0
        marker.touch()
        return 3
    if command == "sleep":
        time.sleep(float(arguments[0]))
        return 0
    if command == "stubborn":
        signal.signal(signal.SIGTERM, lambda *_: print("not yet", flush=True))
        print("running", flush=True)
        while True:
            time.sleep(60)
    raise SystemExit(f"unknown command {command}")


if __name__ == "__main__":
    sys.exit(main())
