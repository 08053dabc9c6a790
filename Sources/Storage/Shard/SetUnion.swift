internal import Encoding
internal import Model

/// The members seen of one statsd set in one interval: exactly up to a bound, then HyperLogLog.
struct SetUnion: Sendable, Equatable {
    /// The end of the interval, ns.
    var timestamp: Int64
    /// Ascending, each once; empty once `registers` is not.
    private(set) var members: [UInt64] = []
    private(set) var registers: [UInt8] = []

    init(timestamp: Int64) { self.timestamp = timestamp }

    /// How many members, rounded when estimated.
    var count: Double {
        registers.isEmpty
            ? Double(members.count) : HyperLogLog.estimate(registers).rounded()
    }

    /// False when the increment is not well formed; nothing is changed then.
    mutating func add(_ increment: SetIncrement) -> Bool {
        let isSketch = !increment.registers.isEmpty
        if isSketch, increment.registers.count != HyperLogLog.registerCount { return false }
        if isSketch || !registers.isEmpty { turnIntoSketch() }
        if isSketch { HyperLogLog.merge(increment.registers, into: &registers) }
        if registers.isEmpty {
            members = SetUnion.merged(members, increment.members)
            if members.count > StorageLimits.setMembersExactMax { turnIntoSketch() }
        } else {
            for member in increment.members { HyperLogLog.insert(member, into: &registers) }
        }
        return true
    }

    func write(to writer: inout ByteWriter) {
        writer.i64(timestamp)
        writer.varint(UInt64(members.count))
        writer.column(members)
        writer.lengthPrefixed(registers)
    }

    static func read(_ reader: inout ByteReader) throws(EncodingError) -> SetUnion {
        var union = SetUnion(timestamp: try reader.i64())
        let count = try reader.count(limit: StorageLimits.setMembersExactMax)
        try reader.column(count: count, into: &union.members)
        union.registers = Array(try reader.lengthPrefixed())
        guard union.registers.isEmpty || union.registers.count == HyperLogLog.registerCount else {
            throw .corrupt(what: "set registers", offset: reader.offset)
        }
        return union
    }

    private mutating func turnIntoSketch() {
        guard registers.isEmpty else { return }
        registers = HyperLogLog.empty()
        for member in members { HyperLogLog.insert(member, into: &registers) }
        members = []
    }

    /// Of ascending `a` and `b` in any order; each once.
    private static func merged(_ a: [UInt64], _ b: [UInt64]) -> [UInt64] {
        var all = a + b
        all.sort()
        var result: [UInt64] = []
        result.reserveCapacity(all.count)
        for member in all where result.last != member { result.append(member) }
        return result
    }
}
