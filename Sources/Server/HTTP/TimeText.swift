package import Model
internal import Query

/// Times and durations as people and Grafana write them in parameters and flags.
package enum TimeText {
    /// RFC 3339, seconds with decimals, or (`integersAreNanos`, as Loki reads them) nanoseconds
    /// when the number has more than ten digits. Nil for anything else.
    package static func parse(_ text: String, integersAreNanos: Bool = false) -> Timestamp? {
        if integersAreNanos, let number = Int64(text) {
            return text.utf8.count > 10
                ? Timestamp(nanos: number) : Timestamp(millis: number).scaledFromSeconds
        }
        if let seconds = plainNumber(text) { return Timestamp(seconds: seconds) }
        return rfc3339(Array(text.utf8))
    }

    /// `now`, `1h` (ago), or anything `parse` takes; for flags.
    package static func parseRelative(_ text: String, now: Timestamp) -> Timestamp? {
        if text == "now" { return now }
        let bare = text.hasPrefix("-") ? String(text.dropFirst()) : text
        if let nanos = try? DurationText.parse(bare), bare.utf8.last.map(isDigit) == false {
            return now.advanced(byNanos: -nanos)
        }
        return parse(text, integersAreNanos: true)
    }

    /// The same in nanoseconds, for callers that do not know `Timestamp`.
    package static func parseRelative(_ text: String, nowNanos: Int64) -> Int64? {
        parseRelative(text, now: Timestamp(nanos: nowNanos))?.nanos
    }

    /// `format` of nanoseconds.
    package static func format(nanos: Int64, decimals: Int = 3) -> String {
        format(Timestamp(nanos: nanos), decimals: decimals)
    }

    /// A duration: `5m`, `1h30m`, or seconds with decimals. Nanoseconds, nil for anything else.
    package static func duration(_ text: String) -> Int64? {
        if let seconds = plainNumber(text) {
            let nanos = (seconds * 1e9).rounded()
            return abs(nanos) < 9e18 ? Int64(nanos) : nil
        }
        return try? DurationText.parse(text)
    }

    /// `2026-11-23T10:15:02.120Z`: UTC, as many decimals as it takes, at least `decimals`.
    package static func format(_ timestamp: Timestamp, decimals: Int = 3) -> String {
        var seconds = timestamp.nanos / 1_000_000_000
        var rest = timestamp.nanos % 1_000_000_000
        if rest < 0 {
            rest += 1_000_000_000
            seconds -= 1
        }
        var days = seconds / 86_400
        var ofDay = seconds % 86_400
        if ofDay < 0 {
            ofDay += 86_400
            days -= 1
        }
        let date = CivilDay(number: Int(days))
        let clock = [ofDay / 3_600, ofDay / 60 % 60, ofDay % 60].map { padded($0, 2) }
        let day = [
            padded(Int64(date.year), 4), padded(Int64(date.month), 2), padded(Int64(date.day), 2),
        ]
        var text = day.joined(separator: "-") + "T" + clock.joined(separator: ":")
        var fraction = padded(rest, 9)
        while fraction.count > decimals, fraction.hasSuffix("0") { fraction.removeLast() }
        if !fraction.isEmpty { text += ".\(fraction)" }
        return text + "Z"
    }

    /// A decimal number without the words `nan` and `inf` and without hex.
    private static func plainNumber(_ text: String) -> Double? {
        let allowed = text.utf8.allSatisfy {
            isDigit($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
                || $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "e") || $0 == UInt8(ascii: "E")
        }
        guard allowed, let value = Double(text), value.isFinite else { return nil }
        return value
    }

    private static func rfc3339(_ text: [UInt8]) -> Timestamp? {
        guard text.count >= 10, let year = number(text, 0, 4), text[4] == UInt8(ascii: "-"),
            let month = number(text, 5, 2), text[7] == UInt8(ascii: "-"),
            let day = number(text, 8, 2)
        else { return nil }
        let date = CivilDay(year: Int(year), month: Int(month), day: Int(day))
        guard date.exists else { return nil }
        let days = Int64(date.number)
        if text.count == 10 { return Timestamp(millis: days * 86_400_000) }
        guard text.count >= 19, [UInt8(ascii: "T"), UInt8(ascii: "t"), 0x20].contains(text[10]),
            let hour = number(text, 11, 2), text[13] == UInt8(ascii: ":"),
            let minute = number(text, 14, 2), text[16] == UInt8(ascii: ":"),
            let second = number(text, 17, 2), hour < 24, minute < 60, second <= 60
        else { return nil }
        var place = 19
        var nanos: Int64 = 0
        if place < text.count, text[place] == UInt8(ascii: ".") {
            place += 1
            var scale: Int64 = 100_000_000
            let start = place
            while place < text.count, isDigit(text[place]) {
                nanos += Int64(text[place] - 0x30) * scale
                scale /= 10
                place += 1
            }
            guard place > start else { return nil }
        }
        guard let offset = zone(text[place...]) else { return nil }
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset
        return Timestamp(seconds: 0).advanced(byNanos: nanos).advanced(bySeconds: seconds)
    }

    /// `Z`, `+02:00` or nothing (UTC): seconds east.
    private static func zone(_ text: ArraySlice<UInt8>) -> Int64? {
        let bytes = Array(text)
        if bytes.isEmpty || bytes == [UInt8(ascii: "Z")] || bytes == [UInt8(ascii: "z")] {
            return 0
        }
        guard bytes.count == 6, bytes[3] == UInt8(ascii: ":"), let hours = number(bytes, 1, 2),
            let minutes = number(bytes, 4, 2), hours < 24, minutes < 60
        else { return nil }
        switch bytes[0] {
        case UInt8(ascii: "+"): return hours * 3_600 + minutes * 60
        case UInt8(ascii: "-"): return -(hours * 3_600 + minutes * 60)
        default: return nil
        }
    }

    private static func number(_ text: [UInt8], _ start: Int, _ count: Int) -> Int64? {
        guard start + count <= text.count else { return nil }
        var value: Int64 = 0
        for byte in text[start..<start + count] {
            guard isDigit(byte) else { return nil }
            value = value * 10 + Int64(byte - 0x30)
        }
        return value
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

    private static func padded(_ value: Int64, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension Timestamp {
    /// Saturates.
    fileprivate func advanced(bySeconds seconds: Int64) -> Timestamp {
        let (nanos, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return advanced(byNanos: overflow ? (seconds < 0 ? .min : .max) : nanos)
    }

    /// From a count of seconds that was taken for milliseconds.
    fileprivate var scaledFromSeconds: Timestamp {
        let (nanos, overflow) = nanos.multipliedReportingOverflow(by: 1_000)
        return Timestamp(nanos: overflow ? (self.nanos < 0 ? .min : .max) : nanos)
    }
}
