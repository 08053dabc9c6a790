import Cluster
import Raft
import Simulator
import Testing

/// Placement comes to rest, at rest all is well, and on the way nothing is done that must not be.
@Suite struct PlacementTests {
    @Test(arguments: UInt64(40)..<80)
    func anyClusterComesToRestEven(seed: UInt64) throws {
        var random = SplitMix(seed: seed)
        let shardCount = Int.random(in: 1...64, using: &random)
        let zoneCount = Int.random(in: 1...5, using: &random)
        var model = PlacementModel(seed: seed, shardCount: shardCount, zoneCount: zoneCount)
        for shard in 0..<shardCount where Bool.random(using: &random) {
            model.sizes[GroupID(UInt32(shard + 1))] = .random(in: 0...(100 << 20), using: &random)
        }
        for _ in 0..<Int.random(in: 0...11, using: &random) { model.join() }
        let roundsMax = 40 + 6 * shardCount
        try settle(&model, roundsMax, seed)
        for _ in 0..<6 {
            switch Int.random(in: 0..<5, using: &random) {
            case 0: model.join()
            case 1: model.drain()
            case 2: model.lose()
            case 3:
                if let lost = model.writtenOff.sorted().first {
                    model.replace(lost)
                    model.writtenOff.remove(lost)
                }
            default:
                // An event in the midst of moves.
                for _ in 0..<Int.random(in: 0..<4, using: &random) { _ = model.round() }
                model.join()
                model.lose()
            }
            if Bool.random(using: &random) { try settle(&model, roundsMax, seed) }
        }
        try settle(&model, roundsMax, seed)
    }

    private func settle(
        _ model: inout PlacementModel, _ roundsMax: Int, _ seed: UInt64
    ) throws {
        let rounds = model.settle(roundsMax: roundsMax)
        _ = try #require(rounds, "seed \(seed): no rest after \(roundsMax) rounds")
        #expect(model.flaws.isEmpty, "seed \(seed): \(model.flaws.prefix(3))")
        checkRest(model, seed)
    }

