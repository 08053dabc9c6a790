import Cluster
import Raft
import Storage
import Testing

/// The rules of the meta group's commands.
@Suite struct MetaStateTests {
    @Test func aFoundedClusterHoldsAllOnItsFounder() {
        var log = ClusterLog()
        #expect(log.join() == .refused(.notFounded))
        #expect(log.found(shardCount: 3) == .done)
        #expect(log.state.assignments.count == 4)
        #expect(log.state.assignments.values.allSatisfy { $0 == nodes(1) })
        #expect(log.found() == .refused(.alreadyFounded(clusterID: 0xc0ffee)))
        #expect(log.state.appliedIndex == 3)
    }

    @Test func aJoinIsAnsweredOnceAndForAll() {
        var log = ClusterLog(shardCount: 2, zones: [nil])
        let join = ClusterCommand.join(newcomer("web", token: 77), replaces: nil)
        #expect(log.apply(join) == .joined(node(2)))
        #expect(log.apply(join) == .joined(node(2)))
        #expect(log.state.members.count == 2)
        #expect(log.state.wanted(ClusterState.metaGroup).learners == nodes(2))
        log.apply(.setMemberState(node(2), .gone))
        #expect(log.apply(join) == .refused(.memberGone(node(2))))
    }

    @Test func anEntryIsAppliedOnce() {
        var log = ClusterLog(shardCount: 2, zones: [nil])
        let state = log.state
        #expect(log.state.apply(index: 1, .raiseFeatureLevel(9)) == .duplicate)
        #expect(log.state == state)
    }

    @Test func whoeverJoinsAZonedClusterNamesAZone() {
        var log = ClusterLog(shardCount: 2, zones: ["a"])
        #expect(log.join() == .refused(.zoneMissing(name: "n2")))
        #expect("\(ClusterRefusal.zoneMissing(name: "n2"))".contains("--zone"))
        #expect(log.join(zone: "b") == .joined(node(2)))
        let moved = ClusterCommand.updateMember(
            node(2), address: "n2:1", httpAddress: "n2:2", zone: nil, featureLevel: 1)
        #expect(log.apply(moved) == .refused(.zoneMissing(name: "n2")))
    }

