/// RFC 3164 and relatives: behind the PRI stand, each optional, Cisco's sequence number, a
/// timestamp, a host, and a tag with a process in brackets. What fits none of these is text.
///
/// A tag without timestamp is only believed when it has a process (`tag[20]: text`): else the
/// `ERROR:` of `<14>ERROR: disk full` would become the name of a program.
extension SyslogParser {
    func bsd(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ arrival: Int64,
        _ message: inout SyslogMessage
    ) {
        message.text = start..<end
        if bytes.starts(with: "date=", at: start, before: end) {
            return fortigate(bytes, start, end, &message)
        }
        var at = start
        let sequence = ciscoSequence(bytes, &at, end)
        let isCisco = !sequence.isEmpty || at > start
        guard let stamp = stamp(bytes, at, end, arrival) else {
            if let tag = tag(bytes, start, end), !tag.process.isEmpty { apply(tag, &message) }
            return
        }
        at = stamp.end
        // `Oct 11 22:14:15.123: %SYS-5-CONFIG: text` has a colon behind the time.
        let hasColon = bytes.has(0x3A, at: at, before: end)
        if hasColon { at += 1 }
        guard at == end || bytes[at] == 0x20 else { return }
        message.shape = .bsd
        message.timestamp = stamp.nanos
        message.sequence = sequence
        at = min(at + 1, end)
        message.text = at..<end
        if at == end { return }
        if !isCisco, !hasColon { host(bytes, &at, end, &message) }
        if let tag = tag(bytes, at, end) { apply(tag, &message) } else { message.text = at..<end }
    }

    /// A line without PRI. It is text, unless a whole header stands before it:
    /// `Oct 11 22:14:15 host tag[1]: text` (a relayed file), or Deis'
    /// `2006-01-02T15:04:05MST app[web.1]: text`. The first brackets are the tag's, whatever the text
    /// has. Deis writes the name of its host's zone: with one that is not known, the time of arrival
    /// counts.
    func headless(
        _ bytes: Span<UInt8>, _ range: Range<Int>, _ arrival: Int64,
        _ message: inout SyslogMessage
    ) {
        let end = range.upperBound
        guard range.count > 20 else { return }
        let first = bytes[range.lowerBound]
        let stamp: SyslogTime.Stamp?
        let isDeis = first.isDigit
        if isDeis {
            stamp = SyslogTime.iso(
                bytes, range.lowerBound, end, utcOffsetSeconds: utcOffsetSeconds)
        } else if first.isLetter {
            stamp = SyslogTime.bsd(
                bytes, range.lowerBound, end, reference: arrival,
                utcOffsetSeconds: utcOffsetSeconds)
        } else {
            stamp = nil
        }
        guard let stamp else { return }
        var at = stamp.end
        if isDeis { while at < end, bytes[at].isLetter, at - stamp.end < 5 { at += 1 } }
        let isTimeKnown = at == stamp.end
        guard bytes.has(0x20, at: at, before: end) else { return }
        at += 1
        var parsed = message
        if !isDeis { host(bytes, &at, end, &parsed) }
        guard let tag = tag(bytes, at, end), tag.hasColon, !isDeis || !tag.process.isEmpty
        else { return }
        parsed.shape = .bsd
        if isTimeKnown { parsed.timestamp = stamp.nanos }
        apply(tag, &parsed)
        message = parsed
    }

    private func stamp(
        _ bytes: Span<UInt8>, _ at: Int, _ end: Int, _ arrival: Int64
    ) -> SyslogTime.Stamp? {
        guard at < end else { return nil }
        if bytes[at].isDigit,
            let stamp = SyslogTime.iso(bytes, at, end, utcOffsetSeconds: utcOffsetSeconds)
        {
            return stamp
        }
        return SyslogTime.bsd(
            bytes, at, end, reference: arrival, utcOffsetSeconds: utcOffsetSeconds)
    }

    /// `65536: *Sep 28 …`: the number; moves behind it and behind the mark of an unset clock.
    private func ciscoSequence(
        _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int
    ) -> Range<Int> {
        var place = at
        while place < end, bytes[place].isDigit { place += 1 }
        var sequence = at..<at
        let hasNumber = place > at && bytes.has(0x3A, at: place, before: end)
        if hasNumber, bytes.has(0x20, at: place + 1, before: end) {
            sequence = at..<place
            place += 2
        } else {
            place = at
        }
        if place < end, bytes[place] == 0x2A || bytes[place] == 0x2E { place += 1 }
        // Without a timestamp behind it, it is text.
        guard place < end, bytes[place].isLetter || bytes[place].isDigit else { return at..<at }
        at = place
        return sequence
    }

