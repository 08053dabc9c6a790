internal import Glibc

/// Finds what varies in log lines: numbers, hexadecimal ids and UUIDs, by their look alone. What is
/// left of a line when these are taken out is its template; lines of one template share it.
///
/// Rules, by maximal runs of ASCII letters and digits: a run without a digit is text; the 36 bytes
/// of a UUID are one slot; hexadecimal runs of six bytes or more with letters, and runs that change
/// between letters and digits more than twice, are one slot; in others each run of digits is.
struct LineSlots {
    /// Slot i is bytes[starts[i]..<ends[i]].
    private(set) var starts: [UInt32] = []
    private(set) var ends: [UInt32] = []
    /// Of line i: its first slot; one more element than lines.
    private(set) var firstSlots: [UInt32] = []
    /// Of line i: its template's number, in order of first occurrence.
    private(set) var templates: [UInt32] = []
    /// Of template i: the first line that has it, and how many do.
    private(set) var firstLines: [UInt32] = []
    private(set) var lineCounts: [UInt32] = []

    init(_ bytes: [UInt8], lineEnds: ArraySlice<UInt32>) {
        firstSlots.reserveCapacity(lineEnds.count + 1)
        templates.reserveCapacity(lineEnds.count)
        var numbers: [UInt64: UInt32] = [:]
        unsafe bytes.withUnsafeBufferPointer { buffer in
            var start = 0
            for (line, end) in lineEnds.enumerated() {
                let stop = Int(end)
                precondition(start <= stop && stop <= buffer.count, "BUG: line ends do not ascend")
                firstSlots.append(UInt32(starts.count))
                var hash: UInt64 = 0
                if let text = buffer.baseAddress, stop > start {
                    unsafe findSlots(text, start, stop)
                    hash = unsafe templateHash(text, start, stop, Int(firstSlots[line]))
                }
                var number = numbers[hash]
                if let known = number,
                    unsafe !isSameTemplate(buffer, lineEnds, line, Int(firstLines[Int(known)]))
                {
                    // Two templates with one hash: the later one goes unnumbered by hash.
                    number = nil
                    numbers[hash] = UInt32(firstLines.count)
                }
                if let number {
                    templates.append(number)
                    lineCounts[Int(number)] += 1
                } else {
                    numbers[hash] = UInt32(firstLines.count)
                    templates.append(UInt32(firstLines.count))
                    firstLines.append(UInt32(line))
                    lineCounts.append(1)
                }
                start = stop
            }
        }
        firstSlots.append(UInt32(starts.count))
    }

    /// The slots of a line.
    func slots(ofLine line: Int) -> Range<Int> {
        Int(firstSlots[line])..<Int(firstSlots[line + 1])
    }

    private mutating func note(_ start: Int, _ end: Int) {
        starts.append(UInt32(start))
        ends.append(UInt32(end))
    }

    private mutating func findSlots(_ text: UnsafePointer<UInt8>, _ start: Int, _ stop: Int) {
        unsafe LineSlots.classes.withUnsafeBufferPointer { classes in
            var at = start
            while at < stop {
                var kind = unsafe classes[Int(text[at])]
                if kind == 0 {
                    at += 1
                    continue
                }
                let first = at
                var union: UInt8 = 0
                var common: UInt8 = 0xFF
                var turns = 0
                var previous = kind & LineSlots.digit
                repeat {
                    union |= kind
                    common &= kind
                    if kind & LineSlots.digit != previous {
                        turns += 1
                        previous = kind & LineSlots.digit
                    }
                    at += 1
                    if at == stop { break }
                    kind = unsafe classes[Int(text[at])]
                } while kind != 0
                if common & LineSlots.digit != 0 {
                    if at - first == 8, unsafe isUUID(text, first, stop, classes) {
                        at = first + 36
                    }
                    note(first, at)
                } else if union & LineSlots.digit != 0 {
                    let isHex = common & LineSlots.hex != 0
                    if isHex, at - first == 8, unsafe isUUID(text, first, stop, classes) {
                        at = first + 36
                        note(first, at)
                    } else if turns > 2 || isHex && at - first >= 6 {
                        note(first, at)
                    } else {
                        unsafe noteDigits(text, first, at)
                    }
                } else if common & LineSlots.hex != 0, at - first == 8,
                    unsafe isUUID(text, first, stop, classes)
                {
                    at = first + 36
                    note(first, at)
                }
            }
        }
    }

