internal import Cluster
internal import Encoding
internal import Model
internal import Raft

/// What nodes of a cluster say to each other beyond the log, what the meta group's log holds, and
/// the small files that say whose a directory is.
extension FuzzTargets {
    static let cluster = [
        Target(
            "cluster_command",
            seeds: [
                ClusterCommand.join(newcomer, replaces: nil),
                .assign(GroupID(3), [NodeID(3), NodeID(1)]), .set(.retention, nil),
                .recover(clusterID: 7, survivors: [NodeID(3)], holders: [NodeID(3), NodeID(3)]),
            ].map { $0.encoded() }, run: command),
        Target("cluster_image", seeds: [state.image()], run: image),
        Target("group_reports", seeds: [reports], run: groupReports),
        Target("join_answer", seeds: [answer, [0, 0x6e, 0x6f]], run: joinAnswer),
        Target("image_reference", seeds: [reference], run: imageReference),
        Target(
            "cluster_files", seeds: [member, survivor, plan, firstPeers].map { Array($0.utf8) },
            run: files),
    ]

    private static let newcomer = Newcomer(
        name: "b", zone: "z", address: "b:8781", httpAddress: "b:8780", featureLevel: 1, token: 5)

    private static let state: ClusterState = {
        var state = ClusterState()
        _ = state.apply(
            index: 1,
            .found(
                clusterID: 9, shardCount: 2, founder: NodeID(1), newcomer, ClusterSettings()))
        return state
    }()

    private static let reports: [UInt8] = {
        var report = GroupReport(
            leader: NodeID(1), term: 3, commitIndex: 9, appliedIndex: 8, voters: [NodeID(1)],
            lags: [NodeID(1): 0], waitsFor: "node 2")
        report.seal = SealDigest(durableIndex: 4, completedIndex: 4, hash: 5)
        return GroupReport.encode([GroupID(0): report, GroupID(1): report])
    }()

    private static let answer: [UInt8] = {
        var writer = ByteWriter()
        writer.u8(1)
        writer.u64(9)
        writer.u64(2)
        writer.u64(1)
        writer.u32(16)
        writer.varint(1)
        writer.varint(1)
        writer.lengthPrefixed(Array("b:8781".utf8))
        return writer.bytes
    }()

    private static let reference = ImageReference(
        index: 7, term: 2, configuration: GroupConfiguration(index: 7, voters: [NodeID(1)])
    ).encoded()

    private static let identity = ClusterDirectory(
        clusterID: 9, node: NodeID(3), name: "c", zone: "z")
    private static let member = identity.text
    private static let firstPeers = FirstPeers(addresses: [NodeID(1): "a:8781"]).text
    private static let lone = Survivor(
        identity: identity, address: "c:8781", shardCount: 1, members: [NodeID(3): "c"],
        logs: [
            Survivor.Log(group: GroupID(0), lastTerm: 1, lastIndex: 4, voters: [NodeID(3)])
        ])
    private static let survivor = lone.text
    private static let plan = (try? RecoveryPlan([lone]).text) ?? ""

    /// What is read is written again as it was meant, and may be applied to any state.
    private static func command(_ bytes: [UInt8]) {
        guard let command = try? ClusterCommand(decoding: bytes) else { return }
        precondition((try? ClusterCommand(decoding: command.encoded())) == command, "changed")
        var state = state
        _ = state.apply(index: 2, command)
        precondition((try? ClusterState(image: state.image())) == state, "no image of it")
    }

    private static func image(_ bytes: [UInt8]) {
        guard let state = try? ClusterState(image: bytes) else { return }
        precondition((try? ClusterState(image: state.image())) == state, "changed")
        _ = ClusterHealth(state, live: [NodeID(1)], reports: [:]).isHealthy
    }

    private static func groupReports(_ bytes: [UInt8]) {
        guard let reports = GroupReport.decode(bytes) else { return }
        precondition(GroupReport.decode(GroupReport.encode(reports)) == reports, "changed")
    }

    private static func joinAnswer(_ bytes: [UInt8]) {
        guard case .accepted(let answer) = JoinAnswer.read(bytes) else { return }
        precondition(JoinAnswer.read(answer.encoded()) == .accepted(answer), "changed")
    }

    private static func imageReference(_ bytes: [UInt8]) {
        var sealed = ByteWriter(bytes)
        sealed.u32(CRC32C.checksum(of: bytes))
        for candidate in [bytes, sealed.bytes] {
            guard let reference = ImageReference(decoding: candidate) else { continue }
            precondition(ImageReference(decoding: reference.encoded()) == reference, "changed")
        }
    }

    private static func files(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        if let member = try? ClusterDirectory(parsing: text) {
            precondition((try? ClusterDirectory(parsing: member.text)) == member, "changed")
        }
        if let peers = try? FirstPeers(parsing: text) {
            precondition((try? FirstPeers(parsing: peers.text)) == peers, "changed")
        }
        if let plan = try? RecoveryPlan(parsing: text) {
            precondition((try? RecoveryPlan(parsing: plan.text)) == plan, "changed")
        }
        guard let survivor = try? Survivor(parsing: text) else { return }
        precondition((try? Survivor(parsing: survivor.text)) == survivor, "changed")
        _ = try? RecoveryPlan([survivor]).report([survivor]) { "\($0.nanos)" }
    }
}
