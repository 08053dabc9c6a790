internal import Model
internal import Raft

/// The calls by which other nodes give followers here the lines of shards without a replica here,
/// and which of these shards nobody gives: since when, so that followers are told once somebody
/// does, and can read what they lack. Pure; times are ns.
struct TailCalls {
    struct Key: Hashable {
        let tenant: Tenant
        let node: NodeID
    }

    struct Place: Hashable {
        let tenant: Tenant
        let shard: Int
    }

    struct Call {
        let serial: UInt64
        let key: Key
        let shards: [Int]
        /// Of the peer call; nil while it is being made.
        var number: UInt64?
        /// Parts that came meanwhile.
        var owedParts: UInt32 = 0
        /// The shards whose lines come by it.
        var given: Set<Int> = []
        /// Since when another is wanted in its place; monotonic.
        var replacedNanos: Int64?
        /// Since when what it gives is given by others, too; monotonic.
        var coveredNanos: Int64?
    }

    /// What is wanted: every shard without a replica here that takes part, and who is to give it.
    struct Plan: Equatable {
        var tenants: Set<Tenant> = []
        var shards: Set<Int> = []
        var byNode: [NodeID: [Int]] = [:]
    }

    /// What to do for a plan, and since when (wall time) shards were not given that need not be any
    /// more.
    struct Changes {
        var begun: [Call] = []
        var cancelled: [UInt64] = []
        var gaps: [Tenant: Int64] = [:]
    }

    /// A call goes on for so long beside those in its place: it may be behind them.
    private static let besideNanos: Int64 = 2_000_000_000
    /// The same when they do not begin.
    private static let replacedNanosMax: Int64 = 10_000_000_000

    private var calls: [UInt64: Call] = [:]
    private var nextSerial: UInt64 = 0
    /// Since when followed shards are not given; wall time.
    private var missing: [Place: Int64] = [:]
    private var plan = Plan()
    /// All of the plan is given, by nobody else than it says.
    private var isSettled = false

    var isEmpty: Bool { calls.isEmpty }
    /// Peer calls that are open.
    var numbers: [UInt64] { calls.values.compactMap(\.number) }
    /// Tenants whose followers are given everything.
    var whole: Set<Tenant> { plan.tenants.subtracting(missing.keys.map(\.tenant)) }

    /// Follows a plan.
    mutating func follow(_ plan: Plan, nowNanos: Int64, wallNanos: Int64) -> Changes {
        var changes = Changes()
        if isSettled, plan == self.plan { return changes }
        self.plan = plan
        replace(plan, nowNanos, &changes)
        begin(plan, &changes)
        for (place, since) in missing
        where !plan.tenants.contains(place.tenant) || !plan.shards.contains(place.shard) {
            missing[place] = nil
            guard plan.tenants.contains(place.tenant) else { continue }
            // There is a replica here now.
            changes.gaps[place.tenant] = min(changes.gaps[place.tenant] ?? since, since)
        }
        noteMissing(wallNanos)
        isSettled = missing.isEmpty && calls.values.allSatisfy { $0.replacedNanos == nil }
        return changes
    }

    private mutating func noteMissing(_ wallNanos: Int64) {
        let given = Set(calls.values.flatMap { Self.places($0) })
        for tenant in plan.tenants {
            for shard in plan.shards {
                let place = Place(tenant: tenant, shard: shard)
                if !given.contains(place), missing[place] == nil { missing[place] = wallNanos }
            }
        }
    }

    private mutating func replace(_ plan: Plan, _ now: Int64, _ changes: inout Changes) {
        for (serial, call) in calls where call.replacedNanos == nil {
            let isFollowed = plan.tenants.contains(call.key.tenant)
            if !isFollowed || plan.byNode[call.key.node] != call.shards {
                calls[serial]?.replacedNanos = now
            }
        }
        let given = Set(
            calls.values.filter { $0.replacedNanos == nil }.flatMap { Self.places($0) })
        for (serial, call) in calls {
            guard let replaced = call.replacedNanos else { continue }
            let isCovered = Self.places(call).allSatisfy {
                given.contains($0) || !plan.shards.contains($0.shard)
            }
            if isCovered, call.coveredNanos == nil { calls[serial]?.coveredNanos = now }
            let isOver =
                calls[serial]?.coveredNanos.map { now - $0 >= Self.besideNanos } ?? false
            guard
                isOver || now - replaced >= Self.replacedNanosMax
                    || !plan.tenants.contains(call.key.tenant)
            else { continue }
            calls[serial] = nil
            if let number = call.number { changes.cancelled.append(number) }
        }
    }

    private mutating func begin(_ plan: Plan, _ changes: inout Changes) {
        let current = Set(calls.values.filter { $0.replacedNanos == nil }.map(\.key))
        for tenant in plan.tenants {
            for (node, shards) in plan.byNode.sorted(by: { $0.key < $1.key }) {
                let key = Key(tenant: tenant, node: node)
                guard !current.contains(key) else { continue }
                nextSerial += 1
                let call = Call(serial: nextSerial, key: key, shards: shards)
                calls[nextSerial] = call
                changes.begun.append(call)
            }
        }
    }

    /// The peer call was made: how many parts came meanwhile; nil when it is over already.
    mutating func made(_ serial: UInt64, number: UInt64) -> UInt32? {
        calls[serial]?.number = number
        return calls[serial]?.owedParts
    }

    /// A part came: the number of the peer call, if it is known.
    mutating func came(_ serial: UInt64) -> UInt64? {
        guard let number = calls[serial]?.number else {
            calls[serial]?.owedParts += 1
            return nil
        }
        return number
    }

    /// What is applied there of all its shards but these will come. Since when its followers lacked
    /// something of them, wall time; nil when they did not.
    mutating func opened(_ serial: UInt64, without unread: Set<Int>) -> Int64? {
        guard let call = calls[serial] else { return nil }
        let given = Set(call.shards).subtracting(unread)
        calls[serial]?.given = given
        isSettled = false
        return given.compactMap {
            missing.removeValue(forKey: Place(tenant: call.key.tenant, shard: $0))
        }.min()
    }

    /// The call ended by itself; `sinceNanos`: from when on (wall time) it lacked lines. Whether
    /// anybody followed it, and from when on they lack what others give meanwhile.
    mutating func ended(_ serial: UInt64, sinceNanos: Int64) -> (isFollowed: Bool, gap: Int64?) {
        guard let call = calls.removeValue(forKey: serial) else { return (false, nil) }
        isSettled = false
        guard plan.tenants.contains(call.key.tenant) else { return (false, nil) }
        let given = Set(calls.values.flatMap { Self.places($0) })
        var gap: Int64?
        for place in Self.places(call) {
            if given.contains(place) {
                gap = sinceNanos
            } else {
                missing[place] = min(missing[place] ?? sinceNanos, sinceNanos)
            }
        }
        return (true, gap)
    }

    private static func places(_ call: Call) -> [Place] {
        call.given.map { Place(tenant: call.key.tenant, shard: $0) }
    }
}
