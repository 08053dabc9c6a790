internal import Glibc

/// The columns of a block of templates while it is decoded: their texts in one arena, and per
/// value where its text lies.
struct TextColumns {
    /// A text: arena[start..<start + count].
    struct Place {
        var start: UInt32
        var count: UInt32
    }

    private(set) var arena: [UInt8] = []
    /// Value k of a column is values[base + k], or values[base] of a constant one.
    private(set) var values: [Place] = []
    /// Of a column that has not been read it is −1.
    private(set) var bases: [(base: Int, isConstant: Bool)] = []
    private(set) var texts: [Place] = []
    private let arenaBytesMax: Int
    private let byteCountMax: Int

    /// `byteCountMax`: what the lines take together, so that no column can take more.
    init(byteCountMax: Int, memory: consuming TemplateMemory) {
        arena = memory.arena
        values = memory.values
        self.byteCountMax = byteCountMax
        // Texts of templates and values that the lines hold more than once take no more than they;
        // numbers that are written shorter than they are stored do not exist.
        arenaBytesMax = min(4 * byteCountMax + (1 << 20), Int(UInt32.max) - 64)
    }

    /// Gives the memory away; nothing is left.
    mutating func takeMemory() -> TemplateMemory {
        var memory = TemplateMemory()
        swap(&memory.arena, &arena)
        swap(&memory.values, &values)
        memory.arena.removeAll(keepingCapacity: true)
        memory.values.removeAll(keepingCapacity: true)
        return memory
    }

    var textCount: Int { texts.count }

    /// How many columns there are, before the first is read.
    mutating func expect(columns count: Int) {
        bases = Array(repeating: (-1, false), count: count)
    }

    func isRead(_ column: Int) -> Bool { bases[column].base >= 0 }

    /// Reads the fixed texts of a template, `count` of them, which lie in the arena as they do in the
    /// block, with their lengths between them: `content` is what the reader reads, and its bytes
    /// from `start` on will be there.
    mutating func addTexts(
        _ reader: inout ByteReader, count: Int, from start: Int
    ) throws(EncodingError) {
        for _ in 0..<count {
            let length = try reader.count(limit: reader.remaining)
            texts.append(
                Place(start: UInt32(reader.offset - start), count: UInt32(length)))
            try reader.skip(length)
        }
    }

    /// Puts the texts, with what is between them, into the arena, before anything else.
    mutating func place(texts: ArraySlice<UInt8>) throws(EncodingError) {
        try checkRoom(texts.count)
        arena.append(contentsOf: texts)
    }

    /// Reads column `column`, of `count` texts; of these only `wanted`, ascending, if there are such:
    /// they are its texts then, and `reader` stands anywhere.
    mutating func read(
        _ reader: inout ByteReader, column: Int, count: Int, wanted: ArraySlice<UInt32>? = nil
    ) throws(EncodingError) {
        guard count > 0 else {
            bases[column] = (values.count, false)
            return
        }
        let offset = reader.offset
        guard let form = TextColumn.Form(rawValue: try reader.u8()) else {
            throw EncodingError.corrupt(what: "column form", offset: offset)
        }
        bases[column] = (values.count, form == .constant)
        switch form {
        case .constant: values.append(try stored(try reader.lengthPrefixed()))
        case .numbers: try readNumbers(&reader, count, width: 0, wanted)
        case .wideNumbers:
            let width = try reader.count(limit: TextColumn.digitsMax)
            try readNumbers(&reader, count, width: width, wanted)
        case .hexadecimal:
            let width = try reader.count(limit: byteCountMax)
            guard width > 0, width % 2 == 0, width <= byteCountMax / count else {
                throw EncodingError.corrupt(what: "width", offset: reader.offset)
            }
            try appendHex(
                try reader.slice(width / 2 * count), count, width, isDashed: false, wanted)
        case .uuids:
            try appendHex(try reader.slice(16 * count), count, 36, isDashed: true, wanted)
        case .terminated:
            if let wanted {
                try readTerminated(&reader, wanted)
            } else {
                try readTerminated(&reader, count)
            }
        case .counted:
            var counts: [Int] = []
            for _ in 0..<count { counts.append(try reader.count(limit: byteCountMax)) }
            var left = wanted
            for (index, length) in counts.enumerated() {
                let text = try reader.slice(length)
                if left != nil {
                    guard left?.first == UInt32(index) else { continue }
                    left?.removeFirst()
                }
                values.append(try stored(text))
            }
        case .few: try readFew(&reader, count, wanted)
        }
    }

