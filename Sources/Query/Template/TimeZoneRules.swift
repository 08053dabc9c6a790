internal import Encoding

/// When a zone's clocks show what: the parsed form of a file of the time zone database.
/// Source: RFC 8536, "The Time Zone Information Format".
struct TimeZoneRules: Sendable {
    /// What clocks show for a while.
    struct Kind: Sendable, Hashable {
        /// Seconds east of UTC.
        var offset: Int
        /// `CET`
        var name: String
    }

    /// Seconds since 1970, ascending: from each on `kinds[kindNumbers[…]]` holds.
    private var transitions: [Int64] = []
    private var kindNumbers: [UInt8] = []
    private var kinds: [Kind] = []
    /// Behind the last transition.
    private var rest: PosixTimeZone?

    /// Nil for bytes that are no such file.
    init?(_ bytes: [UInt8]) {
        do throws(EncodingError) {
            var reader = ByteReader(bytes)
            var header = try Header(&reader)
            if header.version >= 2 {
                // A block of 32-bit times for old readers comes first.
                _ = try reader.slice(header.byteCount(timeBytes: 4))
                header = try Header(&reader)
                try read(header, timeBytes: 8, &reader)
                let footer = reader.rest
                if footer.count > 2, footer.first == 0x0A, footer.last == 0x0A {
                    rest = PosixTimeZone(footer.dropFirst().dropLast())
                    if rest == nil { return nil }
                }
            } else {
                try read(header, timeBytes: 4, &reader)
            }
        } catch {
            return nil
        }
        guard !kinds.isEmpty, kindNumbers.allSatisfy({ $0 < kinds.count }),
            zip(transitions, transitions.dropFirst()).allSatisfy(<)
        else { return nil }
    }

    private struct Header {
        let version: UInt8
        private(set) var isUTCCount = 0
        private(set) var isStandardCount = 0
        private(set) var leapCount = 0
        private(set) var timeCount = 0
        private(set) var kindCount = 0
        private(set) var nameBytes = 0

        init(_ reader: inout ByteReader) throws(EncodingError) {
            guard try reader.slice(4).elementsEqual("TZif".utf8) else {
                throw .corrupt(what: "time zone file", offset: 0)
            }
            let digit = try reader.u8()
            version = digit == 0 ? 1 : digit &- 0x30
            _ = try reader.slice(15)
            isUTCCount = Int(try reader.u32().byteSwapped)
            isStandardCount = Int(try reader.u32().byteSwapped)
            leapCount = Int(try reader.u32().byteSwapped)
            timeCount = Int(try reader.u32().byteSwapped)
            kindCount = Int(try reader.u32().byteSwapped)
            nameBytes = Int(try reader.u32().byteSwapped)
        }

        func byteCount(timeBytes: Int) -> Int {
            timeCount * (timeBytes + 1) + kindCount * 6 + nameBytes + leapCount * (timeBytes + 4)
                + isStandardCount + isUTCCount
        }
    }

    private mutating func read(
        _ header: Header, timeBytes: Int, _ reader: inout ByteReader
    ) throws(EncodingError) {
        var block = ByteReader(try reader.slice(header.byteCount(timeBytes: timeBytes)))
        for _ in 0..<header.timeCount {
            let time =
                timeBytes == 8
                ? Int64(bitPattern: try block.u64().byteSwapped)
                : Int64(Int32(bitPattern: try block.u32().byteSwapped))
            transitions.append(time)
        }
        kindNumbers = Array(try block.slice(header.timeCount))
        var starts: [Int] = []
        for _ in 0..<header.kindCount {
            kinds.append(
                Kind(offset: Int(Int32(bitPattern: try block.u32().byteSwapped)), name: ""))
            // Whether it is daylight saving time.
            _ = try block.u8()
            starts.append(Int(try block.u8()))
        }
        let names = Array(try block.slice(header.nameBytes))
        for (index, start) in starts.enumerated() {
            kinds[index].name = String(
                decoding: names.dropFirst(start).prefix { $0 != 0 }, as: UTF8.self)
        }
    }

    /// What clocks show at `seconds` since 1970 in UTC.
    func kind(at seconds: Int64) -> Kind {
        if let last = transitions.last, seconds >= last {
            return rest?.kind(at: seconds) ?? kinds[Int(kindNumbers[kindNumbers.count - 1])]
        }
        var (low, high) = (0, transitions.count)
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle] <= seconds { low = middle + 1 } else { high = middle }
        }
        if low > 0 { return kinds[Int(kindNumbers[low - 1])] }
        // Before the first transition, or there is none at all.
        return transitions.isEmpty ? rest?.kind(at: seconds) ?? kinds[0] : kinds[0]
    }

    /// What clocks show when they show `seconds`, taken as if they were UTC. Of an hour that comes twice
    /// or not at all, what Go takes.
    func kind(ofLocal seconds: Int64) -> Kind {
        kind(at: seconds - Int64(kind(at: seconds).offset))
    }

    /// Seconds east of UTC under a name that this zone has used; nil for one that it has not.
    func offset(named name: String, ofLocal seconds: Int64) -> Int? {
        let named = kinds.filter { $0.name == name }
        let valid = named.first { kind(at: seconds - Int64($0.offset)).name == name }
        return (valid ?? named.first)?.offset
    }
}
