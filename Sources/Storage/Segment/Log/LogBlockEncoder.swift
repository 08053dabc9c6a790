internal import Encoding
internal import Model

/// Makes the bytes of a log block from its lines, a pure function of them. Sealing is quick: plain
/// text, zstd's first level. Compaction is thorough: templates and columns where they are smaller.
struct LogBlockEncoder {
    let tier: CodecTier
    private let compressor: ZstdCompressor
    /// Tells which of two forms will be smaller.
    private let taster: ZstdCompressor

    init(tier: CodecTier) {
        self.tier = tier
        compressor = ZstdCompressor(
            level: tier == .dense ? StorageLimits.zstdLevelDense : StorageLimits.zstdLevelHot)
        taster = ZstdCompressor(level: StorageLimits.zstdLevelTaste)
    }

    /// Encodes `lines`, of which `streamIndexes` ascend.
    func encode(_ lines: LineColumns) -> [UInt8] {
        var writer = ByteWriter(reserving: lines.bytes.count / 8 + 64)
        writer.u32(0)
        writer.varint(UInt64(lines.count))
        writer.varint(UInt64(lines.bytes.count))
        append(rows(of: lines), to: &writer)
        append(metadata(of: lines), to: &writer)
        append(text(of: lines), to: &writer)
        writer.patch(u32: CRC32C.checksum(of: writer.bytes[4...]), at: 0)
        return writer.bytes
    }

    private func append(_ content: [UInt8], to writer: inout ByteWriter) {
        var stored = content
        var compression = LogBlock.Compression.none
        if content.count >= 32 {
            let packed = compressor.compress(content)
            if packed.count < content.count {
                stored = packed
                compression = .zstd
            }
        }
        writer.u8(compression.rawValue)
        writer.varint(UInt64(content.count))
        writer.lengthPrefixed(stored)
    }

    /// varint runs │ per run: varint stream delta, varint lines │ varint unit
    /// │ timestamps ÷ unit as integers. The unit is what divides all timestamps: clocks that tick
    /// in ms or s cost accordingly.
    private func rows(of lines: LineColumns) -> [UInt8] {
        var writer = ByteWriter()
        var runs: [(stream: UInt32, count: Int)] = []
        for stream in lines.streamIndexes {
            if let last = runs.last, last.stream == stream {
                runs[runs.count - 1].count += 1
            } else {
                runs.append((stream, 1))
            }
        }
        writer.varint(UInt64(runs.count))
        var previous: UInt32 = 0
        for run in runs {
            writer.varint(UInt64(run.stream - previous))
            writer.varint(UInt64(run.count))
            previous = run.stream
        }
        let unit = LogBlockEncoder.commonUnit(lines.timestamps)
        writer.varint(UInt64(unit))
        IntegerCodec.encode(
            unit == 1 ? lines.timestamps : lines.timestamps.map { $0 / unit }, tier: tier,
            into: &writer)
        return writer.bytes
    }

    private static func commonUnit(_ timestamps: [Int64]) -> Int64 {
        for unit: Int64 in [1_000_000_000, 1_000_000, 1_000]
        where timestamps.allSatisfy({ $0 % unit == 0 }) { return unit }
        return 1
    }

    /// varint sets │ each: length, bytes │ per line: varint set. Empty when no line has metadata.
    private func metadata(of lines: LineColumns) -> [UInt8] {
        guard !lines.metadataBytes.isEmpty else { return [] }
        var numbers = SetNumbers()
        var sets = ByteWriter()
        var rows = ByteWriter(reserving: lines.count)
        var last: (range: Range<Int>, number: Int)?
        for row in 0..<lines.count {
            let range = lines.metadataRange(row)
            if let last, SetNumbers.areEqual(lines.metadataBytes, last.range, range) {
                rows.varint(UInt64(last.number))
                continue
            }
            let (number, isNew) = numbers.number(of: range, in: lines.metadataBytes)
            if isNew { sets.lengthPrefixed(lines.metadataBytes[range]) }
            rows.varint(UInt64(number))
            last = (range, number)
        }
        var writer = ByteWriter()
        writer.varint(UInt64(numbers.count))
        writer.raw(sets.bytes)
        writer.raw(rows.bytes)
        return writer.bytes
    }

    /// When compacted both forms are tried, and the one that packs smaller is taken.
    private func text(of lines: LineColumns) -> [UInt8] {
        let plain = plainText(of: lines)
        guard tier == .dense, lines.count > 1 else { return plain }
        let templates =
            [LogBlock.TextForm.templates.rawValue]
            + LineTemplates.encode(lines.bytes, lineEnds: lines.lineEnds[...], tier: tier)
        return taster.compress(templates).count < taster.compress(plain).count
            ? templates : plain
    }

    private func plainText(of lines: LineColumns) -> [UInt8] {
        var writer = ByteWriter(reserving: lines.bytes.count + 2 * lines.count + 1)
        writer.u8(LogBlock.TextForm.plain.rawValue)
        var start: UInt32 = 0
        for end in lines.lineEnds {
            writer.varint(UInt64(end - start))
            start = end
        }
        writer.raw(lines.bytes)
        return writer.bytes
    }
}

/// Numbers sets of metadata in order of first occurrence: open addressing by a stable hash.
private struct SetNumbers {
    private struct Slot {
        var hash: UInt64 = 0
        /// One more than the number; 0 is free.
        var mark = 0
    }

    private var slots = [Slot](repeating: Slot(), count: 256)
    /// Of each number, where it first stood.
    private var ranges: [Range<Int>] = []

    var count: Int { ranges.count }

    mutating func number(of range: Range<Int>, in bytes: [UInt8]) -> (number: Int, isNew: Bool) {
        let hash = StableHash.hash64(bytes[range], seed: 0)
        var place = Int(truncatingIfNeeded: hash) & (slots.count - 1)
        while slots[place].mark != 0 {
            let number = slots[place].mark - 1
            if slots[place].hash == hash, SetNumbers.areEqual(bytes, ranges[number], range) {
                return (number, false)
            }
            place = (place + 1) & (slots.count - 1)
        }
        slots[place] = Slot(hash: hash, mark: ranges.count + 1)
        ranges.append(range)
        if 2 * ranges.count > slots.count { grow() }
        return (ranges.count - 1, true)
    }

    private mutating func grow() {
        let old = slots
        slots = [Slot](repeating: Slot(), count: 2 * old.count)
        for slot in old where slot.mark != 0 {
            var place = Int(truncatingIfNeeded: slot.hash) & (slots.count - 1)
            while slots[place].mark != 0 { place = (place + 1) & (slots.count - 1) }
            slots[place] = slot
        }
    }

    static func areEqual(_ bytes: [UInt8], _ one: Range<Int>, _ other: Range<Int>) -> Bool {
        guard one.count == other.count else { return false }
        for offset in 0..<one.count
        where bytes[one.lowerBound + offset] != bytes[other.lowerBound + offset] {
            return false
        }
        return true
    }
}
