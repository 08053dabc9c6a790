/// The timestamps that are seen in syslog, read from a span. Each function returns the time and
/// where it ends, or nil; nothing is read at or behind `end`.
///
/// Sources: RFC 3339, RFC 5424 §6.2.3, RFC 3164 §4.1.2, and what is sent under these names
/// (reference: Cisco IOS, Deis, Fortigate, syslog-ng's and Graylog's test vectors).
enum SyslogTime {
    struct Stamp: Equatable {
        var nanos: Int64
        /// Behind the last byte of the timestamp.
        var end: Int
    }

    /// `2016-10-12T14:10:18.123456789+02:00` and its relatives: any number of fraction digits,
    /// `.` or `,` before them, a space for T, no offset (then `utcOffsetSeconds`), offsets without
    /// colon, lower-case t and z, and a zone's name (`MST`).
    static func iso(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int, utcOffsetSeconds: Int
    ) -> Stamp? {
        // 2016-10-12T14:10:18
        guard start + 19 <= end, bytes[start + 4] == 0x2D, bytes[start + 7] == 0x2D,
            bytes[start + 10] | 0x20 == 0x74 || bytes[start + 10] == 0x20,
            bytes[start + 13] == 0x3A, bytes[start + 16] == 0x3A,
            let year = bytes.digits(4, at: start, before: end),
            let month = bytes.digits(2, at: start + 5, before: end),
            let day = bytes.digits(2, at: start + 8, before: end),
            let hour = bytes.digits(2, at: start + 11, before: end),
            let minute = bytes.digits(2, at: start + 14, before: end),
            let second = bytes.digits(2, at: start + 17, before: end)
        else { return nil }
        var time = CivilTime(
            year: year, month: month, day: day, hour: hour, minute: minute, second: second,
            offsetSeconds: utcOffsetSeconds)
        var at = fraction(bytes, start + 19, end, &time)
        if at < end, let offset = offset(bytes, at, end) {
            time.offsetSeconds = offset.seconds
            at = offset.end
        }
        return time.epochNanos.map { Stamp(nanos: $0, end: at) }
    }

    /// `Oct  1 22:14:15` and its relatives: the day padded with a space, a zero or nothing, any
    /// case, a fraction, a year before (`1990 Oct 22 10:52:01`), inside (`Oct 22 1990 10:52:01`) or
    /// behind, and a zone (`CST`, `TZ-6`). Without a year, it is the one that puts the time next to
    /// `reference` (the arrival): at most a day after it.
    static func bsd(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int, reference: Int64, utcOffsetSeconds: Int
    ) -> Stamp? {
        var time = CivilTime(offsetSeconds: utcOffsetSeconds)
        var at = start
        var hasYear = year(bytes, &at, end, &time)
        if hasYear {
            guard bytes.has(0x20, at: at, before: end) else { return nil }
            at += 1
        }
        guard let month = month(bytes, at, end), bytes.has(0x20, at: at + 3, before: end) else {
            return nil
        }
        time.month = month
        at += 4
        if bytes.has(0x20, at: at, before: end) { at += 1 }
        guard at < end, bytes[at].isDigit else { return nil }
        time.day = 0
        while at < end, bytes[at].isDigit, time.day < 10 {
            time.day = time.day * 10 + Int(bytes[at] - 0x30)
            at += 1
        }
        guard bytes.has(0x20, at: at, before: end) else { return nil }
        at += 1
        if !hasYear, year(bytes, &at, end, &time) {
            hasYear = true
            guard bytes.has(0x20, at: at, before: end) else { return nil }
            at += 1
        }
        guard at + 8 <= end, bytes[at + 2] == 0x3A, bytes[at + 5] == 0x3A,
            let hour = bytes.digits(2, at: at, before: end),
            let minute = bytes.digits(2, at: at + 3, before: end),
            let second = bytes.digits(2, at: at + 6, before: end)
        else { return nil }
        time.hour = hour
        time.minute = minute
        time.second = second
        at = fraction(bytes, at + 8, end, &time)
        at = tail(bytes, at, end, &time, &hasYear)
        if !hasYear { time.year = inferredYear(time, reference) }
        return time.epochNanos.map { Stamp(nanos: $0, end: at) }
    }

    /// A zone and a year behind the time of day, as far as they are there.
    private static func tail(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ time: inout CivilTime,
        _ hasYear: inout Bool
    ) -> Int {
        var at = start
        if bytes.has(0x20, at: at, before: end), let zone = offset(bytes, at + 1, end),
            zone.end == end || bytes[zone.end] == 0x20 || bytes[zone.end] == 0x3A
        {
            time.offsetSeconds = zone.seconds
            at = zone.end
        }
        guard !hasYear, bytes.has(0x20, at: at, before: end) else { return at }
        var behind = at + 1
        if year(bytes, &behind, end, &time),
            behind == end || bytes[behind] == 0x20 || bytes[behind] == 0x3A
        {
            hasYear = true
            return behind
        }
        return at
    }