    /// Puts a text into the arena.
    private mutating func stored(_ text: ArraySlice<UInt8>) throws(EncodingError) -> Place {
        try checkRoom(text.count)
        let place = Place(start: UInt32(arena.count), count: UInt32(text.count))
        arena.append(contentsOf: text)
        return place
    }

    private func checkRoom(_ count: Int) throws(EncodingError) {
        guard arena.count + count <= arenaBytesMax else {
            throw EncodingError.tooLarge(limit: byteCountMax)
        }
    }

    private mutating func readFew(
        _ reader: inout ByteReader, _ count: Int, _ wanted: ArraySlice<UInt32>?
    ) throws(EncodingError) {
        let distinct = try reader.count(limit: 256)
        var known: [Place] = []
        for _ in 0..<distinct { known.append(try stored(try reader.lengthPrefixed())) }
        let codes = try reader.slice(count)
        if let wanted {
            for index in wanted {
                let code = Int(codes[codes.startIndex + Int(index)])
                guard code < distinct else {
                    throw EncodingError.corrupt(what: "column code", offset: reader.offset)
                }
                values.append(known[code])
            }
            return
        }
        values.reserveCapacity(values.count + count)
        for code in codes {
            guard Int(code) < distinct else {
                throw EncodingError.corrupt(what: "column code", offset: reader.offset)
            }
            values.append(known[Int(code)])
        }
    }

    private mutating func readNumbers(
        _ reader: inout ByteReader, _ columnCount: Int, width: Int,
        _ wanted: ArraySlice<UInt32>?
    ) throws(EncodingError) {
        var numbers: [Int64] = []
        try IntegerCodec.decode(&reader, count: columnCount, into: &numbers)
        if let wanted { numbers = wanted.map { numbers[Int($0)] } }
        let count = numbers.count
        var total = 0
        var start = UInt32(arena.count)
        values.reserveCapacity(values.count + count)
        for number in numbers {
            guard number >= 0 else {
                throw EncodingError.corrupt(what: "number", offset: reader.offset)
            }
            let digits = max(width, TextColumns.digitCount(UInt64(number)))
            total += digits
            values.append(Place(start: start, count: UInt32(digits)))
            start &+= UInt32(digits)
        }
        try checkRoom(total)
        let first = values.count - count
        let (values, pairs) = (values, TextColumns.pairs)
        unsafe arena.appendFilled(total) { target in
            unsafe pairs.withUnsafeBufferPointer { pairs in
                var at = 0
                for (index, number) in numbers.enumerated() {
                    let end = at + Int(values[first + index].count)
                    var rest = UInt64(number)
                    var place = end
                    while place - at >= 2 {
                        place -= 2
                        let hundredth = rest / 100
                        let pair = unsafe pairs[Int(rest &- hundredth &* 100)]
                        unsafe target[place] = UInt8(truncatingIfNeeded: pair)
                        unsafe target[place + 1] = UInt8(truncatingIfNeeded: pair &>> 8)
                        rest = hundredth
                    }
                    if place > at {
                        unsafe target[at] = 0x30 + UInt8(truncatingIfNeeded: rest % 10)
                    }
                    at = end
                }
            }
        }
    }

    /// The two digits of 0 to 99, the first in the low byte.
    private static let pairs: [UInt16] = (0..<100).map { 0x3030 + $0 / 10 + ($0 % 10) << 8 }

    /// 1, 10, … 10^19.
    private static let powers: [UInt64] = (0..<20).map { exponent in
        (0..<exponent).reduce(1 as UInt64) { power, _ in power * 10 }
    }

