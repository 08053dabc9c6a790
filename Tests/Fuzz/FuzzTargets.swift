internal import Encoding
internal import Model
internal import Query

/// Parsers of bytes from outside as functions of bytes: they may refuse them, never trap on them.
/// What can be checked cheaply besides is, with `precondition`.
package enum FuzzTargets {
    /// A parser and inputs that lead into it.
    package struct Target: Sendable {
        package let name: String
        package let seeds: [[UInt8]]
        package let run: @Sendable ([UInt8]) -> Void
    }

    /// All that must not trap.
    package static let all: [Target] = [
        Target(name: "promql", seeds: FuzzSeeds.promql, run: promql),
        Target(name: "logql", seeds: FuzzSeeds.logql, run: logql),
        Target(name: "batch", seeds: FuzzSeeds.batch, run: batch),
        Target(name: "codecs", seeds: FuzzSeeds.codecs, run: codecs),
    ]

    /// Traps on `fuz!`: shows that the search for findings finds one.
    package static let canary = Target(name: "canary", seeds: [Array("fuz?".utf8)]) { bytes in
        precondition(!bytes.starts(with: "fuz!".utf8), "the canary")
    }

    private static func promql(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        _ = try? PromQLEngine.parseOnly(text)
    }

    private static func logql(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        _ = try? LogQLQuery(text)
    }

    private static func batch(_ bytes: [UInt8]) {
        if let batch = try? WriteBatch(decoding: bytes) { checkRoundTrip(batch) }
    }

    /// The first byte says how many items are expected: the count comes from elsewhere.
    private static func codecs(_ bytes: [UInt8]) {
        guard let first = bytes.first else { return }
        let count = Int(first) * 17
        let rest = bytes.dropFirst()
        var reader = ByteReader(rest)
        var doubles: [Double] = []
        try? ValueCodec.decode(&reader, count: count, into: &doubles)
        reader = ByteReader(rest)
        var integers: [Int64] = []
        try? IntegerCodec.decode(&reader, count: count, into: &integers)
        reader = ByteReader(rest)
        var ids: [UInt32] = []
        try? PostingsCodec.decode(&reader, limit: 1 << 16, into: &ids)
        var text: [UInt8] = []
        try? LZ4Block.decompress(rest, into: &text, count: count)
    }

    /// What a parser made must pass through the log as it is.
    private static func checkRoundTrip(_ batch: WriteBatch) {
        let bytes = batch.encoded()
        guard let again = try? WriteBatch(decoding: bytes) else {
            preconditionFailure("a batch that can not be read back")
        }
        precondition(again.encoded() == bytes, "a batch that changes on its way")
    }
}
