internal import Platform
internal import Raft

/// The rules of each command. A rule that fails throws before anything has changed.
extension ClusterState {
    mutating func perform(_ command: ClusterCommand) throws(ClusterRefusal) -> ClusterOutcome {
        if case .found(let id, let shardCount, let founder, let newcomer, let settings) = command {
            try found(id, shardCount: shardCount, founder, newcomer, settings)
            return .done
        }
        guard isFounded else { throw .notFounded }
        switch command {
        case .found: break
        case .join(let newcomer, let replaced):
            return .joined(try join(newcomer, replaces: replaced))
        case .setMemberState(let id, let state): try setState(id, state)
        case .updateMember(let id, let address, let httpAddress, let zone, let level):
            var member = try present(id)
            member.address = address
            member.httpAddress = httpAddress
            member.zone = zone
            member.featureLevel = level
            try update(member)
        case .assign(let group, let replicas): try assign(group, replicas)
        case .set(let setting, let value):
            guard setting.allows(value) else { throw .badSetting(setting) }
            settings[setting] = value
        case .raiseFeatureLevel(let level): try raiseFeatureLevel(level)
        case .recover(let id, let survivors, let holders):
            try recover(id, survivors, holders)
        }
        return .done
    }

    private mutating func found(
        _ id: UInt64, shardCount: Int, _ founder: NodeID, _ newcomer: Newcomer,
        _ settings: ClusterSettings
    ) throws(ClusterRefusal) {
        guard !isFounded else { throw .alreadyFounded(clusterID: clusterID) }
        guard id != 0 else { throw .badName(hexadecimal(id)) }
        guard (1...DataDirectory.shardCountMax).contains(shardCount) else {
            throw .badShardCount(shardCount)
        }
        if let flaw = newcomer.flaw { throw flaw }
        if let flaw = settings.flaw { throw .badSetting(flaw) }
        // A witness keeps no data, and somebody must; ids must not run out either.
        guard !newcomer.isWitness, founder.number < UInt64.max else { throw .lastMember(founder) }
        clusterID = id
        self.shardCount = shardCount
        self.founder = founder
        self.settings = settings
        featureLevel = newcomer.featureLevel
        nextNodeNumber = founder.number + 1
        members[founder] = Member(id: founder, newcomer)
        for group in [ClusterState.metaGroup] + shardGroups { assignments[group] = [founder] }
    }

    private mutating func join(
        _ newcomer: Newcomer, replaces replaced: NodeID?
    ) throws(ClusterRefusal) -> NodeID {
        if let known = membersByID.first(where: { $0.token == newcomer.token }) {
            guard known.state != .gone else { throw .memberGone(known.id) }
            return known.id
        }
        if let flaw = newcomer.flaw { throw flaw }
        guard newcomer.featureLevel >= featureLevel else {
            throw .featureLevelTooLow(has: newcomer.featureLevel, needs: featureLevel)
        }
        let holder = presentMembers.first { $0.name == newcomer.name }
        if let holder, holder.id != replaced {
            throw .nameTaken(name: newcomer.name, by: holder.id)
        }
        if let holder, Mutant.isOn(.reusesIdentity) { return holder.id }
        try checkReplaced(replaced, newcomer)
        if newcomer.zone == nil, presentMembers.contains(where: { $0.zone != nil }) {
            throw .zoneMissing(name: newcomer.name)
        }
        guard members.count < ClusterState.membersMax, nextNodeNumber < UInt64.max,
            let id = NodeID(nonzero: nextNodeNumber)
        else { throw .tooManyMembers(ClusterState.membersMax) }
        nextNodeNumber += 1
        members[id] = Member(id: id, newcomer)
        if let holder {
            members[holder.id]?.state = .gone
            for (group, replicas) in assignments where replicas.contains(holder.id) {
                assignments[group] = replicas.map { $0 == holder.id ? id : $0 }
            }
        }
        return id
    }

