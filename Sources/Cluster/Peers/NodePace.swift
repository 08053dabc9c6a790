internal import Encoding
internal import Replication

/// How quick a node is, as it says to its peers with every word of what it leads.
struct NodePace: Hashable, Sendable {
    /// By its own measuring, how many times longer than usual elections should wait:
    /// 1 to `Replicator.patienceMax`.
    var patience = 1
    /// Its disk is slow beside those of others: it is to lead nothing.
    var isSlow = false
    /// What 99 of 100 syncs of its journal took at most, in µs; 0: there were too few to say.
    var syncMicros: UInt32 = 0

    /// Patience for syncs and round trips of these durations, ns: an election after
    /// max(1 s, 20 × sync, 10 × round trip), no later than after 10 s.
    static func patience(syncNanos: Int64, roundTripNanos: Int64) -> Int {
        let second: Int64 = 1_000_000_000
        let most = Int64(Replicator.patienceMax)
        let wanted = max(min(syncNanos, second) * 20, min(roundTripNanos, second) * 10)
        return Int(max(1, min((wanted + second - 1) / second, most)))
    }
}

/// In the head of claims: docs/format/peer-messages.md.
extension NodePace {
    static let wireBytes = 6

    func write(to writer: inout ByteWriter) {
        writer.u8(UInt8(patience))
        writer.u8(isSlow ? 1 : 0)
        writer.u32(syncMicros)
    }

    /// Nil for what no peer says.
    init?(_ reader: inout ByteReader) throws(EncodingError) {
        let patience = Int(try reader.u8())
        let flags = try reader.u8()
        syncMicros = try reader.u32()
        guard (1...Replicator.patienceMax).contains(patience), flags <= 1 else { return nil }
        self.patience = patience
        isSlow = flags == 1
    }
}
