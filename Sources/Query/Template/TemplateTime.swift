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
    var year: Int64
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
        let days = CivilDate.floorDivide(seconds, 86_400)
        let rest = Int((seconds % 86_400 + 86_400) % 86_400)
        (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60)
        dayOfWeek = Int(((days + 4) % 7 + 7) % 7)
        // Eras of 400 years that begin on 1 March.
        let shifted = days + 719_468
        let era = CivilDate.floorDivide(shifted, 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra =
            (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayFromMarch = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayFromMarch + 2) / 153
        day = Int(dayFromMarch - (153 * monthFromMarch + 2) / 5) + 1
        month = Int(monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9)
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        dayOfYear = Int(days - CivilDate.days(year: year, month: 1, day: 1)) + 1
    }

    /// Days since 1 January 1970.
    static func days(year: Int64, month: Int, day: Int) -> Int64 {
        let shifted = year - (month <= 2 ? 1 : 0)
        let era = floorDivide(shifted, 400)
        let yearOfEra = shifted - era * 400
        let fromMarch = Int64(month > 2 ? month - 3 : month + 9)
        let dayOfYear = (153 * fromMarch + 2) / 5 + Int64(day) - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
            - 719_468
    }

    static func dayCount(year: Int64, month: Int) -> Int {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    private static func floorDivide(_ a: Int64, _ b: Int64) -> Int64 {
        a / b - (a % b < 0 ? 1 : 0)
    }
}