    /// Of a number below 2^63.
    private static func digitCount(_ value: UInt64) -> Int {
        // log10 from the number of bits, at most one too low.
        let low = ((64 - (value | 1).leadingZeroBitCount) * 1_233) >> 12
        return low + (value >= powers[low] || low == 0 ? 1 : 0)
    }

    /// `count` texts of `width` digits, dashes included, from packed digits.
    private mutating func appendHex(
        _ column: ArraySlice<UInt8>, _ columnCount: Int, _ width: Int, isDashed: Bool,
        _ wanted: ArraySlice<UInt32>?
    ) throws(EncodingError) {
        var packed = column
        let count = wanted?.count ?? columnCount
        if let wanted {
            let size = isDashed ? 16 : width / 2
            packed = []
            for start in wanted.map({ column.startIndex + Int($0) * size }) {
                packed += column[start..<start + size]
            }
        }
        try checkRoom(count * width)
        var start = UInt32(arena.count)
        for _ in 0..<count {
            values.append(Place(start: start, count: UInt32(width)))
            start += UInt32(width)
        }
        let packedWidth = isDashed ? 16 : width / 2
        let pairs = TextColumns.hexPairs
        unsafe arena.appendFilled(count * width) { target in
            unsafe pairs.withUnsafeBufferPointer { pairs in
                let raw = UnsafeMutableRawPointer(target)
                var at = 0
                var index = 0
                for byte in packed {
                    if isDashed, index == 4 || index == 6 || index == 8 || index == 10 {
                        unsafe target[at] = 0x2D
                        at += 1
                    }
                    unsafe raw.storeBytes(
                        of: pairs[Int(byte)].littleEndian, toByteOffset: at, as: UInt16.self)
                    at += 2
                    index = index + 1 == packedWidth ? 0 : index + 1
                }
            }
        }
    }

    /// The two hexadecimal digits of 0 to 255, the first in the low byte.
    private static let hexPairs: [UInt16] = (0..<256).map { (byte: UInt16) in
        let (high, low) = (byte >> 4, byte & 15)
        return high + (high < 10 ? 0x30 : 0x57) | (low + (low < 10 ? 0x30 : 0x57)) << 8
    }

    private mutating func readTerminated(
        _ reader: inout ByteReader, _ count: Int
    ) throws(EncodingError) {
        let terminator = try reader.u8()
        let start = UInt32(arena.count)
        let rest = reader.rest.prefix(arenaBytesMax - arena.count)
        var used = 0
        var found = 0
        unsafe values.appendFilled(count) { target in
            _ = ByteScan.forEach(terminator, in: rest, limit: count) { end in
                unsafe target[found] = Place(
                    start: start &+ UInt32(truncatingIfNeeded: used),
                    count: UInt32(truncatingIfNeeded: end &- used))
                found &+= 1
                used = end &+ 1
            }
            unsafe (target + found).update(
                repeating: Place(start: 0, count: 0), count: count - found)
        }
        guard found == count else { throw EncodingError.truncated(offset: reader.offset) }
        arena.append(contentsOf: try reader.slice(used))
    }

    private mutating func readTerminated(
        _ reader: inout ByteReader, _ wanted: ArraySlice<UInt32>
    ) throws(EncodingError) {
        guard let last = wanted.last else { return }
        let terminator = try reader.u8()
        let rest = reader.rest
        var ranges: [Range<Int>] = []
        var left = wanted
        var index: UInt32 = 0
        var used = 0
        let found = ByteScan.forEach(terminator, in: rest, limit: Int(last) + 1) { end in
            if left.first == index {
                ranges.append(rest.startIndex + used..<rest.startIndex + end)
                left = left.dropFirst()
            }
            index &+= 1
            used = end &+ 1
        }
        guard found == Int(last) + 1 else {
            throw EncodingError.truncated(offset: reader.offset)
        }
        for range in ranges { values.append(try stored(rest[range])) }
    }

