internal import Encoding

/// The members of a set in one interval, as hashes: exact up to a bound, then a HyperLogLog.
struct StatsdSet: Sendable, Equatable {
    private var members: Set<UInt64> = []
    private var registers: [UInt8] = []

    static func hash(_ member: ArraySlice<UInt8>) -> UInt64 { HyperLogLog.memberHash(member) }

    mutating func insert(_ hash: UInt64, exactMax: Int) {
        if !registers.isEmpty {
            HyperLogLog.insert(hash, into: &registers)
            return
        }
        members.insert(hash)
        guard members.count > exactMax else { return }
        registers = HyperLogLog.empty()
        for member in members { HyperLogLog.insert(member, into: &registers) }
        members = []
    }

    /// What was collected: hashes ascending, or registers; starts over.
    mutating func take() -> (members: [UInt64], registers: [UInt8]) {
        defer { self = StatsdSet() }
        return (members.sorted(), registers)
    }
}
