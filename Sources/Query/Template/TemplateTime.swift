internal import Model

/// A point in time in a zone. Go's zero time, 1 January of the year 1, is one too.
struct TemplateTime: Sendable, Hashable {
    /// Since 1970 in UTC.
    var seconds: Int64
    /// 0 ..< 1,000,000,000
    var nanos: Int64
    /// East of UTC.
    var zoneSeconds: Int
    /// `UTC`, or empty where it has no name.
    var zoneName: String

    /// What Go has where nothing was read.
    static let zero = TemplateTime(seconds: -62_135_596_800, nanos: 0)

    init(seconds: Int64, nanos: Int64, zoneSeconds: Int = 0, zoneName: String = "UTC") {
        self.seconds = seconds
        self.nanos = nanos
        self.zoneSeconds = zoneSeconds
        self.zoneName = zoneName
    }

    /// Nanoseconds since 1970.
    init(nanos: Int64) {
        let seconds = nanos / 1_000_000_000
        let rest = nanos % 1_000_000_000
        self.init(
            seconds: rest < 0 ? seconds - 1 : seconds,
            nanos: rest < 0 ? rest + 1_000_000_000 : rest)
    }

    /// Nanoseconds since 1970; without meaning beyond the years 1678 to 2262, as in Go.
    var unixNanos: Int64 { seconds &* 1_000_000_000 &+ nanos }

    /// The local date and time.
    var civil: CivilDate { CivilDate(secondsOfLocalTime: seconds &+ Int64(zoneSeconds)) }

    func advanced(byNanos delta: Int64) -> TemplateTime {
        var result = self
        let (sum, carry) = (nanos + delta % 1_000_000_000, delta / 1_000_000_000)
        result.seconds = seconds &+ carry &+ (sum < 0 ? -1 : sum / 1_000_000_000)
        result.nanos = sum < 0 ? sum + 1_000_000_000 : sum % 1_000_000_000
        return result
    }

    /// Nanoseconds from `other`, as far as they can be said.
    func nanos(since other: TemplateTime) -> Int64 {
        let (seconds, isFar) = self.seconds.subtractingReportingOverflow(other.seconds)
        let (product, isFarther) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, isFarthest) = product.addingReportingOverflow(nanos - other.nanos)
        if isFar || isFarther || isFarthest { return self.seconds < other.seconds ? .min : .max }
        return sum
    }

    static func < (a: TemplateTime, b: TemplateTime) -> Bool {
        (a.seconds, a.nanos) < (b.seconds, b.nanos)
    }

    func isSameInstant(as other: TemplateTime) -> Bool {
        seconds == other.seconds && nanos == other.nanos
    }

    /// As Go prints it: `2006-01-02 15:04:05.999999999 -0700 MST`.
    var description: String {
        String(
            decoding: TimeLayout.format(
                self, Array("2006-01-02 15:04:05.999999999 -0700 MST".utf8)), as: UTF8.self)
    }
}

/// A date and a time of day, without a zone.
struct CivilDate: Sendable, Equatable {
    var year: Int
    /// 1 to 12.
    var month: Int
    var day: Int
    var hour: Int
    var minute: Int
    var second: Int
    /// From 1.
    var dayOfYear: Int
    /// From 0, Sunday.
    var dayOfWeek: Int

    static let monthNames = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September",
        "October", "November", "December",
    ]
    static let dayNames = [
        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday",
    ]

    init(secondsOfLocalTime seconds: Int64) {
        let days = Int(seconds / 86_400) - (seconds % 86_400 < 0 ? 1 : 0)
        let rest = Int((seconds % 86_400 + 86_400) % 86_400)
        (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60)
        let date = CivilDay(number: days)
        (year, month, day) = (date.year, date.month, date.day)
        (dayOfYear, dayOfWeek) = (date.ofYear, date.ofWeek)
    }
}