    /// The host at `at`, if the first word is one; moves behind it.
    private func host(
        _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ message: inout SyslogMessage
    ) {
        if bytes.has(0x20, at: at, before: end) {
            // logspout without a host name: two spaces.
            at += 1
            return
        }
        if bytes.starts(with: "last message repeated ", at: at, before: end) { return }
        let forwarded = "Message forwarded from "
        if bytes.starts(with: forwarded, at: at, before: end) {
            let start = at + forwarded.utf8.count
            var stop = start
            while stop < end, bytes[stop] != 0x20 { stop += 1 }
            if stop > start, bytes[stop - 1] == 0x3A, stop < end {
                message.host = start..<stop - 1
                at = stop + 1
                return
            }
        }
        let stop = bytes.firstIndex(of: 0x20, from: at, to: end) ?? end
        guard !isTag(bytes, at..<stop) else { return }
        // One word and nothing else is text.
        guard stop < end else { return }
        message.host = at..<stop
        at = stop + 1
    }

    /// Whether a word is a tag (`su:`, `sshd[12]:`) and not a host. `0002::` is an address.
    private func isTag(_ bytes: Span<UInt8>, _ word: Range<Int>) -> Bool {
        var colonCount = 0
        var isHex = true
        for at in word {
            if bytes[at] == 0x5B, at > word.lowerBound { return true }
            if bytes[at] == 0x3A {
                colonCount += 1
            } else if !bytes[at].isDigit, (bytes[at] | 0x20) &- 0x61 > 5 {
                isHex = false
            }
        }
        guard let last = word.last, bytes[last] == 0x3A else { return false }
        return !(isHex && colonCount >= 2)
    }

    struct Tag {
        var name: Range<Int>
        var process: Range<Int>
        var hasColon: Bool
        var text: Range<Int>
    }

    /// `name: text`, `name[process]: text` or `name[process] text` at `start`. The name has no
    /// space; a colon ends it only before a space or the end.
    private func tag(_ bytes: Span<UInt8>, _ start: Int, _ end: Int) -> Tag? {
        var at = start
        while at < end, bytes[at] != 0x20, bytes[at] != 0x5B {
            if bytes[at] == 0x3A, at + 1 == end || bytes[at + 1] == 0x20 { break }
            at += 1
        }
        guard at < end, at > start, bytes[at] != 0x20 else { return nil }
        let name = start..<at
        var process = at..<at
        if bytes[at] == 0x5B {
            var close = at + 1
            while close < end, bytes[close] != 0x5D, bytes[close] != 0x20 { close += 1 }
            guard bytes.has(0x5D, at: close, before: end) else { return nil }
            process = at + 1..<close
            at = close + 1
        }
        let hasColon = bytes.has(0x3A, at: at, before: end)
        if hasColon { at += 1 }
        guard at == end || bytes[at] == 0x20 || (hasColon && !process.isEmpty) else { return nil }
        if bytes.has(0x20, at: at, before: end) { at += 1 }
        return Tag(name: name, process: process, hasColon: hasColon, text: at..<end)
    }

    private func apply(_ tag: Tag, _ message: inout SyslogMessage) {
        message.shape = .bsd
        message.app = tag.name
        message.process = tag.process
        message.text = tag.text
    }

    /// `date=2019-05-10 time=11:37:47 devname="fw1" … tz="-0800" …`: the pairs are the text; time
    /// and host are taken from them.
    private func fortigate(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ message: inout SyslogMessage
    ) {
        message.shape = .bsd
        var at = start
        var time = CivilTime(offsetSeconds: utcOffsetSeconds)
        var hasDate = false
        var hasTime = false
        // The first pairs are the head; a long tail of others is not searched.
        for _ in 0..<16 where at < end {
            guard let equals = bytes.firstIndex(of: 0x3D, from: at, to: end) else { break }
            let isQuoted = bytes.has(0x22, at: equals + 1, before: end)
            let from = isQuoted ? equals + 2 : equals + 1
            let stop = bytes.firstIndex(of: isQuoted ? 0x22 : 0x20, from: from, to: end) ?? end
            let name = at..<equals
            if name.count == 4, bytes.starts(with: "date", at: at, before: end), stop - from == 10 {
                if let year = bytes.digits(4, at: from, before: end),
                    let month = bytes.digits(2, at: from + 5, before: end),
                    let day = bytes.digits(2, at: from + 8, before: end)
                {
                    (time.year, time.month, time.day) = (year, month, day)
                    hasDate = true
                }
            } else if name.count == 4, bytes.starts(with: "time", at: at, before: end),
                let hour = bytes.digits(2, at: from, before: end),
                let minute = bytes.digits(2, at: from + 3, before: end),
                let second = bytes.digits(2, at: from + 6, before: end)
            {
                (time.hour, time.minute, time.second) = (hour, minute, second)
                hasTime = true
            } else if name.count == 7, bytes.starts(with: "devname", at: at, before: end) {
                message.host = min(from, stop)..<stop
            } else if name.count == 2, bytes.starts(with: "tz", at: at, before: end),
                stop - from == 5, let clock = bytes.digits(4, at: from + 1, before: end)
            {
                let seconds = (clock / 100) * 3600 + (clock % 100) * 60
                time.offsetSeconds = bytes[from] == 0x2D ? -seconds : seconds
            }
            at = min(isQuoted ? stop + 2 : stop + 1, end)
        }
        if hasDate, hasTime { message.timestamp = time.epochNanos }
    }
}
