import Cluster
import Raft
import Testing

/// What people are told of a cluster.
@Suite struct ClusterHealthTests {
    /// A cluster at rest with all groups as assigned, led by the first.
    struct Scene {
        var log: ClusterLog
        var live: Set<NodeID>
        var reports: [GroupID: GroupReport] = [:]

        init(zones: [String?], assignments: [[NodeID]], meta: [NodeID]) {
            log = ClusterLog(shardCount: assignments.count, zones: zones)
            live = Set(log.state.members.keys)
            for (place, replicas) in ([meta] + assignments).enumerated() {
                log.apply(.assign(GroupID(UInt32(place)), replicas))
            }
            report()
        }

        mutating func report() {
            for (group, replicas) in log.state.assignments {
                reports[group] = GroupReport(
                    leader: replicas[0], term: 3, commitIndex: 100, appliedIndex: 100,
                    voters: replicas, learners: log.state.wanted(group).learners)
            }
        }

        var slow: Set<NodeID> = []

        var health: ClusterHealth {
            ClusterHealth(log.state, live: live, reports: reports, slow: slow)
        }
    }

    static func threeZones() -> Scene {
        Scene(
            zones: ["a", "b", "c"],
            assignments: [nodes(1, 2, 3), nodes(2, 3, 1), nodes(3, 1, 2), nodes(1, 2, 3)],
            meta: nodes(1, 2, 3))
    }

    @Test func aNodeAloneIsHealthy() {
        let health = Scene(zones: [nil], assignments: [nodes(1)], meta: nodes(1)).health
        #expect(health.isHealthy && health.warnings.isEmpty && health.moving.isEmpty)
    }

