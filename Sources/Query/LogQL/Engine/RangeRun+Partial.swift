internal import Encoding
internal import Model

/// Partial results: what was gathered of some of the lines. Layout at `LogQLReducer`.
extension RangeRun {
    /// Whether what is gathered is smaller than the lines and can be put together.
    var isReducible: Bool { kind != .all }

    func sendPartials(_ send: ([UInt8]) throws -> Void) throws {
        var writer = ByteWriter()
        writer.partialHead(lines: lineCount, bytes: byteCount)
        for (labels, series) in zip(groups.labels, series) {
            writer.lengthPrefixed(labels.bytes)
            series.write(to: &writer)
            if writer.count >= LogQLReduction.partByteCountGoal {
                try send(writer.bytes)
                writer.removeAll()
                writer.partialHead(lines: 0, bytes: 0)
            }
        }
        try send(writer.bytes)
    }

    /// Takes in a part, of bytes that may be anything. Throws `EncodingError`, and `QueryError`
    /// when that is what came.
    mutating func merge(_ part: [UInt8]) throws {
        var reader = ByteReader(part)
        guard try reader.u8() == 0 else { throw try PartialFailure.read(&reader) }
        lineCount &+= try reader.count(limit: 1 << 56)
        byteCount &+= try reader.count(limit: 1 << 56)
        while !reader.isAtEnd {
            guard let labels = Labels(checking: Array(try reader.lengthPrefixed())) else {
                throw EncodingError.corrupt(what: "labels", offset: reader.offset)
            }
            let other = try WindowSeries(kind: kind, count: grid.count, &reader)
            let added = series[try group(labels)].merge(other)
            for _ in 0..<added { try chargeSample() }
        }
    }
}

extension ByteWriter {
    fileprivate mutating func partialHead(lines: Int, bytes: Int) {
        u8(0)
        varint(UInt64(lines))
        varint(UInt64(bytes))
    }
}
