internal import Encoding

/// Numbers and text to bytes and back, on deterministic series like those that machines report.
func encodingBench() -> [BenchRow] {
    codecRows() + textRows() + scanRows()
}

private let valueCount = 65_536

private func codecRows() -> [BenchRow] {
    var rows: [BenchRow] = []
    let goals: [CodecTier: (encode: Double, decode: Double)] = [
        .hot: (60, 800), .dense: (0, 330),
    ]
    for (name, column) in BenchSeries.values(count: valueCount) {
        for tier in CodecTier.allCases {
            var writer = ByteWriter()
            let encode = Stopwatch.best(runs: 5) {
                writer.removeAll()
                ValueCodec.encode(column, tier: tier, into: &writer)
            }
            var back: [Double] = []
            let decode = Stopwatch.best {
                back.removeAll(keepingCapacity: true)
                var reader = ByteReader(writer.bytes)
                do {
                    try ValueCodec.decode(&reader, count: valueCount, into: &back)
                } catch { print("FAILED: \(error)") }
            }
            let same = zip(back, column).allSatisfy { $0.bitPattern == $1.bitPattern }
            let hash = StableHash.hash64(writer.bytes, seed: 0)
            let bytes = Double(writer.count) / Double(valueCount)
            let note =
                "\(Double(Int(bytes * 1_000)) / 1_000) B/value, \(same ? "exact" : "WRONG"), "
                + String(hash, radix: 16)
            rows.append(
                BenchRow(
                    room: "Encoding", name: "encode \(tier) \(name)", unit: "M values/s",
                    goal: tier == .hot ? goals[tier]?.encode : nil,
                    reached: Double(valueCount) / encode / 1e6))
            rows.append(
                BenchRow(
                    room: "Encoding", name: "decode \(tier) \(name)", unit: "M values/s",
                    goal: goals[tier]?.decode, reached: Double(valueCount) / decode / 1e6,
                    note: note))
        }
    }
    for (name, column) in BenchSeries.timestamps(count: valueCount) {
        for tier in CodecTier.allCases {
            var writer = ByteWriter()
            let encode = Stopwatch.best(runs: 5) {
                writer.removeAll()
                IntegerCodec.encode(column, tier: tier, into: &writer)
            }
            var back: [Int64] = []
            let decode = Stopwatch.best {
                back.removeAll(keepingCapacity: true)
                var reader = ByteReader(writer.bytes)
                do {
                    try IntegerCodec.decode(&reader, count: valueCount, into: &back)
                } catch { print("FAILED: \(error)") }
            }
            let bytes = Double(writer.count) / Double(valueCount)
            rows.append(
                BenchRow(
                    room: "Encoding", name: "decode \(tier) \(name)", unit: "M values/s",
                    goal: tier == .hot ? 1_500 : nil,
                    reached: Double(valueCount) / decode / 1e6,
                    note: "\(Double(Int(bytes * 1_000)) / 1_000) B/value, "
                        + (back == column ? "exact" : "WRONG")
                        + ", encode \(Int(Double(valueCount) / encode / 1e6)) M/s"))
        }
    }
    return rows
}

private func textRows() -> [BenchRow] {
    let count = 1_000_000
    let times = (0..<count).map { 1_700_000_000_000 + Int64($0) * 10_000 }
    var rows: [BenchRow] = []
    for (name, goal, values) in [
        ("2 decimals", 50.0, (0..<count).map { Double($0 % 10_000) / 100 }),
        ("full precision", nil, (0..<count).map { Double($0) / 7 }),
    ] as [(String, Double?, [Double])] {
        var text: [UInt8] = []
        let seconds = Stopwatch.best(runs: 3) {
            text.removeAll(keepingCapacity: true)
            DoubleText.appendPoints(timestampsMillis: times[...], values: values[...], to: &text)
        }
        rows.append(
            BenchRow(
                room: "Encoding", name: "1 M points as JSON, \(name)", unit: "ms", goal: goal,
                reached: seconds * 1_000, higherIsBetter: false,
                note: "\(text.count / 1_000_000) MB, "
                    + String(StableHash.hash64(text, seed: 0), radix: 16)))
    }
    for (name, values) in [
        ("2 decimals", (0..<100_000).map { Double($0) / 100 }),
        ("full precision", (0..<100_000).map { Double($0) / 7 }),
    ] {
        var text: [UInt8] = []
        var ends: [Int] = []
        for value in values {
            DoubleText.append(value, to: &text)
            ends.append(text.count)
        }
        var sum = 0.0
        let seconds = Stopwatch.best(runs: 3) {
            sum = 0
            var from = 0
            for end in ends {
                sum += DoubleText.parse(text, from: from, to: end) ?? .nan
                from = end
            }
        }
        rows.append(
            BenchRow(
                room: "Encoding", name: "parse numbers, \(name)", unit: "M numbers/s",
                goal: name == "2 decimals" ? 30 : nil, reached: 0.1 / seconds,
                note: sum == values.reduce(0, +) ? "exact" : "WRONG"))
    }
    return rows
}

private func scanRows() -> [BenchRow] {
    var lines: [UInt8] = []
    for index in 0..<40_000 {
        lines += Array(
            "10.0.\(index % 256).7 - - GET /api/v1/items/\(index) HTTP/1.1 200 512\n".utf8)
    }
    let gigabytes = Double(lines.count) / 1e9
    var rows: [BenchRow] = []
    func measure(_ name: String, goal: Double?, _ body: () -> Int) {
        var result = 0
        let seconds = Stopwatch.best(runs: 5) { result = body() }
        rows.append(
            BenchRow(
                room: "Encoding", name: name, unit: "GB/s", goal: goal,
                reached: gigabytes / seconds, note: "\(result)"))
    }
    let needle = Needle("timeout".utf8)
    let folded = Needle("TimeOut".utf8, ignoresCase: true)
    measure("find a rare text", goal: 5) {
        needle.find(in: lines, from: 0, to: lines.count) ?? -1
    }
    measure("find a rare text in either case", goal: 5) {
        folded.find(in: lines, from: 0, to: lines.count) ?? -1
    }
    measure("count lines", goal: 10) {
        ByteScan.count(of: 10, in: lines, from: 0, to: lines.count)
    }
    var ends: [Int32] = []
    measure("split lines", goal: 2) {
        ends.removeAll(keepingCapacity: true)
        ByteScan.appendIndices(of: 10, in: lines, from: 0, to: lines.count, into: &ends)
        return ends.count
    }
    measure("check UTF-8, all ASCII", goal: 5) { UTF8Check.isValid(lines[...]) ? 1 : 0 }
    measure("CRC-32C", goal: 5) { Int(CRC32C.checksum(of: lines)) }
    measure("hash64", goal: 5) { Int(truncatingIfNeeded: StableHash.hash64(lines, seed: 0) >> 1) }
    let packed = LZ4Block.compress(lines)
    var back: [UInt8] = []
    measure("LZ4 decompress", goal: 3) {
        do {
            try LZ4Block.decompress(packed, into: &back, count: lines.count)
        } catch { return -1 }
        return packed.count
    }
    return rows
}