    /// The year of arrival, or the one before when that lies more than a day ahead, or the one
    /// behind when it lies nearly a year back (a sender whose clock is ahead at New Year).
    private static func inferredYear(_ time: CivilTime, _ reference: Int64) -> Int {
        let dayNanos: Int64 = 86_400_000_000_000
        let year = CivilTime.year(of: reference)
        var next = time
        next.year = year + 1
        if let nanos = next.epochNanos, nanos <= reference + dayNanos { return year + 1 }
        var same = time
        same.year = year
        // 29 February of a year that has none was meant for the last that had.
        guard let nanos = same.epochNanos else {
            for back in 1...8 {
                same.year = year - back
                if same.epochNanos != nil { return same.year }
            }
            return year
        }
        return nanos > reference + dayNanos ? year - 1 : year
    }

    /// Four digits of a year that syslog can have seen.
    private static func year(
        _ bytes: Span<UInt8>, _ at: inout Int, _ end: Int, _ time: inout CivilTime
    ) -> Bool {
        guard let year = bytes.digits(4, at: at, before: end), year >= 1970, year <= 2261
        else { return false }
        time.year = year
        at += 4
        return true
    }

    private static func month(_ bytes: Span<UInt8>, _ at: Int, _ end: Int) -> Int? {
        guard at + 3 <= end else { return nil }
        let word =
            UInt32(bytes[at] | 0x20) << 16 | UInt32(bytes[at + 1] | 0x20) << 8
            | UInt32(bytes[at + 2] | 0x20)
        switch word {
        case 0x6a_616e: return 1
        case 0x66_6562: return 2
        case 0x6d_6172: return 3
        case 0x61_7072: return 4
        case 0x6d_6179: return 5
        case 0x6a_756e: return 6
        case 0x6a_756c: return 7
        case 0x61_7567: return 8
        case 0x73_6570: return 9
        case 0x6f_6374: return 10
        case 0x6e_6f76: return 11
        case 0x64_6563: return 12
        default: return nil
        }
    }

    /// `.` or `,` and digits, of which nine count. The place behind them.
    private static func fraction(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int, _ time: inout CivilTime
    ) -> Int {
        guard start < end, bytes[start] == 0x2E || bytes[start] == 0x2C else { return start }
        var at = start + 1
        var scale = 100_000_000
        var nanos = 0
        while at < end, bytes[at].isDigit {
            nanos += Int(bytes[at] - 0x30) * scale
            scale /= 10
            at += 1
        }
        time.nanos = nanos
        return at
    }

    /// `Z`, `+02:00`, `+0200`, `-07`, `TZ-6` or the name of a zone, in seconds east of UTC.
    private static func offset(
        _ bytes: Span<UInt8>, _ start: Int, _ end: Int
    ) -> (seconds: Int, end: Int)? {
        guard start < end else { return nil }
        let first = bytes[start]
        if first == 0x2B || first == 0x2D {
            guard let hours = bytes.digits(2, at: start + 1, before: end) else { return nil }
            var at = start + 3
            var minutes = 0
            let colon = bytes.has(0x3A, at: at, before: end) ? 1 : 0
            if let digits = bytes.digits(2, at: at + colon, before: end) {
                minutes = digits
                at += colon + 2
            }
            guard hours < 24, minutes < 60 else { return nil }
            let seconds = hours * 3600 + minutes * 60
            return (first == 0x2D ? -seconds : seconds, at)
        }
        var at = start
        while at < end, bytes[at].isLetter, at - start < 6 { at += 1 }
        if at - start == 2, bytes.starts(with: "TZ", at: start, before: end), at < end,
            bytes[at] == 0x2B || bytes[at] == 0x2D, at + 1 < end, bytes[at + 1].isDigit
        {
            var hours = Int(bytes[at + 1] - 0x30)
            let isEast = bytes[at] == 0x2B
            at += 2
            if at < end, bytes[at].isDigit {
                hours = hours * 10 + Int(bytes[at] - 0x30)
                at += 1
            }
            return hours < 24 ? (isEast ? hours * 3600 : -hours * 3600, at) : nil
        }
        for zone in zones where zone.name.utf8.count == at - start {
            if bytes.starts(with: zone.name, at: start, before: end) {
                return (zone.hours * 3600, at)
            }
        }
        return nil
    }

    /// Zones by name, as `date` prints them where logs come from; hours east of UTC. Some names are
    /// used twice in the world: the North American and European meaning is taken. Upper case, since
    /// what follows a time may also be a host's name.
    private static let zones: [(name: String, hours: Int)] = [
        ("Z", 0), ("z", 0), ("UTC", 0), ("GMT", 0), ("WET", 0), ("WEST", 1), ("BST", 1),
        ("CET", 1), ("CEST", 2), ("EET", 2), ("EEST", 3), ("MSK", 3), ("SAST", 2), ("JST", 9),
        ("KST", 9), ("AEST", 10), ("AEDT", 11), ("NZST", 12), ("NZDT", 13), ("EST", -5),
        ("EDT", -4), ("CST", -6), ("CDT", -5), ("MST", -7), ("MDT", -6), ("PST", -8), ("PDT", -7),
    ]
}
