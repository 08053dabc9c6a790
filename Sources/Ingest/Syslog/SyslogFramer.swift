internal import Encoding

/// Cuts the bytes of one TCP connection into syslog messages. Incremental: whatever the sizes of
/// the pieces in which the bytes come, the frames are the same.
///
/// Each frame is judged by its beginning (RFC 6587 knows two framings and senders mix them):
/// `^[1-9][0-9]{0,6} <[0-9]{1,3}>` is a counted frame, anything else goes up to LF, CR LF or NUL.
/// So neither `2026-11-22 …` nor `404 12 …` is mistaken for a count. A counted frame loses one
/// LF, CR LF or NUL at its end (logspout counts it); stray ones between frames are empty lines,
/// which are no frames; a space before a frame (Cisco ASA) is passed over.
///
/// A frame longer than `frameBytesMax` comes in parts of that size, the last one marked. What is
/// left at the end of the stream is a frame that is marked as cut.
package struct SyslogFramer: Sendable {
    /// One message, or a part of a long one.
    package struct Frame: Sendable, Equatable {
        /// In `bytes`.
        package var range: Range<Int>
        /// 1-based number of a part, 0 for a whole frame.
        package var part = 0
        /// False when more parts follow.
        package var isLast = true
        /// The stream ended before the frame did.
        package var isCut = false
    }

    private enum State: Equatable {
        /// Before a frame.
        case between
        /// In a counted frame of which `left` bytes are to come.
        case counted(left: Int)
        /// In a line.
        case line
    }

    private enum Opening {
        case undecided
        case counted(headerCount: Int, byteCount: Int)
        case line(skipped: Int)
    }

    /// What came and was not yet framed, with the frame that `next` has last returned.
    package private(set) var bytes: [UInt8] = []
    /// Empty lines so far; each is dropped, for it says nothing.
    package private(set) var emptyCount = 0

    private let frameBytesMax: Int
    private var state = State.between
    private var start = 0
    /// No end of line in bytes[start..<searched].
    private var searched = 0
    /// Parts of the current frame that were returned.
    private var partCount = 0

    /// `frameBytesMax`: bytes of a frame or a part, > 0.
    package init(frameBytesMax: Int) {
        precondition(frameBytesMax > 0)
        self.frameBytesMax = frameBytesMax
    }

    /// Bytes that wait for the rest of their frame.
    package var pendingCount: Int { bytes.count - start }

    /// Takes the next piece. Frames returned before become invalid.
    package mutating func append(_ piece: some Collection<UInt8>) {
        if start > 0 {
            bytes.removeSubrange(0..<start)
            searched -= start
            start = 0
        }
        bytes.append(contentsOf: piece)
    }

    /// The next frame that is there whole (or a part of one), until nil: more bytes are needed.
    /// With `isOver`, what is left of an incomplete frame too.
    package mutating func next(isOver: Bool = false) -> Frame? {
        while start < bytes.count {
            switch state {
            case .between:
                switch opening(isOver) {
                case .undecided: return nil
                case .counted(let headerCount, let byteCount):
                    start += headerCount
                    state = .counted(left: byteCount)
                case .line(let skipped):
                    start += skipped
                    searched = start
                    state = .line
                }
                partCount = 0
            case .counted(let left):
                guard let frame = counted(left, isOver) else { return nil }
                if !frame.range.isEmpty || frame.part > 0 { return frame }
                emptyCount += 1
            case .line:
                guard let frame = line(isOver) else { return nil }
                if !frame.range.isEmpty || frame.part > 0 { return frame }
                emptyCount += 1
            }
        }
        return nil
    }

    /// What begins at `start`. The pattern is at most 14 bytes long.
    private func opening(_ isOver: Bool) -> Opening {
        let bytes = bytes.span
        let end = bytes.count
        let skipped = bytes[start] == 0x20 ? 1 : 0
        var at = start + skipped
        var byteCount = 0
        while at < end, bytes[at].isDigit, at - start - skipped < 8 {
            if byteCount == 0, bytes[at] == 0x30 { return .line(skipped: 0) }
            byteCount = byteCount * 10 + Int(bytes[at] - 0x30)
            at += 1
        }
        let digitCount = at - start - skipped
        if digitCount > 7 { return .line(skipped: 0) }
        let undecided = isOver ? Opening.line(skipped: 0) : .undecided
        if at == end { return undecided }
        if digitCount > 0 {
            guard bytes[at] == 0x20 else { return .line(skipped: 0) }
            at += 1
        } else if skipped == 0 {
            return .line(skipped: 0)
        }
        let headerCount = at - start
        switch priority(bytes, at, end) {
        case nil: return undecided
        case false?: return .line(skipped: 0)
        case true?:
            return digitCount > 0
                ? .counted(headerCount: headerCount, byteCount: byteCount)
                : .line(skipped: skipped)
        }
    }

    /// Whether `<[0-9]{1,3}>` stands at `start`; nil when the bytes end too early to say.
    private func priority(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Bool? {
        guard start < end else { return nil }
        guard bytes[start] == 0x3C else { return false }
        var at = start + 1
        while at < end, bytes[at].isDigit, at - start <= 3 { at += 1 }
        if at == end { return nil }
        return bytes[at] == 0x3E && at > start + 1
    }

    private mutating func counted(_ left: Int, _ isOver: Bool) -> Frame? {
        let there = bytes.count - start
        // Two bytes more than the maximum may be its end of line. One byte is kept for the last
        // part, should the stream end here.
        if left > frameBytesMax + 2, there > frameBytesMax {
            return part(frameBytesMax, .counted(left: left - frameBytesMax))
        }
        if there < left {
            guard isOver else { return nil }
            // The maximum holds here too: the rest comes with the next call.
            if there > frameBytesMax {
                return part(frameBytesMax, .counted(left: left - frameBytesMax))
            }
            return last(contentCount: there, consumed: there, isCut: true)
        }
        let content = trimmed(start..<start + left)
        if content > frameBytesMax {
            return part(frameBytesMax, .counted(left: left - frameBytesMax))
        }
        return last(contentCount: content, consumed: left, isCut: false)
    }

    private mutating func line(_ isOver: Bool) -> Frame? {
        let stop = endOfLine()
        let there = stop - start
        if stop == bytes.count {
            searched = stop
            // The byte after the maximum may be the CR of CR LF.
            if there > frameBytesMax + 1 || (isOver && there > frameBytesMax) {
                return part(frameBytesMax, .line)
            }
            guard isOver else { return nil }
            return last(contentCount: there, consumed: there, isCut: true)
        }
        let hasCR = bytes[stop] == 0x0A && there > 0 && bytes[stop - 1] == 0x0D
        let content = hasCR ? there - 1 : there
        if content > frameBytesMax { return part(frameBytesMax, .line) }
        return last(contentCount: content, consumed: there + 1, isCut: false)
    }

    /// The place of the next LF or NUL, or the end of what is there.
    private func endOfLine() -> Int {
        ByteScan.firstIndex(
            ofEither: 0x0A, or: 0, in: bytes, from: max(start, searched), to: bytes.count)
            ?? bytes.count
    }

    /// The bytes of `range` without one end of line.
    private func trimmed(_ range: Range<Int>) -> Int {
        guard let last = range.last else { return 0 }
        if bytes[last] == 0 { return range.count - 1 }
        guard bytes[last] == 0x0A else { return range.count }
        return range.count > 1 && bytes[last - 1] == 0x0D ? range.count - 2 : range.count - 1
    }

    private mutating func part(_ count: Int, _ following: State) -> Frame {
        partCount += 1
        let range = start..<start + count
        start += count
        state = following
        return Frame(range: range, part: partCount, isLast: false)
    }

    private mutating func last(contentCount: Int, consumed: Int, isCut: Bool) -> Frame {
        let range = start..<start + contentCount
        start += consumed
        searched = start
        state = .between
        let part = partCount == 0 ? 0 : partCount + 1
        partCount = 0
        return Frame(range: range, part: part, isLast: true, isCut: isCut)
    }
}
