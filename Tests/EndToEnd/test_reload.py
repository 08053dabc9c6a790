"""SIGHUP: what can change while a server runs does, what cannot is named, what is wrong changes
nothing."""

import signal
import time

from conftest import until


def reload(server, word):
    """Sends SIGHUP and waits until the log says `word`; the line that does."""
    before = len(server.log_lines())
    server.process.send_signal(signal.SIGHUP)

    def answer():
        return next((line for line in server.log_lines()[before:] if word in line), None)

    return until(answer, what=f"{word!r} in the log")


def test_sighup_takes_over_what_can_change(make_server, tmp_path):
    file = tmp_path / "varve.toml"
    mapping = tmp_path / "mapping.yaml"
    file.write_text('retention = "400d"\nbody_max = "1MiB"\n')
    server = make_server("--config", str(file))
    old = int(time.time() - 30 * 86_400) * 1000
    assert server.request("POST", "/api/v1/import/prometheus", f"a 1 {old}\n".encode())[0] == 204
    assert server.request("POST", "/write", b"x" * 100_000)[0] == 400

    mapping.write_text(
        'mappings:\n- match: "jobs.*.done"\n  name: "jobs_done"\n  labels: {queue: "$1"}\n')
    file.write_text(
        'retention = "7d"\nbody_max = "10KiB"\nquery_samples_max = 5\nlog_level = "error"\n'
        f'statsd_mapping = "{mapping}"\nflush_interval = "500ms"\nhttp = "127.0.0.1:1"\n'
        'shards = 3\n')
    line = reload(server, "settings read again")
    changed, _, restart = line.partition("need a restart:")
    for word in ["retention", "body-max", "query-samples-max", "log-level", "statsd-mapping"]:
        assert word in changed, line
    assert "shards" in restart and "retention" not in restart, line
    # --http is a flag and wins over the file, so it has not changed.
    assert "http" not in restart, line

    status, body = server.request("POST", "/api/v1/import/prometheus", f"a 1 {old}\n".encode())
    assert status == 400 and b"retention" in body
    status, body = server.request("POST", "/write", b"x" * 100_000)
    assert status == 413 and b"body-max" in body
    text = "".join(f"many{{n=\"{n}\"}} {n}\n" for n in range(10)).encode()
    assert server.request("POST", "/api/v1/import/prometheus", text)[0] == 204
    status, body = server.request("GET", "/api/v1/query", query="many")
    assert status == 422 and b"query.samples_max" in body

    def mapped():
        server.statsd("jobs.mail.done:1|c")
        status, _ = server.request("GET", "/api/v1/query", query='jobs_done{queue="mail"}')
        return status == 200 and server.value('jobs_done{queue="mail"}')

    until(mapped, what="the mapping")


def test_sighup_with_a_broken_file_changes_nothing(make_server, tmp_path):
    file = tmp_path / "varve.toml"
    file.write_text('retention = "7d"\n')
    server = make_server("--config", str(file))
    for text, word in [
        ('retention = "soon"\nbody_max = "10KiB"\n', "retention"),
        ('retension = "5d"\n', "retension"),
        ("retention = [\n", "TOML"),
    ]:
        file.write_text(text)
        line = reload(server, "settings stay as they were")
        assert word in line, line
    assert server.request("POST", "/write", b"x" * 100_000)[0] == 400
    old = int(time.time() - 30 * 86_400) * 1000
    status, body = server.request("POST", "/api/v1/import/prometheus", f"a 1 {old}\n".encode())
    assert status == 400 and b"retention" in body
