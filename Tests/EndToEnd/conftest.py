"""Starts real servers on loopback, each on ports and a directory of its own, and stops them by
their process ids."""

import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest

from loopback import free_port, until

BINARY = os.environ.get("E2E_BINARY", ".build/debug/varve")
# What an upgrade begins with: an older binary (`make upgrade FROM=REF`), else the same.
BINARY_BEFORE = os.environ.get("E2E_BINARY_BEFORE", BINARY)


class Server:
    """One `varve serve`; its ports stay the same over restarts."""

    address = "127.0.0.1"

    def __init__(self, directory, *flags, flush_interval="1s"):
        self.directory = str(directory)
        self.http_port, self.statsd_port, self.syslog_port = (free_port() for _ in range(3))
        self.flags = ["--flush-interval", flush_interval, *flags]
        self.process = None
        self.log = open(os.path.join(os.path.dirname(self.directory), "varve.log"), "ab")

    @property
    def url(self):
        return f"http://{self.address}:{self.http_port}"

    def start(self):
        environment = dict(os.environ, SWIFT_BACKTRACE="enable=no")
        self.process = subprocess.Popen(
            [
                BINARY, "serve", "--data", self.directory,
                "--http", f"127.0.0.1:{self.http_port}",
                "--statsd", f"127.0.0.1:{self.statsd_port}",
                "--syslog", f"127.0.0.1:{self.syslog_port}", *self.flags,
            ],
            stdout=self.log, stderr=self.log, env=environment,
        )
        until(self.is_ready, what="/-/ready")
        return self

    def is_ready(self):
        assert self.process.poll() is None, self.log_text()
        try:
            return self.get_text("/-/ready") is not None
        except OSError:
            return False

    def log_text(self):
        self.log.flush()
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            return file.read()[-4000:]

    def log_lines(self):
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            return file.read().splitlines()

    def kill(self):
        """As a power cut would: no signal that can be caught."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def request(self, method, path, body=None, headers=None, **parameters):
        """Status and body; errors of HTTP are answers too."""
        query = urllib.parse.urlencode(parameters, doseq=True)
        request = urllib.request.Request(
            f"{self.url}{path}" + (f"?{query}" if query else ""),
            data=body, method=method, headers=headers or {},
        )
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def get_text(self, path, **parameters):
        status, body = self.request("GET", path, **parameters)
        return body.decode() if status == 200 else None

    def get(self, path, tenant=None, **parameters):
        headers = {"X-Scope-OrgID": tenant} if tenant else {}
        status, body = self.request("GET", path, headers=headers, **parameters)
        assert status == 200, body
        return json.loads(body)

    def vector(self, query, tenant=None, **parameters):
        """An instant query as {labels as a frozenset of pairs: value}."""
        answer = self.get("/api/v1/query", tenant=tenant, query=query, **parameters)
        assert answer["data"]["resultType"] == "vector"
        return {
            frozenset(one["metric"].items()): float(one["value"][1])
            for one in answer["data"]["result"]
        }

    def value(self, query, **parameters):
        """The one value of a query, or None."""
        values = list(self.vector(query, **parameters).values())
        assert len(values) <= 1, values
        return values[0] if values else None

    def lines(self, query, tenant=None, **parameters):
        """Lines of a log query, oldest first, as (labels, ns, text)."""
        parameters = {"limit": 5000, "direction": "forward", "since": "1h", **parameters}
        answer = self.get(
            "/loki/api/v1/query_range", tenant=tenant, query=query, **parameters)
        found = [
            (one["stream"], int(stamp), line)
            for one in answer["data"]["result"] for stamp, line, *_ in one["values"]
        ]
        return sorted(found, key=lambda entry: entry[1])

    def metric(self, name, **labels):
        """The sum of the figures of that name and those labels in /metrics."""
        total, found = 0.0, False
        for line in self.get_text("/metrics").splitlines():
            series, _, value = line.rpartition(" ")
            if series.split("{")[0] != name:
                continue
            if all(f'{key}="{text}"' in series for key, text in labels.items()):
                total, found = total + float(value), True
        return total if found else None

    def thread_names(self):
        """Of the server's process."""
        tasks = f"/proc/{self.process.pid}/task"
        names = []
        for task in os.listdir(tasks):
            try:
                with open(f"{tasks}/{task}/comm", encoding="utf-8") as file:
                    names.append(file.read().strip())
            except OSError:
                pass
        return names

    def statsd(self, text):
        with socket.socket(type=socket.SOCK_DGRAM) as udp:
            udp.sendto(text.encode(), (self.address, self.statsd_port))

    def syslog_tcp(self, payload):
        with socket.create_connection(("127.0.0.1", self.syslog_port)) as tcp:
            tcp.sendall(payload)
            tcp.shutdown(socket.SHUT_WR)
            while tcp.recv(4096):
                pass

    def cli(self, *arguments, timeout=60):
        environment = dict(os.environ, VARVE_ADDR=self.url, NO_COLOR="1")
        return subprocess.run(
            [BINARY, *arguments], capture_output=True, text=True, timeout=timeout,
            env=environment)

    def flush(self):
        status, body = self.request("POST", "/api/v1/admin/flush", body=b"")
        assert status == 204, body


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A test that fails shows what its servers said last."""
    report = (yield).get_result()
    root = getattr(item, "funcargs", {}).get("tmp_path")
    if not report.failed or root is None:
        return
    for path in sorted(root.rglob("varve.log")):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        # Whoever waits for a node asks it again and again.
        said = [line[:300] for line in lines if "GET /-/ready" not in line][-20:]
        report.sections.append((str(path.relative_to(root)), "\n".join(said)))


@pytest.fixture
def make_server(tmp_path):
    servers = []

    def make(*flags, directory=None, **options):
        server = Server(directory or tmp_path / "data", *flags, **options)
        servers.append(server)
        return server.start()

    yield make
    for server in servers:
        if server.process.poll() is None:
            server.kill()
        server.log.close()


@pytest.fixture
def server(make_server):
    return make_server()


@pytest.fixture
def make_cluster(tmp_path):
    # It stands on this file.
    from cluster import Cluster

    clusters = []

    def make(shards=4, *flags, **more):
        clusters.append(Cluster(tmp_path / f"cluster{len(clusters)}", shards, *flags, **more))
        return clusters[-1]

    yield make
    for cluster in clusters:
        cluster.end()


@pytest.fixture
def need():
    """Skips with a reason where a program is missing that `scripts/e2e` could not install."""

    def check(program):
        path = shutil.which(program, path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if path is None:
            pytest.skip(f"{program} is not installed")
        return path

    return check


@pytest.fixture
def prometheus(need, tmp_path):
    """Starts Debian's prometheus on a configuration: the text for a port of its own, or a function of
    that port. Returns its address."""
    program = need("prometheus")
    processes = []

    def start(configuration):
        port = free_port()
        path = tmp_path / "prometheus.yml"
        path.write_text(configuration(port) if callable(configuration) else configuration)
        processes.append(subprocess.Popen(
            [program, f"--config.file={path}", f"--storage.tsdb.path={tmp_path}/tsdb",
             f"--web.listen-address=127.0.0.1:{port}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return f"http://127.0.0.1:{port}"

    yield start
    for process in processes:
        process.terminate()
        process.wait()
