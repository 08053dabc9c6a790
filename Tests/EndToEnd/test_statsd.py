"""statsd and DogStatsD with their own clients."""

import os
import socket
import time

import datadog.dogstatsd
import statsd

from conftest import until


def test_the_statsd_client_counts_exactly(server):
    client = statsd.StatsClient("127.0.0.1", server.statsd_port)
    for _ in range(1000):
        client.incr("web.hits")
    client.incr("web.bytes", 2500)
    until(lambda: server.value("web_hits") == 1000, what="web_hits of 1000")
    assert server.value("web_bytes") == 2500


def test_a_counter_is_born_with_a_zero(server):
    server.statsd("born:3|c|#env:prod")
    until(lambda: server.value("born") == 3, what="born")
    assert server.value("increase(born[5m])") > 0
    assert server.vector("born") == {
        frozenset({("__name__", "born"), ("env", "prod")}): 3.0
    }
    assert server.get("/api/v1/metadata")["data"]["born"] == [
        {"type": "counter", "help": "", "unit": ""}]


def test_gauges_are_set_and_changed(server):
    client = statsd.StatsClient("127.0.0.1", server.statsd_port)
    client.gauge("level", 10)
    client.gauge("level", -4, delta=True)
    until(lambda: server.value("level") == 6, what="level of 6")


def test_timers_are_histograms(server):
    client = statsd.StatsClient("127.0.0.1", server.statsd_port)
    for millis in range(1, 101):
        client.timing("latency", millis)
    until(lambda: server.value("histogram_count(latency)") == 100, what="100 timings")
    median = server.value("histogram_quantile(0.5, latency)")
    assert 48 < median < 53
    assert server.value("histogram_sum(latency)") == 5050


def test_sets_count_distinct_members(server):
    for member in ["a", "b", "a", "c"]:
        server.statsd(f"users:{member}|s")
    until(lambda: server.value("max_over_time(users[1m])") == 3, what="3 users")


def test_tcp_takes_lines_in_pieces(server):
    with socket.create_connection(("127.0.0.1", server.statsd_port)) as tcp:
        for piece in [b"piece", b"s:1|c\npieces:2", b"|c\npieces:4|c"]:
            tcp.sendall(piece)
    until(lambda: server.value("pieces") == 7, what="pieces of 7")


def test_the_datadog_client_sends_tags_events_and_checks(server):
    client = datadog.dogstatsd.DogStatsd("127.0.0.1", server.statsd_port)
    client.increment("page.views", 5, tags=["env:prod", "zone:a"])
    client.distribution("size", 3.5, tags=["env:prod"])
    client.event("deploy", "version 7 is out", alert_type="info", tags=["env:prod"])
    client.service_check("db.up", 0, message="fine")
    client.flush()
    until(lambda: server.value('page_views{env="prod",zone="a"}') == 5, what="page_views")
    until(lambda: len(server.lines('{source="dogstatsd"}')) == 2, what="event and check")
    assert server.lines('{source="dogstatsd"} |= "version 7 is out"')


def test_cadvisors_driver_arrives_right(server):
    server.statsd("cadvisor./docker/abc.memory_usage:18446744073709551615|g")
    server.statsd("cadvisor./docker/abc.cpu_usage_total:123456789012|g")
    until(lambda: server.value("cadvisor__docker_abc_cpu_usage_total") == 123456789012)
    assert server.value("cadvisor__docker_abc_memory_usage") == 2.0**64


def test_bad_lines_are_counted_and_cost_nothing_else(server):
    server.statsd("good:1|c\nbad\nworse:x|c\n:1|c\ngood:0x10|c\ngood:2|c")
    until(lambda: server.value("good") == 3, what="good of 3")
    assert server.metric("varve_statsd_refused_total") >= 4


def test_a_unix_socket(make_server, tmp_path):
    path = str(tmp_path / "statsd.sock")
    server = make_server("--statsd-unix", path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as unix:
        unix.sendto(b"over.unix:4|c", path)
    until(lambda: server.value("over_unix") == 4, what="over_unix")


def test_what_is_aggregated_survives_sigterm(make_server):
    server = make_server(flush_interval="60s")
    server.statsd("late:9|c")
    until(lambda: (server.metric("varve_statsd_lines_total") or 0) >= 1, what="the line")
    assert server.stop() == 0
    server.start()
    end = time.time() + 61
    assert server.value("max_over_time(late[5m])", time=end) == 9


def test_cadvisor_becomes_series_by_the_shipped_mapping(make_server):
    """As its statsd driver sends: one gauge per datagram, paths in names, counts beyond 2^53."""
    root = os.path.join(os.path.dirname(__file__), "../..")
    server = make_server(
        "--statsd-mapping", os.path.join(root, "queries/statsd/cadvisor.yaml"))
    for name, value in [
        ("/docker/4f2a.cpu_usage_total", 18446744073709551615),
        ("/docker/4f2a.cpu_usage_per_cpu.3", 17), ("web.site.memory_working_set", 4096),
        ("/.fs_summary.fs_limit", 100), ("/docker/4f2a.memory_failure.container.pgfault", 5),
        ("/docker/4f2a.rx_bytes", 7),
    ]:
        server.statsd(f"cadvisor.{name}:{value}|g")
    found = until(
        lambda: len(server.vector('{__name__=~"cadvisor_.+"}')) == 6
        and server.vector('{__name__=~"cadvisor_.+"}'), what="six series")
    expected = {
        ("cadvisor_cpu_usage_total", "/docker/4f2a"): 18446744073709551615.0,
        ("cadvisor_cpu_usage_per_cpu", "/docker/4f2a", "3"): 17.0,
        ("cadvisor_memory_working_set", "web.site"): 4096.0,
        ("cadvisor_fs_limit", "/"): 100.0,
        ("cadvisor_memory_failure", "/docker/4f2a", "pgfault", "container"): 5.0,
        ("cadvisor_rx_bytes", "/docker/4f2a"): 7.0,
    }
    assert {
        tuple(value for _, value in sorted(labels)): number for labels, number in found.items()
    } == expected