    private mutating func noteDigits(_ text: UnsafePointer<UInt8>, _ start: Int, _ stop: Int) {
        var at = start
        while at < stop {
            guard unsafe text[at] &- 0x30 < 10 else {
                at += 1
                continue
            }
            let first = at
            while at < stop, unsafe text[at] &- 0x30 < 10 { at += 1 }
            note(first, at)
        }
    }

    private func isUUID(
        _ text: UnsafePointer<UInt8>, _ start: Int, _ stop: Int,
        _ classes: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard stop - start >= 36 else { return false }
        for index in 8..<36 {
            let byte = unsafe text[start + index]
            switch index {
            case 8, 13, 18, 23: if byte != 0x2D { return false }
            default: if unsafe classes[Int(byte)] & LineSlots.hex == 0 { return false }
            }
        }
        return unsafe stop - start == 36 || classes[Int(text[start + 36])] == 0
    }

    /// Of the text between the slots and of where they stand in it.
    private func templateHash(
        _ text: UnsafePointer<UInt8>, _ start: Int, _ stop: Int, _ firstSlot: Int
    ) -> UInt64 {
        var state: UInt64 = 0x9E37_79B9_7F4A_7C15
        var at = start
        for slot in firstSlot...starts.count {
            let end = slot < starts.count ? Int(starts[slot]) : stop
            state = unsafe LineSlots.mix(state, text + at, end - at)
            if slot < starts.count { at = Int(ends[slot]) }
        }
        return state
    }

    @inline(__always)
    private static func mix(
        _ start: UInt64, _ text: UnsafePointer<UInt8>, _ count: Int
    ) -> UInt64 {
        let raw = unsafe UnsafeRawPointer(text)
        var state = start ^ UInt64(count) &* 0xFF51_AFD7_ED55_8CCD
        var at = 0
        while count - at >= 8 {
            let word = unsafe raw.loadUnaligned(fromByteOffset: at, as: UInt64.self)
            let product = (state ^ word).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
            state = product.high ^ product.low
            at += 8
        }
        var tail: UInt64 = 1
        while at < count {
            tail = tail << 8 | UInt64(unsafe text[at])
            at += 1
        }
        let product = (state ^ tail).multipliedFullWidth(by: 0xD6E8_FEB8_6659_FD93)
        return product.high ^ product.low
    }

    private func isSameTemplate(
        _ buffer: UnsafeBufferPointer<UInt8>, _ lineEnds: ArraySlice<UInt32>, _ line: Int,
        _ other: Int
    ) -> Bool {
        guard let text = buffer.baseAddress else { return true }
        let mine = Int(firstSlots[line])..<starts.count
        let theirs = slots(ofLine: other)
        guard mine.count == theirs.count else { return false }
        let base = lineEnds.startIndex
        var at = line == 0 ? 0 : Int(lineEnds[base + line - 1])
        var otherAt = other == 0 ? 0 : Int(lineEnds[base + other - 1])
        for index in 0...mine.count {
            let isLast = index == mine.count
            let end = isLast ? Int(lineEnds[base + line]) : Int(starts[mine.lowerBound + index])
            let otherEnd =
                isLast ? Int(lineEnds[base + other]) : Int(starts[theirs.lowerBound + index])
            guard end - at == otherEnd - otherAt,
                unsafe memcmp(text + at, text + otherAt, end - at) == 0
            else { return false }
            if isLast { break }
            at = Int(ends[mine.lowerBound + index])
            otherAt = Int(ends[theirs.lowerBound + index])
        }
        return true
    }

    private static let digit: UInt8 = 1
    private static let hex: UInt8 = 2

    /// Zero for what is neither letter nor digit.
    private static let classes: [UInt8] = (0...255).map { (byte: UInt8) in
        switch byte {
        case 0x30...0x39: 7
        case 0x61...0x66: 6
        case 0x41...0x5A, 0x67...0x7A: 4
        default: 0
        }
    }
}
