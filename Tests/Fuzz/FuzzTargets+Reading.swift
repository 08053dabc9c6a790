internal import Cluster
internal import Encoding
internal import Model
internal import Raft

/// What nodes ask each other of queries and proposals, and what they answer: bytes of a node that
/// may be of another mind.
extension FuzzTargets {
    static let reading = [
        Target("read_question", seeds: [question(2), question(7)], run: readQuestion),
        Target("read_part", seeds: parts, run: readPart),
        Target("proposal", seeds: proposals, run: proposal),
    ]

    /// Of one shard: lines, or what follows.
    private static func question(_ kind: UInt8) -> [UInt8] {
        var writer = ByteWriter()
        writer.u8(1)
        writer.lengthPrefixed(Array(Tenant.standard.name.utf8))
        for count in [1, 0] as [UInt64] { writer.varint(count) }
        writer.u32(0)
        writer.u32(30_000)
        for rest in [1_000, 1_000, 1_000] as [UInt64] { writer.varint(rest) }
        writer.u8(kind)
        guard kind == 2 else { return writer.bytes }
        // One alternative with one matcher; all times; forward; no limit; one filter.
        writer.varint(1)
        writer.varint(1)
        writer.lengthPrefixed(Array("app".utf8))
        writer.u8(2)
        writer.lengthPrefixed(Array("a.*".utf8))
        writer.i64(.min)
        writer.i64(.max)
        writer.u8(1)
        writer.varint(0)
        writer.varint(1)
        writer.u8(0)
        writer.varint(1)
        writer.u8(3)
        writer.lengthPrefixed(Array("e.r".utf8))
        writer.lengthPrefixed([])
        return writer.bytes
    }

    private static func part(_ kind: UInt8, _ body: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter()
        writer.u8(1)
        writer.u8(kind)
        for charge in [5, 1, 90] as [UInt64] { writer.varint(charge) }
        body(&writer)
        return writer.bytes
    }

    private static let labels = Labels([("app", "a")])

    private static let lines: WriteBatch = {
        var batch = WriteBatch(tenant: .standard)
        batch.streams = [SeriesReference(tenant: .standard, labels: labels)]
        batch.lines.append(streamIndex: 0, timestamp: 7, line: Array("a line".utf8)[...])
        return batch
    }()

    private static let parts: [[UInt8]] = [
        part(1) { writer in
            writer.varint(1)
            writer.varint(3)
            writer.lengthPrefixed(Array("gone".utf8))
        },
        part(2) { writer in
            for isSecond in [false, true] {
                writer.u64(1)
                writer.u64(2)
                writer.lengthPrefixed(labels.bytes)
                writer.u8(isSecond ? 2 : 3)
                // Three samples, a second apart or from a list; no histograms.
                writer.varint(isSecond ? 2 : 1)
                writer.varint(3)
                writer.u8(isSecond ? 0 : 1)
                writer.i64(isSecond ? 3_000 : 0)
                if isSecond {
                    for nanos in [3_001, 3_007] as [Int64] { writer.i64(nanos) }
                } else {
                    writer.varint(1_000)
                }
                for value in [1.0, 2, 3] { writer.u64(value.bitPattern) }
                writer.varint(0)
            }
        },
        part(3) { $0.raw(lines.encoded()) },
        part(4) { writer in
            writer.varint(1)
            writer.lengthPrefixed(Array("app".utf8))
        },
        part(5) { writer in
            writer.varint(1)
            writer.lengthPrefixed(labels.bytes)
        },
        part(6) { writer in
            writer.varint(1)
            writer.u8(1)
            for text in ["up", "help", ""] { writer.lengthPrefixed(Array(text.utf8)) }
        },
        part(7) { writer in
            writer.varint(1)
            writer.u64(9)
            writer.raw(lines.encoded())
        },
        part(8) { $0.raw([1, 2, 3] as [UInt8]) },
        // The end: charges, one sentence.
        [1, 5, 1, 90, 1, 4, 0x67, 0x6f, 0x6e, 0x65],
    ]

    /// A question's head, answers of each kind, and what refusals say.
    private static let proposals: [[UInt8]] = {
        var seeds: [[UInt8]] = [ProposalWire.question(GroupID(3), [], freesSpace: true)[0]]
        for kind in 0...6 as ClosedRange<UInt8> {
            var writer = ByteWriter()
            writer.u64(9)
            writer.u8(kind)
            switch kind {
            case 0:
                writer.varint(1)
                writer.lengthPrefixed(Array("late".utf8))
                writer.varint(4)
                writer.lengthPrefixed(Array("up".utf8))
            case 2:
                writer.varint(1)
                writer.u64(1)
                writer.u64(2)
            case 4: writer.u64(3)
            default: break
            }
            seeds.append(writer.bytes)
        }
        seeds.append([6] + [UInt8](repeating: 255, count: 16))
        return seeds
    }()

    /// What is read is written again as it was meant.
    private static func readQuestion(_ bytes: [UInt8]) {
        guard let question = try? ReadQuestion(decoding: bytes) else { return }
        precondition((try? ReadQuestion(decoding: question.encoded())) == question, "changed")
    }

    private static func readPart(_ bytes: [UInt8]) {
        if let end = try? ReadEnd(decoding: bytes) {
            precondition((try? ReadEnd(decoding: end.encoded())) == end, "changed")
        }
        guard let part = try? ReadPart(decoding: bytes, tenant: .standard) else { return }
        switch part.content {
        case .series(let pieces):
            var joiner = SeriesJoiner()
            for series in (try? joiner.add(pieces)) ?? [] {
                let nanos = series.timestamps.nanos
                precondition(nanos.count == series.values.count, "a value without its time")
                precondition(zip(nanos, nanos.dropFirst()).allSatisfy { $0 < $1 }, "out of order")
                precondition(
                    series.histogramTimestamps.nanos.count == series.histograms.count,
                    "a histogram without its time")
            }
        case .lines(let data): read(data.streams, data.lines)
        case .entry(let entry): read(entry.batch.streams, entry.batch.lines)
        case .opening, .strings, .labelSets, .metadata, .reduced: break
        }
    }

    private static func read(_ streams: [SeriesReference], _ lines: LineColumns) {
        for row in 0..<lines.count {
            precondition(streams[Int(lines.streamIndexes[row])].labels != nil, "no labels")
            _ = lines.bytes[lines.lineRange(row)].count + lines.metadataRange(row).count
        }
    }

    private static func proposal(_ bytes: [UInt8]) {
        if let (group, payload, freesSpace) = ProposalWire.readQuestion([bytes, bytes]) {
            let again = ProposalWire.question(group, payload, freesSpace: freesSpace)
            precondition(ProposalWire.readQuestion(again)?.payload == bytes, "changed")
        }
        if case .success(let entry) = ProposalWire.readAnswer([bytes]) {
            let again = ProposalWire.readAnswer([ProposalWire.answer(entry)])
            precondition(again == .success(entry), "changed")
        }
        guard let code = bytes.first else { return }
        let failure = ProposalWire.readRefusal(code: code, Array(bytes.dropFirst()))
        let (sent, detail) = ProposalWire.refusal(failure)
        precondition(ProposalWire.readRefusal(code: sent, detail) == failure, "changed")
    }
}