    @Test func aNameIsHeldUntilItsHolderIsReplaced() {
        var log = ClusterLog(shardCount: 2, zones: ["a", "b", "c"])
        log.apply(.assign(GroupID(1), nodes(3, 2, 1)))
        log.apply(.assign(GroupID(2), nodes(1, 3)))
        let again = newcomer("n2", zone: "b", token: 99)
        #expect(
            log.apply(.join(again, replaces: nil))
                == .refused(.nameTaken(name: "n2", by: node(2))))
        #expect(
            log.apply(.join(again, replaces: node(3)))
                == .refused(.nameTaken(name: "n2", by: node(2))))
        #expect(log.apply(.join(again, replaces: node(2))) == .joined(node(4)))
        #expect(log.state.members[node(2)]?.state == .gone)
        #expect(log.state.assignments[GroupID(1)] == nodes(3, 4, 1))
        #expect(log.state.assignments[GroupID(2)] == nodes(1, 3))
        #expect(log.apply(.join(again, replaces: node(2))) == .joined(node(4)))
    }

    @Test func aWitnessReplacesNoKeeperOfData() {
        var log = ClusterLog(shardCount: 1, zones: ["a", "b"])
        let witness = newcomer("n2", zone: "b", isWitness: true, token: 9)
        #expect(
            log.apply(.join(witness, replaces: node(2)))
                == .refused(.cannotReplace(node(2), name: "n2")))
    }

    @Test func anOldBinaryIsToldWhatIsNeeded() {
        var log = ClusterLog()
        log.found(featureLevel: 3)
        let old = ClusterRefusal.featureLevelTooLow(has: 2, needs: 3)
        #expect(
            log.apply(.join(newcomer("x", featureLevel: 2, token: 5), replaces: nil))
                == .refused(old))
        #expect("\(old)".contains("feature level 3"))
        log.apply(.join(newcomer("y", featureLevel: 4, token: 6), replaces: nil))
        #expect(
            log.apply(.raiseFeatureLevel(4))
                == .refused(.featureLevelHeldBack(by: nodes(1), level: 4)))
        log.apply(
            .updateMember(
                node(1), address: "a:1", httpAddress: "a:2", zone: nil, featureLevel: 4))
        #expect(log.apply(.raiseFeatureLevel(4)) == .done)
        #expect(
            log.apply(.raiseFeatureLevel(3))
                == .refused(.featureLevelBelow(current: 4, level: 3)))
        #expect(log.state.featureLevel == 4)
    }

    @Test func whoIsGoneStaysGone() {
        var log = ClusterLog(shardCount: 1, zones: [nil, nil])
        #expect(log.apply(.setMemberState(node(2), .draining)) == .done)
        #expect(log.apply(.setMemberState(node(1), .draining)) == .refused(.lastMember(node(1))))
        #expect(log.apply(.setMemberState(node(2), .active)) == .done)
        #expect(log.apply(.setMemberState(node(2), .gone)) == .done)
        #expect(log.apply(.setMemberState(node(2), .gone)) == .done)
        #expect(log.apply(.setMemberState(node(2), .active)) == .refused(.memberGone(node(2))))
        #expect(log.apply(.setMemberState(node(9), .gone)) == .refused(.unknownMember(node(9))))
    }

    @Test(arguments: [
        (GroupID(9), [1], ClusterRefusal.unknownGroup(GroupID(9))),
        (GroupID(1), [], .badAssignment(GroupID(1), reason: "0 replicas")),
        (GroupID(1), [1, 1], .badAssignment(GroupID(1), reason: "a node is named twice")),
        (GroupID(1), [7], .unknownMember(NodeID(7))),
        (GroupID(1), [2], .memberGone(NodeID(2))),
        (
            GroupID(1), [3],
            .badAssignment(GroupID(1), reason: "node 3 is a witness and keeps no data")
        ),
    ])
    func anAssignmentNamesMembers(_ group: GroupID, _ replicas: [UInt64], refusal: ClusterRefusal) {
        var log = ClusterLog(shardCount: 2, zones: [nil, nil])
        log.join(isWitness: true)
        log.apply(.setMemberState(node(2), .gone))
        let before = log.state.assignments
        #expect(
            log.apply(.assign(group, replicas.map { NodeID($0) })) == .refused(refusal))
        #expect(log.state.assignments == before)
        #expect(log.apply(.assign(ClusterState.metaGroup, nodes(1, 3))) == .done)
    }

    @Test(arguments: ["", "two words", "line\nbreak", String(repeating: "x", count: 256)])
    func namesAreWords(name: String) {
        var log = ClusterLog(shardCount: 1, zones: [nil])
        var bad = newcomer("x", token: 3)
        bad.name = name
        #expect(log.apply(.join(bad, replaces: nil)) == .refused(.badName(name)))
    }

    @Test(arguments: ["", "host", ":1", "host:", "host:0", "host:70000", "ho st:1"])
    func addressesAreHostAndPort(address: String) {
        var log = ClusterLog(shardCount: 1, zones: [nil])
        var bad = newcomer("x", token: 3)
        bad.address = address
        #expect(log.apply(.join(bad, replaces: nil)) == .refused(.badAddress(address)))
    }

    @Test func settingsThatNoClusterCanHaveAreRefused() {
        var log = ClusterLog(shardCount: 1, zones: [nil])
        let bad: [(ClusterSetting, Int64?)] = [
            (.seriesMax, -1), (.seriesMax, 0), (.streamsMax, nil), (.retention, 1),
            (.futureMax, -1), (.idleAfter, 60_000_000_001), (.idleAfter, 1),
        ]
        for (setting, value) in bad {
            #expect(log.apply(.set(setting, value)) == .refused(.badSetting(setting)))
        }
        #expect(log.state.settings == ClusterSettings())
    }

    @Test func eachSettingIsSetByItself() {
        var log = ClusterLog(shardCount: 1, zones: [nil])
        for setting in ClusterSetting.allCases {
            let before = log.state.settings
            let value: Int64 = setting.isDuration ? 86_400_000_000_000 * 7 : 5
            #expect(log.apply(.set(setting, value)) == .done)
            for other in ClusterSetting.allCases {
                #expect(log.state.settings[other] == (other == setting ? value : before[other]))
            }
            #expect(ClusterSetting(name: setting.name) == setting)
        }
        #expect(log.apply(.set(.retention, nil)) == .done)
        let decided = log.state.settings.decide(NodeConfiguration())
        #expect(decided.retentionNanos == nil && decided.shardLimits?.seriesMax == 5)
        // A new replica begins as all did, and has the rest from its log.
        #expect(decided.shard.limits == ShardLimits())
    }

    @Test func theSurvivorsGoOn() {
        var log = ClusterLog(shardCount: 2, zones: ["a", "b", "c"])
        log.apply(.setMemberState(node(3), .draining))
        log.apply(.assign(GroupID(1), nodes(1, 2, 3)))
        let before = log.state
        let bad: [(UInt64, [NodeID], [NodeID])] = [
            (0, nodes(3), nodes(3, 3, 3)), (7, nodes(3), nodes(3, 3)),
            (7, nodes(3), nodes(3, 2, 3)), (7, nodes(3, 9), nodes(3, 3, 3)),
        ]
        for (id, survivors, holders) in bad {
            let outcome = log.apply(
                .recover(clusterID: id, survivors: survivors, holders: holders))
            guard case .refused = outcome else {
                Issue.record("\(id) \(survivors) \(holders) is taken")
                continue
            }
        }
        #expect(log.state.members == before.members)
        #expect(
            log.apply(.recover(clusterID: 7, survivors: nodes(2, 3), holders: nodes(2, 3, 2)))
                == .done)
        #expect(log.state.clusterID == 7 && log.state.presentMembers.map(\.id) == nodes(2, 3))
        #expect(log.state.presentMembers.allSatisfy { $0.state == .active })
        #expect(log.state.wanted(GroupID(0)).voters == nodes(2))
        #expect(log.state.wanted(GroupID(1)).voters == nodes(3))
        // The lost one's name is free, its id is not.
        #expect(
            log.apply(.join(newcomer("n1", zone: "a", token: 77), replaces: nil))
                == .joined(node(4)))
    }
}
