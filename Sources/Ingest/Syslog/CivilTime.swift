internal import Model

/// Dates and times of day to nanoseconds since 1970, in the proleptic Gregorian calendar. A second
/// of 60 is the first of the next minute, as POSIX has it.
struct CivilTime: Equatable {
    var year = 1970
    var month = 1
    var day = 1
    var hour = 0
    var minute = 0
    var second = 0
    var nanos = 0
    /// Seconds east of UTC.
    var offsetSeconds = 0

    /// Nanoseconds since 1970, or nil for a date or time that does not exist or that 64 bits of
    /// nanoseconds cannot say.
    var epochNanos: Int64? {
        let date = CivilDay(year: year, month: month, day: day)
        guard year >= 1678, year <= 2261, date.exists, hour < 24, minute < 60, second <= 60
        else { return nil }
        let seconds = date.number * 86_400 + hour * 3600 + minute * 60 + second - offsetSeconds
        return Int64(seconds) * 1_000_000_000 + Int64(nanos)
    }

    /// The year in which `epochNanos` falls.
    static func year(of epochNanos: Int64) -> Int {
        let seconds = epochNanos / 1_000_000_000
        return CivilDay(number: Int(seconds / 86_400) - (seconds % 86_400 < 0 ? 1 : 0)).year
    }
}
