/// Takes one syslog message apart: RFC 5424, RFC 3164 and what is sent under these names. Pure; any
/// bytes are a message: what is no header is text, kept verbatim.
///
/// The first byte decides. `<`: a PRI; then a version and a timestamp make it RFC 5424, else it is
/// RFC 3164 as far as that goes. No `<`: text (logspout's raw mode), unless it begins with a whole
/// RFC 3164 or Deis header.
/// Sources: RFC 5424, RFC 3164, logspout's adapters/syslog.
struct SyslogParser {
    /// Seconds east of UTC for timestamps that do not say.
    var utcOffsetSeconds = 0

    /// Parses bytes[range], one message without its frame. `arrival`: ns, for the year that RFC
    /// 3164 leaves out.
    func parse(_ bytes: Span<UInt8>, _ range: Range<Int>, arrival: Int64) -> SyslogMessage {
        var message = SyslogMessage(text: range)
        let end = range.upperBound
        var at = range.lowerBound
        guard bytes.has(0x3C, at: at, before: end) else {
            headless(bytes, range, arrival, &message)
            return message
        }
        guard let priority = priority(bytes, &at, end) else {
            message.shape = .failed
            message.fault = .priority
            return message
        }
        message.priority = priority
        if let fields = version(bytes, at, end) {
            structured(bytes, fields, end, &message)
        } else {
            bsd(bytes, at, end, arrival, &message)
        }
        return message
    }

    /// `<0>` to `<191>`, without leading zeros. Moves behind it.
    private func priority(_ bytes: Span<UInt8>, _ at: inout Int, _ end: Int) -> UInt8? {
        var value = 0
        var place = at + 1
        while place < end, bytes[place].isDigit, place - at <= 3 {
            value = value * 10 + Int(bytes[place] - 0x30)
            place += 1
        }
        let digitCount = place - at - 1
        guard digitCount > 0, bytes.has(0x3E, at: place, before: end), value <= 191,
            digitCount == 1 || bytes[at + 1] != 0x30
        else { return nil }
        at = place + 1
        return UInt8(value)
    }

    /// Where the timestamp of RFC 5424 begins, if a version stands at `start` and something that
    /// can be a timestamp (or nothing at all) behind it. Version 0 has been seen.
    private func version(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Int? {
        var at = start
        while at < end, bytes[at].isDigit, at - start < 3 { at += 1 }
        guard at > start else { return nil }
        if at == end { return at - start == 1 ? at : nil }
        guard bytes[at] == 0x20 else { return nil }
        at += 1
        if at == end { return at }
        if bytes[at] == 0x2D { return at + 1 == end || bytes[at + 1] == 0x20 ? at : nil }
        let looksLikeDate =
            bytes.digits(4, at: at, before: end) != nil && bytes.has(0x2D, at: at + 4, before: end)
        return looksLikeDate ? at : nil
    }

    /// The header behind the version; it may end after any field.
    private func structured(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ message: inout SyslogMessage
    ) {
        message.shape = .structured
        message.text = end..<end
        var at = start
        guard at < end else { return }
        if bytes[at] == 0x2D {
            at += 1
        } else if let stamp = SyslogTime.iso(
            bytes, at, end, utcOffsetSeconds: utcOffsetSeconds),
            stamp.end == end || bytes[stamp.end] == 0x20
        {
            message.timestamp = stamp.nanos
            at = stamp.end
        } else {
            message.shape = .failed
            message.fault = .timestamp
            message.text = start..<end
            return
        }
        message.host = field(bytes, &at, end)
        message.app = field(bytes, &at, end)
        message.process = field(bytes, &at, end)
        message.messageID = field(bytes, &at, end)
        guard at < end else { return }
        at += 1
        structuredDataAndText(bytes, at, end, &message)
    }

    /// The field behind the space at `at`: up to the next space. Two spaces enclose an empty one,
    /// which is how logspout sends a missing host name. `-` is empty too.
    private func field(_ bytes: Span<UInt8>, _ at: inout Int, _ end: Int) -> Range<Int> {
        guard at < end else { return end..<end }
        let start = at + 1
        let stop = bytes.firstIndex(of: 0x20, from: start, to: end) ?? end
        at = stop
        if stop - start == 1, bytes[start] == 0x2D { return stop..<stop }
        return min(start, stop)..<stop
    }

    private func structuredDataAndText(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ message: inout SyslogMessage
    ) {
        guard start < end else { return }
        var at = start
        if bytes[at] == 0x2D, at + 1 == end || bytes[at + 1] == 0x20 {
            at += 1
        } else if let stop = StructuredData.end(bytes, at, end) {
            message.structuredData = at..<stop
            at = stop
        } else {
            // What should have been structured data is part of the text: nothing is lost.
            message.fault = .structuredData
            message.text = start..<end
            return
        }
        if bytes.has(0x20, at: at, before: end) { at += 1 }
        message.text = withoutBOM(bytes, at, end)
    }

    private func withoutBOM(_ bytes: Span<UInt8>, _ at: Int, _ end: Int) -> Range<Int> {
        let hasBOM =
            at + 3 <= end && bytes[at] == 0xEF && bytes[at + 1] == 0xBB && bytes[at + 2] == 0xBF
        return (hasBOM ? at + 3 : at)..<end
    }
}