    /// Only a member of the same name and kind has places that the newcomer can take. One that is
    /// gone by now has none: the newcomer joins like any other.
    private func checkReplaced(
        _ replaced: NodeID?, _ newcomer: Newcomer
    ) throws(ClusterRefusal) {
        guard let replaced else { return }
        guard let member = members[replaced], member.name == newcomer.name,
            member.state == .gone || member.isWitness == newcomer.isWitness
        else { throw .cannotReplace(replaced, name: newcomer.name) }
    }

    private mutating func setState(
        _ id: NodeID, _ state: Member.State
    ) throws(ClusterRefusal) {
        guard var member = members[id] else { throw .unknownMember(id) }
        guard member.state != state else { return }
        guard member.state != .gone else { throw .memberGone(id) }
        if state != .active, member.mayKeepData,
            !members.values.contains(where: {
                $0.mayKeepData && $0.id != id
            })
        {
            throw .lastMember(id)
        }
        member.state = state
        members[id] = member
    }

    private mutating func update(_ member: Member) throws(ClusterRefusal) {
        for text in [member.address, member.httpAddress] where !Newcomer.isAddress(text) {
            throw .badAddress(text)
        }
        if let zone = member.zone {
            guard Newcomer.isName(zone) else { throw .badName(zone) }
        } else if presentMembers.contains(where: { $0.zone != nil && $0.id != member.id }),
            members[member.id]?.zone != nil
        {
            throw .zoneMissing(name: member.name)
        }
        guard member.featureLevel >= featureLevel else {
            throw .featureLevelTooLow(has: member.featureLevel, needs: featureLevel)
        }
        members[member.id] = member
    }

    private mutating func assign(
        _ group: GroupID, _ replicas: [NodeID]
    ) throws(ClusterRefusal) {
        guard assignments[group] != nil else { throw .unknownGroup(group) }
        guard (1...ClusterState.replicasMax).contains(replicas.count) else {
            throw .badAssignment(group, reason: "\(replicas.count) replicas")
        }
        guard Set(replicas).count == replicas.count else {
            throw .badAssignment(group, reason: "a node is named twice")
        }
        for id in replicas {
            let member = try present(id)
            guard group == ClusterState.metaGroup || !member.isWitness else {
                throw .badAssignment(group, reason: "\(id) is a witness and keeps no data")
            }
        }
        assignments[group] = replicas
    }

    private mutating func raiseFeatureLevel(_ level: UInt32) throws(ClusterRefusal) {
        guard level >= featureLevel else {
            throw .featureLevelBelow(current: featureLevel, level: level)
        }
        let late = presentMembers.filter { $0.featureLevel < level }
        guard late.isEmpty else {
            throw .featureLevelHeldBack(by: late.map(\.id), level: level)
        }
        featureLevel = level
    }

    private mutating func recover(
        _ id: UInt64, _ survivors: [NodeID], _ holders: [NodeID]
    ) throws(ClusterRefusal) {
        guard id != 0 else { throw .badName(hexadecimal(id)) }
        guard holders.count == shardCount + 1 else { throw .badShardCount(holders.count - 1) }
        var stays: Set<NodeID> = []
        for node in survivors { stays.insert(try present(node).id) }
        for (number, holder) in holders.enumerated() {
            let group = GroupID(UInt32(number))
            let isWitness = try present(holder).isWitness
            guard stays.contains(holder), group == ClusterState.metaGroup || !isWitness else {
                throw .badAssignment(group, reason: "\(holder) can not hold it")
            }
        }
        clusterID = id
        for node in members.keys { members[node]?.state = stays.contains(node) ? .active : .gone }
        for (number, holder) in holders.enumerated() {
            assignments[GroupID(UInt32(number))] = [holder]
        }
    }

    private func present(_ id: NodeID) throws(ClusterRefusal) -> Member {
        guard let member = members[id] else { throw .unknownMember(id) }
        guard member.state != .gone else { throw .memberGone(id) }
        return member
    }
}
