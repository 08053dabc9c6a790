"""Hosts of our own on one machine: a network namespace each, joined by a bridge, whose paths to each
other are cut and mended. Needs root."""

import os
import shutil
import subprocess

import pytest


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, text=True)


class Host:
    """One namespace; processes start in it with `runner` in front."""

    def __init__(self, network, number):
        self.network = network
        self.name = f"{network.name}-{number}"
        self.address = f"{network.prefix}.{10 + number}"
        self.runner = ["ip", "netns", "exec", self.name]
        self.outer = outer = f"{network.name}-{number}v"
        ip("netns", "add", self.name)
        ip("link", "add", outer, "type", "veth", "peer", "name", "eth0", "netns", self.name)
        ip("link", "set", outer, "master", network.name, "up")
        self.ip("addr", "add", f"{self.address}/24", "dev", "eth0")
        self.ip("link", "set", "eth0", "up")
        self.ip("link", "set", "lo", "up")

    def ip(self, *words):
        ip("-n", self.name, *words)

    def deafen(self, other):
        """Nothing of this host reaches `other` any more; the other way is open."""
        self.ip("route", "replace", "blackhole", f"{other.address}/32")

    def hear(self, other):
        self.ip("route", "del", "blackhole", f"{other.address}/32")


class Network:
    count = 0

    def __init__(self):
        # What a network before left goes away in its own time.
        Network.count += 1
        self.name = f"vv{os.getpid() % 10_000}-{Network.count}"
        self.prefix = "10.213.77"
        self.hosts = []
        ip("link", "add", self.name, "type", "bridge")
        ip("addr", "add", f"{self.prefix}.1/24", "dev", self.name)
        ip("link", "set", self.name, "up")

    def host(self):
        self.hosts.append(Host(self, len(self.hosts)))
        return self.hosts[-1]

    def cut(self, host, others):
        """Neither hears the other; whoever is outside hears both."""
        for other in others:
            host.deafen(other)
            other.deafen(host)

    def mend(self, host, others):
        for other in others:
            host.hear(other)
            other.hear(host)

    def end(self):
        for host in self.hosts:
            subprocess.run(["ip", "link", "del", host.outer], check=False)
            subprocess.run(["ip", "netns", "del", host.name], check=False)
        subprocess.run(["ip", "link", "del", self.name], check=False)


@pytest.fixture
def network():
    if shutil.which("ip") is None or os.geteuid() != 0:
        pytest.skip("network namespaces need root and iproute2")
    try:
        made = Network()
    except subprocess.CalledProcessError as error:
        pytest.skip(f"no network namespaces here: {error.stderr.strip()}")
    yield made
    made.end()
