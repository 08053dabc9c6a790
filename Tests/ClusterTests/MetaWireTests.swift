import Cluster
import Raft
import Simulator
import Storage
import Testing

/// Commands and images as bytes.
@Suite struct MetaWireTests {
    static let commands: [ClusterCommand] = {
        var settings = ClusterSettings()
        settings.retentionNanos = nil
        let full = newcomer(
            "n-ü", zone: "eu-1", featureLevel: 7, isWitness: true, token: UInt64.max)
        return [
            .found(
                clusterID: 0xfeed, shardCount: 16, founder: node(1), newcomer("a", token: 4),
                settings),
            .join(full, replaces: nil), .join(full, replaces: node(5)),
            .setMemberState(node(3), .draining), .setMemberState(node(3), .gone),
            .updateMember(
                node(300), address: "a:1", httpAddress: "", zone: nil, featureLevel: 2),
            .assign(GroupID(3), nodes(3, 1, 2)), .assign(GroupID(UInt32.max), []),
            .set(.retention, nil), .set(.idleAfter, .max), .raiseFeatureLevel(9),
            .recover(clusterID: 5, survivors: nodes(2, 300), holders: nodes(2, 2, 300)),
        ]
    }()

    @Test(arguments: commands)
    func commandsComeBack(command: ClusterCommand) throws {
        let bytes = command.encoded()
        #expect(try ClusterCommand(decoding: bytes) == command)
        // Each byte counts: without its end, or with more behind it, it is no command.
        for count in 0..<bytes.count {
            #expect(throws: ClusterError.self) {
                _ = try ClusterCommand(decoding: Array(bytes[..<count]))
            }
        }
        #expect(throws: ClusterError.self) { _ = try ClusterCommand(decoding: bytes + [0]) }
    }

    @Test func laterFormatsAreNamed() {
        let expected = ClusterError.newerFormat(
            what: "cluster command", version: 2, versionMax: 1)
        #expect(throws: expected) { _ = try ClusterCommand(decoding: [2, 0]) }
        #expect(throws: ClusterError.self) { _ = try ClusterCommand(decoding: [1, 99]) }
        #expect(throws: ClusterError.self) { _ = try ClusterState(image: [9]) }
    }

    /// What is written today must be read for good.
    @Test func theBytesOfVersionOneStay() {
        #expect(
            ClusterCommand.assign(GroupID(3), nodes(300, 1)).encoded() == [1, 4, 3, 2, 172, 2, 1])
        #expect(
            ClusterCommand.join(newcomer("b", zone: "z", token: 5), replaces: nil).encoded()
                == [1, 1, 1, 98, 1, 122, 6] + Array("b:8781".utf8) + [6] + Array("b:8780".utf8)
                + [1, 0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    @Test func theImageOfVersionOneStays() {
        var settings = ClusterSettings()
        settings.limits.seriesMax = 1
        settings.limits.streamsMax = 2
        settings.limits.metadataMax = 300
        settings.limits.idleSeconds = 60
        settings.retentionNanos = 1 << 32
        settings.futureNanosMax = 6
        var state = ClusterState()
        _ = state.apply(
            index: 9,
            .found(
                clusterID: 0xc0ffee, shardCount: 1, founder: node(7), newcomer("b", token: 3),
                settings))
        func word(_ number: UInt8) -> [UInt8] { [number, 0, 0, 0, 0, 0, 0, 0] }
        var bytes: [UInt8] = [1, 0xee, 0xff, 0xc0, 0, 0, 0, 0, 0, 1, 7, 1, 0, 0, 0]
        bytes += word(8) + word(9)
        bytes += [1, 2, 172, 2, 60, 0, 0, 0, 1] + [0, 0, 0, 0, 1, 0, 0, 0] + word(6)
        bytes += [1, 7, 1, 1, 98, 0, 6] + Array("b:8781".utf8) + [6] + Array("b:8780".utf8)
        bytes += [1, 0, 0, 0, 0] + word(3)
        bytes += [2, 0, 1, 7, 1, 1, 7]
        #expect(state.image() == bytes)
    }

    @Test func imagesComeBackAndDependOnNothingButTheCommands() throws {
        #expect(try ClusterState(image: ClusterState().image()) == ClusterState())
        var log = ClusterLog(shardCount: 40, zones: ["a", "b", "c", "a", "b", "c"])
        for shard in 0..<40 {
            let first = UInt64(shard % 6)
            log.apply(
                .assign(
                    GroupID(UInt32(shard + 1)), nodes(first + 1, (first + 1) % 6 + 1)))
        }
        log.apply(.setMemberState(node(5), .gone))
        let image = log.state.image()
        #expect(try ClusterState(image: image) == log.state)
        var replica = ClusterState()
        for (place, command) in log.commands.enumerated() {
            _ = replica.apply(index: UInt64(place + 1), command)
        }
        #expect(replica.image() == image)
        for count in 0..<image.count {
            #expect(throws: ClusterError.self) {
                _ = try ClusterState(image: Array(image[..<count]))
            }
        }
    }

    @Test func bytesThatNobodyWroteAreRefusedInPeace() {
        var random = SplitMix(seed: 11)
        for command in Self.commands {
            let bytes = command.encoded()
            for _ in 0..<200 {
                var damaged = bytes
                damaged[Int.random(in: 0..<bytes.count, using: &random)] =
                    UInt8.random(in: 0...255, using: &random)
                if let read = try? ClusterCommand(decoding: damaged) {
                    var state = ClusterState()
                    _ = state.apply(index: 1, read)
                }
            }
        }
    }
}
