import Cluster
import Platform
import Raft
import Simulator
import Testing

/// How a directory becomes a member's, as far as it needs nobody else: the rest is in
/// Tests/EndToEnd/test_cluster_refusals.py.
@Suite struct ClusterEntryTests {
    static func entry(
        _ way: ClusterEntry.Way, name: String = "n1", zone: String? = "a", isNameGiven: Bool = true
    ) -> ClusterEntry {
        ClusterEntry(
            way: way,
            profile: ClusterProfile(
                name: name, zone: zone, address: "127.0.0.1:8781", httpAddress: "127.0.0.1:8780"),
            isNameGiven: isNameGiven, security: .plain)
    }

    static func world(_ disk: any Disk) -> Node.Surroundings {
        Node.Surroundings(
            disk: disk, time: SystemTime(), timers: SystemTimers(), random: SystemRandom(),
            telemetry: Telemetry(), onFatal: { _ in })
    }

    @Test func aNodeOfOneIsNoMember() async throws {
        let disk = SimulatedDisk(seed: 1)
        let place = try await Self.entry(.goOn).enter(in: Self.world(disk))
        #expect(place == nil)
    }

    @Test func aFounderGoesOnAsItself() async throws {
        let disk = SimulatedDisk(seed: 1)
        let founded = try #require(try await Self.entry(.found).enter(in: Self.world(disk)))
        #expect(founded.identity.node == ClusterPlace.founder)
        disk.powerCycle()
        for way in [ClusterEntry.Way.found, .goOn, .join([.inet(host: "127.0.0.1", port: 1)])] {
            let again = try #require(try await Self.entry(way).enter(in: Self.world(disk)))
            #expect(again.identity == founded.identity)
        }
    }

    @Test func aMemberKeepsItsNameAndMayMove() async throws {
        let disk = SimulatedDisk(seed: 1)
        _ = try await Self.entry(.found).enter(in: Self.world(disk))
        await #expect(throws: NodeError.self) {
            try await Self.entry(.goOn, name: "n2").enter(in: Self.world(disk))
        }
        let moved = Self.entry(.goOn, name: "host-7", zone: "b", isNameGiven: false)
        let place = try #require(try await moved.enter(in: Self.world(disk)))
        #expect(place.identity.name == "n1" && place.profile.name == "n1")
        #expect(place.identity.zone == "b")
        let unsaid = try #require(
            try await Self.entry(.goOn, zone: nil).enter(in: Self.world(disk)))
        #expect(unsaid.profile.zone == "b")
    }

    @Test func aWitnessDoesNotFound() async {
        var witness = Self.entry(.found)
        witness.profile.isWitness = true
        await #expect(throws: NodeError.self) {
            try await witness.enter(in: Self.world(SimulatedDisk(seed: 1)))
        }
    }

    @Test func dataOfItsOwnDoesNotJoin() async throws {
        let disk = SimulatedDisk(seed: 1)
        try disk.makeDirectories(DiskPath("journal"))
        let error = await #expect(throws: NodeError.self) {
            try await Self.entry(.join([.inet(host: "127.0.0.1", port: 1)]))
                .enter(in: Self.world(disk))
        }
        #expect(error?.description.contains("data of its own") == true)
    }
}

/// The file that says where the others were.
@Suite struct FirstPeersTests {
    @Test func theFileComesBackAfterACrash() throws {
        let disk = SimulatedDisk(seed: 1)
        let nobody = try FirstPeers.read(disk)
        #expect(nobody == FirstPeers())
        let peers = FirstPeers(addresses: [node(1): "a.example:8781", node(12): "[::1]:1"])
        try peers.write(disk)
        disk.powerCycle()
        #expect(try FirstPeers.read(disk) == peers)
        #expect(peers.text == "varve peers\nformat 1\n1 a.example:8781\n12 [::1]:1\n")
    }

    @Test(arguments: [
        ("", "begins otherwise"),
        ("varve peers\nformat 1\n0 a:1\n", "has a line '0 a:1'"),
        ("varve peers\nformat 1\n1 a\n", "has a line '1 a'"),
        ("varve peers\nformat 2\n", "has format 2"),
    ])
    func damageIsNamed(text: String, reason: String) throws {
        let error = #expect(throws: NodeError.self) { _ = try FirstPeers(parsing: text) }
        #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    }
}