    /// What must hold at rest.
    private func checkRest(_ model: PlacementModel, _ seed: UInt64) {
        let state = model.state
        let keepers = state.membersByID.filter {
            $0.mayKeepData && model.live.contains($0.id)
        }
        let zones = Dictionary(grouping: keepers, by: \.failureDomain)
        let wanted = min(
            Placement.replicationFactor, state.membersByID.count(where: \.mayKeepData))
        var replicas: [NodeID: Int] = [:]
        var leaders: [NodeID: Int] = [:]
        for group in state.shardGroups {
            let assigned = state.assignments[group] ?? []
            leaders[assigned[0], default: 0] += 1
            for id in assigned { replicas[id, default: 0] += 1 }
            guard keepers.count >= wanted else { continue }
            #expect(assigned.count == wanted, "seed \(seed): \(group) \(assigned)")
            #expect(
                assigned.allSatisfy { id in keepers.contains { $0.id == id } },
                "seed \(seed): \(group) \(assigned)")
            let perZone = Dictionary(grouping: assigned) { state.members[$0]?.failureDomain }
            let most = perZone.values.map(\.count).max() ?? 0
            let spread = min(zones.count, wanted)
            #expect(most <= (wanted + spread - 1) / spread, "seed \(seed): \(group) \(assigned)")
        }
        guard keepers.count >= wanted else { return }
        for members in zones.values {
            let counts = members.map { replicas[$0.id] ?? 0 }
            #expect(
                (counts.max() ?? 0) - (counts.min() ?? 0) <= 1, "seed \(seed): replicas \(replicas)"
            )
        }
        for (zone, members) in zones {
            let share = fairShare(of: zone, zones, model.state.shardCount, wanted)
            for member in members {
                let count = Double(replicas[member.id] ?? 0)
                #expect(abs(count - share) < 2, "seed \(seed): \(zone) \(replicas)")
            }
        }
        let led = keepers.map { leaders[$0.id] ?? 0 }
        #expect((led.max() ?? 0) - (led.min() ?? 0) <= 1, "seed \(seed): leaders \(leaders)")
    }

    /// Replicas that a node of the zone should have: as even over all nodes as the bounds of zones
    /// and nodes allow. Found by raising the level of all alike until every replica has its place.
    private func fairShare(
        of zone: FailureDomain, _ zones: [FailureDomain: [Member]], _ shardCount: Int,
        _ wanted: Int
    ) -> Double {
        let spread = min(zones.count, wanted)
        let zoneMax = Double(shardCount * ((wanted + spread - 1) / spread))
        func filled(_ nodeCount: Int, _ level: Double) -> Double {
            min(Double(nodeCount) * min(level, Double(shardCount)), zoneMax)
        }
        var low = 0.0
        var high = Double(wanted * shardCount)
        for _ in 0..<60 {
            let level = (low + high) / 2
            let total = zones.values.map { filled($0.count, level) }.reduce(0, +)
            if total < Double(wanted * shardCount) { low = level } else { high = level }
        }
        let nodeCount = zones[zone]?.count ?? 1
        return filled(nodeCount, high) / Double(nodeCount)
    }

    @Test func threeZonesTakeOneReplicaEach() {
        var model = PlacementModel(seed: 1, shardCount: 16, zoneCount: 3)
        for zone in [1, 2] { model.join(zone: zone) }
        #expect(model.settle(roundsMax: 200) != nil)
        for group in model.state.shardGroups {
            #expect(Set(model.state.assignments[group] ?? []) == Set(nodes(1, 2, 3)))
        }
        let leaders = Dictionary(
            grouping: model.state.shardGroups.compactMap { model.state.assignments[$0]?.first },
            by: { $0 })
        #expect(leaders.values.map(\.count).sorted() == [5, 5, 6])
        #expect(model.state.assignments[ClusterState.metaGroup]?.count == 3)
    }

    @Test func aNewNodeTakesItsShareAndNothingElseMoves() {
        var model = PlacementModel(seed: 7, shardCount: 24, zoneCount: 3)
        for zone in [1, 2, 0, 1, 2] { model.join(zone: zone) }
        _ = model.settle(roundsMax: 400)
        let before = model.state.assignments
        model.join(zone: 0)
        _ = model.settle(roundsMax: 400)
        var moved = 0
        for group in model.state.shardGroups {
            let added = Set(model.state.assignments[group] ?? [])
                .subtracting(before[group] ?? [])
            #expect(added.isSubset(of: nodes(7)), "\(group) \(added)")
            moved += added.count
        }
        #expect(moved == 24 / 3)
    }

    @Test func aNodeMissingForAMomentMovesNothing() {
        var model = PlacementModel(seed: 2, shardCount: 16, zoneCount: 3)
        for zone in [1, 2, 0, 1, 2] { model.join(zone: zone) }
        _ = model.settle(roundsMax: 300)
        model.live.remove(node(3))
        #expect(Placement.commands(model.state, model.view).isEmpty)
        model.writtenOff.insert(node(3))
        #expect(!Placement.commands(model.state, model.view).isEmpty)
    }

    @Test func aLostThirdIsNotGivenUpWhileNobodyCanTakeItsPlace() {
        var model = PlacementModel(seed: 3, shardCount: 8, zoneCount: 3)
        for zone in [1, 2] { model.join(zone: zone) }
        _ = model.settle(roundsMax: 100)
        model.live.remove(node(3))
        model.writtenOff.insert(node(3))
        _ = model.settle(roundsMax: 10)
        for group in model.state.shardGroups {
            #expect(model.state.assignments[group]?.count == 3)
        }
        // Gone for good: two are what there is.
        model.log.apply(.setMemberState(node(3), .gone))
        #expect(model.settle(roundsMax: 100) != nil)
        for group in model.state.shardGroups {
            #expect(Set(model.state.assignments[group] ?? []) == Set(nodes(1, 2)))
        }
    }

    @Test func aDrainedLeaderIsNotPreferredAnyMore() {
        var model = PlacementModel(seed: 4, shardCount: 9, zoneCount: 1)
        for _ in 0..<3 { model.join(zone: 0) }
        _ = model.settle(roundsMax: 200)
        model.log.apply(.setMemberState(node(1), .draining))
        _ = model.round()
        for group in model.state.shardGroups {
            #expect(model.state.assignments[group]?.first != node(1))
        }
        _ = model.settle(roundsMax: 200)
        for (group, replicas) in model.state.assignments {
            #expect(!replicas.contains(node(1)), "\(group)")
        }
    }

    @Test func fiveMembersMakeFiveVotersOfTheMetaGroup() {
        var model = PlacementModel(seed: 5, shardCount: 1, zoneCount: 5)
        for zone in 1..<4 { model.join(zone: zone) }
        _ = model.settle(roundsMax: 50)
        #expect(model.state.assignments[ClusterState.metaGroup]?.count == 3)
        model.join(zone: 4)
        _ = model.settle(roundsMax: 50)
        #expect(model.state.assignments[ClusterState.metaGroup]?.count == 5)
    }

    @Test func aWitnessVotesInTheMetaGroupAndKeepsNothing() {
        var model = PlacementModel(seed: 6, shardCount: 6, zoneCount: 3)
        for zone in [0, 1, 1] { model.join(zone: zone) }
        model.join(zone: 2, isWitness: true)
        _ = model.settle(roundsMax: 200)
        let witness = node(5)
        #expect(model.state.assignments[ClusterState.metaGroup]?.contains(witness) == true)
        #expect(model.state.assignments[ClusterState.metaGroup]?.first != witness)
        for group in model.state.shardGroups {
            #expect(model.state.assignments[group]?.contains(witness) == false)
        }
        #expect(model.flaws.isEmpty, "\(model.flaws)")
    }

    @Test func aSlowNodeIsToLeadNothingUntilItIsQuickAgain() {
        var model = PlacementModel(seed: 7, shardCount: 9, zoneCount: 3)
        for zone in [1, 2] { model.join(zone: zone) }
        _ = model.settle(roundsMax: 200)
        func led() -> [NodeID: Int] {
            model.state.shardGroups.reduce(into: [:]) { counts, group in
                if let first = model.state.assignments[group]?.first {
                    counts[first, default: 0] += 1
                }
            }
        }
        #expect(led() == [node(1): 3, node(2): 3, node(3): 3])
        let before = model.state.assignments.mapValues { Set($0) }
        model.slow = [node(1)]
        _ = model.settle(roundsMax: 20)
        #expect(led().values.sorted() == [4, 5] && led()[node(1)] == nil)
        #expect(model.state.assignments[ClusterState.metaGroup]?.first != node(1))
        // Nobody could lead better than the other.
        model.slow = Set(nodes(1, 2, 3))
        #expect(model.settle(roundsMax: 20) == 0)
        model.slow = []
        _ = model.settle(roundsMax: 20)
        #expect(led() == [node(1): 3, node(2): 3, node(3): 3])
        // No data moved.
        #expect(model.state.assignments.mapValues { Set($0) } == before)
        #expect(model.flaws.isEmpty, "\(model.flaws)")
    }

    @Test func smallGroupsMoveTogetherAndLargeOnesTwoAtATime() {
        var log = ClusterLog(shardCount: 1_000, zones: ["a", "b", "c"])
        var view = Placement.View(live: Set(nodes(1, 2, 3)))
        #expect(Placement.commands(log.state, view).count { $0.isOfShard } == 2)
        for shard in 1...1_000 { view.sizes[GroupID(UInt32(shard))] = 100 << 10 }
        var rounds = 0
        while true {
            let commands = Placement.commands(log.state, view)
            guard commands.contains(where: \.isOfShard) else { break }
            rounds += 1
            for command in commands { log.apply(command) }
        }
        #expect(rounds <= 4)
        #expect(log.state.assignments.values.allSatisfy { $0.count == 3 })
    }

    @Test func theEmptierOfTwoIsChosen() {
        let log = ClusterLog(shardCount: 1, zones: [nil, nil, nil, nil])
        let view = Placement.View(
            live: Set(nodes(1, 2, 3, 4)),
            loads: [node(2): 900, node(3): 10, node(4): 20])
        let commands = Placement.commands(log.state, view)
        #expect(commands.contains(.assign(GroupID(1), nodes(1, 3, 4))))
        #expect(commands == Placement.commands(log.state, view))
    }
}

extension ClusterCommand {
    /// Whether it assigns replicas of a shard.
    fileprivate var isOfShard: Bool {
        if case .assign(let group, _) = self { return group != ClusterState.metaGroup }
        return false
    }
}