    @Test func whatNobodyConfirmsIsNotHealthy() {
        let scene = Self.threeZones()
        func health(_ unheard: [NodeID], isCurrent: Bool) -> ClusterHealth {
            ClusterHealth(
                scene.log.state, live: scene.live, reports: scene.reports,
                unheard: Set(unheard), isStateCurrent: isCurrent)
        }
        #expect(health([], isCurrent: true).isHealthy)
        let silent = health(nodes(2), isCurrent: true)
        #expect(!silent.isHealthy)
        #expect(silent.members.map(\.hasAnswered) == [true, false, true])
        #expect(
            silent.upgradeCheck(zone: "a") == ["no answer on how their groups are: n2"])
        let old = health([], isCurrent: false)
        #expect(!old.isHealthy)
        #expect(
            old.upgradeCheck(zone: "a") == ["the meta group does not say what it decided last"])
    }

    @Test func threeZonesAreHealthyAndMayRestartOneByOne() {
        let health = Self.threeZones().health
        #expect(health.isHealthy && health.warnings.isEmpty)
        #expect(health.members.map(\.replicaCount) == [4, 4, 4])
        #expect(health.members.map(\.leaderCount) == [2, 1, 1])
        for zone in ["a", "b", "c"] { #expect(health.upgradeCheck(zone: zone).isEmpty) }
        #expect(
            health.upgradeCheck(restarting: Set(nodes(1, 2)))
                == ["would lose the majority: the meta group, shards 0, 1, 2, 3"])
        #expect(health.upgradeCheck(zone: "x") == ["no member is in zone x"])
    }

    @Test func whoHasReplicasOrIsNeededStays() {
        var scene = Self.threeZones()
        #expect(
            scene.health.removalCheck(node(3)) == [
                "it lives and has 4 replicas: drain it and wait"
            ])
        // Those that it led have another leader, which has not come to word yet, and has then.
        scene.live.remove(node(3))
        #expect(scene.health.removalCheck(node(3)) == ["without a leader: shard 2"])
        scene.reports[GroupID(3)]?.leader = node(1)
        #expect(scene.health.removalCheck(node(3)).isEmpty)
        // One of two of the others is far behind.
        scene.reports[GroupID(2)]?.lags = [node(1): Steward.lagEntriesMax + 1]
        #expect(scene.health.removalCheck(node(3)) == ["would lose the majority: shard 1"])
        #expect(scene.health.removalCheck(node(4)) == ["it is no member"])
    }

    @Test func nobodyLeavesOnOldNews() {
        var scene = Self.threeZones()
        scene.log.join(zone: "c")
        scene.live.insert(node(4))
        func check(_ unheard: [NodeID], isCurrent: Bool) -> [String] {
            ClusterHealth(
                scene.log.state, live: scene.live, reports: scene.reports,
                unheard: Set(unheard), isStateCurrent: isCurrent
            ).removalCheck(node(4))
        }
        #expect(check([], isCurrent: true).isEmpty)
        #expect(check(nodes(2), isCurrent: true) == ["no answer on how their groups are: n2"])
        #expect(
            check([], isCurrent: false) == ["the meta group does not say what it decided last"])
    }

    @Test func aSlowDiskIsSaid() {
        var scene = Self.threeZones()
        scene.slow = [node(2)]
        #expect(
            scene.health.warnings.last?.hasSuffix("is to lead nothing: its disk is slow") == true)
        for (group, var report) in scene.reports {
            report.leader = node(1)
            scene.reports[group] = report
        }
        #expect(scene.health.warnings.last?.hasSuffix("leads nothing: its disk is slow") == true)
        #expect(scene.health.isHealthy)
    }

    @Test func aLostNodeShowsAndStopsARestart() {
        var scene = Self.threeZones()
        scene.live.remove(node(3))
        let health = scene.health
        #expect(!health.isHealthy)
        #expect(health.underReplicated.count == 5)
        #expect(health.leaderless == [GroupID(3)])
        #expect(health.groups.allSatisfy { $0.hasMajority })
        let reasons = health.upgradeCheck(zone: "a")
        #expect(reasons.first == "without a leader: shard 2")
        #expect(reasons.last == "would lose the majority: the meta group, shards 0, 1, 2, 3")
    }

    @Test func aReplicaFarBehindDoesNotCount() {
        var scene = Self.threeZones()
        scene.reports[GroupID(2)]?.lags = [node(1): Steward.lagEntriesMax + 1]
        #expect(scene.health.underReplicated == [GroupID(2)])
        #expect(
            scene.health.upgradeCheck(zone: "b") == [
                "with fewer replicas than needed: shard 1", "would lose the majority: shard 1",
            ])
    }

    @Test func whatNobodyTellsOfHasNoLeader() {
        var scene = Self.threeZones()
        scene.reports[GroupID(1)] = nil
        #expect(scene.health.leaderless == [GroupID(1)])
        #expect(!scene.health.isHealthy)
    }

    @Test func movementsSayWhatTheyWaitFor() {
        var scene = Self.threeZones()
        scene.log.join(zone: "c")
        scene.live.insert(node(4))
        scene.report()
        scene.log.apply(.assign(GroupID(1), nodes(1, 2, 4)))
        #expect(scene.health.moving.map(\.movement) == ["node 4 is to be added"])
        scene.reports[GroupID(1)]?.learners = nodes(4)
        scene.reports[GroupID(1)]?.lags = [node(4): 70]
        #expect(scene.health.moving.map(\.movement) == ["node 4 catches up, 70 entries behind"])
        scene.reports[GroupID(1)]?.waitsFor = "node 4 gets an image"
        #expect(scene.health.moving.map(\.movement) == ["node 4 gets an image"])
        #expect(scene.health.upgradeCheck(zone: "a") == ["still moving: shard 0"])
        scene.reports[GroupID(1)]?.isJoint = true
        #expect(scene.health.moving.map(\.movement) == ["a change of members is under way"])
    }

    @Test func twoMembersAreWarnedOf() {
        let health = Scene(
            zones: [nil, nil], assignments: [nodes(1, 2)], meta: nodes(1, 2)
        ).health
        #expect(health.isHealthy)
        #expect(
            health.warnings == [
                "two members keep data: the loss of n1 or n2 stops writes until a third joins"
            ])
    }

    @Test func ofTwoZonesEachIsNamedWithWhatItsLossStops() {
        var scene = Scene(
            zones: ["a", "a", "b", "b"],
            assignments: [nodes(1, 2, 3), nodes(1, 3, 4)], meta: nodes(1, 2, 4))
        #expect(
            scene.health.warnings.prefix(2) == [
                "two zones: the loss of zone a stops writes of the meta group, shard 0",
                "two zones: the loss of zone b stops writes of shard 1",
            ])
        #expect(scene.health.warnings.last?.contains("a witness") == true)
        scene.log.join(zone: "c", isWitness: true)
        scene.log.apply(.assign(ClusterState.metaGroup, nodes(1, 3, 5)))
        scene.live.insert(node(5))
        scene.report()
        #expect(scene.health.warnings.count == 2)
        #expect(scene.health.warnings[0] == "two zones: the loss of zone a stops writes of shard 0")
    }

    @Test func aZoneWithAMajorityIsNamed() {
        let health = Scene(
            zones: ["a", "a", "b", "c"], assignments: [nodes(1, 2, 3), nodes(1, 3, 4)],
            meta: nodes(1, 3, 4)
        ).health
        #expect(
            health.warnings == [
                "zone a has a majority of shard 0: its loss stops their writes"
            ])
    }

    @Test func whoeverHoldsTheFeatureLevelBackIsNamed() {
        var scene = Self.threeZones()
        func restart(_ number: UInt64, _ zone: String) -> ClusterCommand {
            .updateMember(
                node(number), address: "h:1", httpAddress: "h:2", zone: zone, featureLevel: 2)
        }
        scene.log.apply(restart(1, "a"))
        scene.log.apply(restart(2, "b"))
        #expect(
            scene.health.warnings == [
                "the cluster stays at feature level 1, of 2 possible, because of n3 (1)"
            ])
        scene.log.apply(restart(3, "c"))
        #expect(scene.health.warnings.first?.contains("raise the cluster's from 1") == true)
    }

    @Test func aMemberWithoutAZoneAmongZonesIsNamed() {
        let health = Scene(
            zones: [nil, "b", "c"], assignments: [nodes(1, 2, 3)], meta: nodes(1, 2, 3)
        ).health
        #expect(health.warnings == ["no zone is known of n1: restart with --zone"])
    }
}