    /// Of a column that has been read as a whole, `wanted`, ascending: they are its texts then.
    mutating func pick(_ column: Int, _ wanted: ArraySlice<UInt32>) {
        guard !bases[column].isConstant else { return }
        let base = bases[column].base
        bases[column].base = values.count
        for index in wanted { values.append(values[base + Int(index)]) }
    }

    // MARK: Lines

    /// Puts lines together: line i is `ordinals[i]` of template `numbers[i]`. They are expected to
    /// take `byteCount`, and take no more than `byteCountMax`.
    mutating func join(
        _ templates: [LineTemplates.Template], _ numbers: [UInt16], _ ordinals: [UInt32],
        expecting byteCount: Int
    ) throws(EncodingError) -> (bytes: [UInt8], lineEnds: [UInt32]) {
        // Copies are whole groups of 16 bytes: room behind the last text, and behind the lines.
        arena.append(contentsOf: repeatElement(0, count: LineJoiner.slackBytes))
        var ends = [UInt32](repeating: 0, count: numbers.count)
        // Few lines of a large block seldom take more than their share by half.
        for capacity in [min(byteCount, byteCountMax), byteCountMax] {
            var isSound = true
            let bytes = unsafe [UInt8](
                unsafeUninitializedCapacity: capacity + LineJoiner.slackBytes
            ) { target, filled in
                guard let target = target.baseAddress else { return }
                unsafe arena.withUnsafeBufferPointer { arena in
                    var joiner = unsafe LineJoiner(
                        target: target, capacity: capacity, arena: arena)
                    join(templates, numbers, ordinals, &joiner, &ends)
                    isSound = !joiner.isOver
                    filled = joiner.count
                }
            }
            if isSound { return (bytes, ends) }
        }
        throw EncodingError.corrupt(what: "lines", offset: 0)
    }

    private func join(
        _ templates: [LineTemplates.Template], _ numbers: [UInt16], _ ordinals: [UInt32],
        _ joiner: inout LineJoiner, _ ends: inout [UInt32]
    ) {
        let (values, texts, bases) = (values.span, texts.span, bases.span)
        for row in numbers.indices {
            let template = templates[Int(numbers[row])]
            let ordinal = Int(ordinals[row])
            for slot in 0..<template.slotCount {
                let column = bases[template.firstColumn &+ slot]
                joiner.append(texts[template.firstText &+ slot])
                joiner.append(values[column.base &+ (column.isConstant ? 0 : ordinal)])
            }
            joiner.append(texts[template.firstText &+ template.slotCount])
            ends[row] = UInt32(truncatingIfNeeded: joiner.count)
        }
    }
}

/// Appends texts of an arena to a buffer in groups of 16 bytes: most are that short.
@safe private struct LineJoiner {
    static let slackBytes = 16

    private let target: UnsafeMutableRawPointer
    private let arena: UnsafeRawPointer?
    private let capacity: Int
    private(set) var count = 0
    /// Whether a text was left out because there was no room.
    private(set) var isOver = false

    /// `target` and `arena` have `slackBytes` behind `capacity` and behind the last text.
    init(target: UnsafeMutablePointer<UInt8>, capacity: Int, arena: UnsafeBufferPointer<UInt8>) {
        unsafe self.target = UnsafeMutableRawPointer(target)
        unsafe self.arena = unsafe UnsafeRawPointer(arena.baseAddress)
        self.capacity = capacity
    }

    @inline(__always)
    mutating func append(_ place: TextColumns.Place) {
        let length = Int(place.count)
        guard length <= capacity - count, let arena = unsafe arena else {
            isOver = true
            return
        }
        let from = unsafe arena + Int(place.start)
        let to = unsafe target + count
        if length > 64 {
            unsafe memcpy(to, from, length)
        } else {
            var at = 0
            while at < length {
                let group = unsafe from.loadUnaligned(
                    fromByteOffset: at, as: SIMD16<UInt8>.self)
                unsafe to.storeBytes(of: group, toByteOffset: at, as: SIMD16<UInt8>.self)
                at += 16
            }
        }
        count += length
    }
}
